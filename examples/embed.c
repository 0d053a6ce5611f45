/* Embeds pictures with a trained model and writes them for NumPy: embed RUN DATA OUT.npy */
#include "tacit.h"

#include <stdio.h>
#include <stdlib.h>

static tacit_status embed(tacit_context *context, tacit_model *model, tacit_dataset *data, const char *path)
{
    tacit_model_info info;
    tacit_dataset_info pictures;
    tacit_model_get_info(model, &info);
    tacit_dataset_get_info(data, &pictures);
    float *vectors = calloc((size_t)pictures.count, (size_t)info.dimension * sizeof *vectors); /* (N, D) */
    if (!vectors)
        return TACIT_NOMEM;
    tacit_status status = tacit_model_embed(model, data, 0, pictures.count, vectors, NULL, NULL);
    if (status == TACIT_OK)
        status = tacit_save_npy(context, path, vectors, pictures.count, info.dimension);
    if (status == TACIT_OK)
        printf("%s: %lld vectors of %lld numbers\n", path, (long long)pictures.count,
               (long long)info.dimension);
    free(vectors);
    return status;
}

int main(int argc, char **argv)
{
    tacit_context *context;
    tacit_model *model = NULL;
    tacit_dataset *data = NULL;
    if (argc != 4 || tacit_context_create(&context, NULL) != TACIT_OK)
        return EXIT_FAILURE;
    const char *path = argv[2];
    tacit_status status = tacit_model_open(&model, context, argv[1]);
    if (status == TACIT_OK)
        status = tacit_dataset_open(&data, context, &path, 1, NULL);
    if (status == TACIT_OK)
        status = embed(context, model, data, argv[3]);
    if (status != TACIT_OK)
        fprintf(stderr, "%s\n", tacit_context_message(context));
    tacit_dataset_close(data);
    tacit_model_close(model);
    tacit_context_destroy(context);
    return status == TACIT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
