/* For each of the first pictures, those that the model takes for most alike: neighbours RUN DATA */
#include "tacit.h"

#include <stdio.h>
#include <stdlib.h>

enum { QUERIES = 3, NEAREST = 5 };

static void print_row(const tacit_dataset *data, const int32_t *rows, const float *similarity)
{
    char name[256];
    for (int k = 0; k < NEAREST; k++) { /* the first is the picture itself */
        tacit_dataset_name(data, rows[k], name, sizeof name);
        printf(k ? "    %.3f  %s\n" : "%.3f  %s\n", (double)similarity[k], name);
    }
}

static tacit_status find(tacit_context *context, tacit_model *model, tacit_dataset *data)
{
    int32_t rows[QUERIES][NEAREST];
    float similarity[QUERIES][NEAREST];
    tacit_model_info info;
    tacit_dataset_info pictures;
    tacit_model_get_info(model, &info);
    tacit_dataset_get_info(data, &pictures);
    const int64_t n = pictures.count, d = info.dimension, queries = n < QUERIES ? n : QUERIES;
    float *vectors = calloc((size_t)n, (size_t)d * sizeof *vectors); /* (N, D) */
    tacit_status status = vectors ? tacit_model_embed(model, data, 0, n, vectors, NULL, NULL) : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = tacit_nearest(context, vectors, queries, vectors, n, d, NEAREST, rows[0], similarity[0]);
    for (int64_t i = 0; status == TACIT_OK && i < queries; i++)
        print_row(data, rows[i], similarity[i]);
    free(vectors);
    return status;
}

int main(int argc, char **argv)
{
    tacit_context *context;
    tacit_model *model = NULL;
    tacit_dataset *data = NULL;
    if (argc != 3 || tacit_context_create(&context, NULL) != TACIT_OK)
        return EXIT_FAILURE;
    const char *path = argv[2];
    tacit_status status = tacit_model_open(&model, context, argv[1]);
    if (status == TACIT_OK)
        status = tacit_dataset_open(&data, context, &path, 1, NULL);
    if (status == TACIT_OK)
        status = find(context, model, data);
    if (status != TACIT_OK)
        fprintf(stderr, "%s\n", tacit_context_message(context));
    tacit_dataset_close(data);
    tacit_model_close(model);
    tacit_context_destroy(context);
    return status == TACIT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
