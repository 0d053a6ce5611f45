/* Few labels to a classifier, and what it says of other pictures: classify RUN LABELLED HEAD PICTURES */
#include "tacit.h"

#include <stdio.h>
#include <stdlib.h>

static tacit_status answer(tacit_model *head, const tacit_dataset *data, int64_t count, int32_t classes)
{
    char name[256];
    tacit_classification found;
    int32_t *predicted = calloc((size_t)count, sizeof *predicted);
    float *probability = calloc((size_t)count, (size_t)classes * sizeof *probability); /* (N, classes) */
    tacit_status status = TACIT_NOMEM;
    if (predicted && probability)
        status = tacit_classify(head, data, predicted, probability, NULL, &found, NULL, NULL);
    for (int64_t i = 0; status == TACIT_OK && i < count; i++) {
        tacit_dataset_name(data, i, name, sizeof name);
        printf("%s  %s  %.3f\n", name, tacit_model_class(head, predicted[i]),
               (double)probability[i * classes + predicted[i]]);
    }
    free(predicted);
    free(probability);
    return status;
}

int main(int argc, char **argv)
{
    tacit_context *context;
    tacit_model *run = NULL, *head = NULL;
    tacit_dataset *labelled = NULL, *pictures = NULL;
    tacit_classifier made;
    tacit_model_info model;
    tacit_dataset_info data;
    if (argc != 5 || tacit_context_create(&context, NULL) != TACIT_OK)
        return EXIT_FAILURE;
    const char *const labels = argv[2], *const others = argv[4];
    tacit_status status = tacit_model_open(&run, context, argv[1]);
    if (status == TACIT_OK)
        status = tacit_dataset_open(&labelled, context, &labels, 1, NULL);
    if (status == TACIT_OK)
        status = tacit_classify_fit(run, labelled, argv[3], NULL, NULL, &made, NULL, NULL);
    if (status == TACIT_OK)
        status = tacit_model_open(&head, context, argv[3]);
    if (status == TACIT_OK)
        status = tacit_dataset_open(&pictures, context, &others, 1, NULL);
    if (status == TACIT_OK) {
        tacit_model_get_info(head, &model);
        tacit_dataset_get_info(pictures, &data);
        status = answer(head, pictures, data.count, model.classes);
    }
    if (status != TACIT_OK)
        fprintf(stderr, "%s\n", tacit_context_message(context));
    tacit_dataset_close(pictures);
    tacit_dataset_close(labelled);
    tacit_model_close(head);
    tacit_model_close(run);
    tacit_context_destroy(context);
    return status == TACIT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
