/* Trains a small language model on a text and writes on from a prompt: write TEXT RUN PROMPT */
#include "tacit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_piece(void *user, const char *text, size_t size)
{
    (void)user;
    fwrite(text, 1, size, stdout);
    fflush(stdout);
}

static tacit_status train(tacit_context *context, const char *path, const char *run)
{
    tacit_config *config;
    tacit_dataset *data = NULL;
    tacit_status status = tacit_config_create(&config, context, "next-word");
    if (status == TACIT_OK)
        status = tacit_config_set(config, "tokenizer", "chars");
    if (status == TACIT_OK)
        status = tacit_config_set(config, "window", "32");
    if (status == TACIT_OK)
        status = tacit_config_set(config, "epochs", "2");
    if (status == TACIT_OK)
        status = tacit_dataset_open(&data, context, &path, 1, NULL);
    if (status == TACIT_OK)
        status = tacit_train(context, config, data, run, NULL);
    tacit_dataset_close(data);
    tacit_config_destroy(config);
    return status;
}

int main(int argc, char **argv)
{
    tacit_context *context;
    tacit_model *model = NULL;
    tacit_generation done;
    tacit_generate_options options = tacit_generate_options_default();
    options.tokens = 80;
    if (argc != 4 || tacit_context_create(&context, NULL) != TACIT_OK)
        return EXIT_FAILURE;
    tacit_status status = train(context, argv[1], argv[2]);
    if (status == TACIT_OK)
        status = tacit_model_open(&model, context, argv[2]);
    if (status == TACIT_OK)
        status = tacit_generate(model, argv[3], strlen(argv[3]), &options, 0, print_piece, NULL, &done);
    printf("\n");
    if (status != TACIT_OK)
        fprintf(stderr, "%s\n", tacit_context_message(context));
    tacit_model_close(model);
    tacit_context_destroy(context);
    return status == TACIT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
