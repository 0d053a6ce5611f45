/* Trains a masked autoencoder on pictures in memory: train_array RUN
 * The pictures are made here, bright bars on a dark ground; put your own (N, H, W, C) bytes in their place.
 */
#include "tacit.h"

#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 256, SIDE = 16 };

/* Picture i: a bar, upright or lying, at one of the places. */
static void draw(uint8_t *pixels, int i)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            pixels[y * SIDE + x] = ((i % 2 ? x : y) + i / 2) % SIDE < 4 ? 220 : 30;
}

static void show(void *user, const tacit_progress *p)
{
    (void)user;
    if (p->epoch_end)
        printf("step %lld of %lld: loss %.4f\n", (long long)p->step, (long long)p->steps, p->loss);
}

static tacit_status train(tacit_context *context, tacit_dataset *data, const char *run)
{
    tacit_config *config;
    tacit_status status = tacit_config_create(&config, context, "mae");
    if (status == TACIT_OK)
        status = tacit_config_set(config, "batch", "64");
    if (status == TACIT_OK)
        status = tacit_config_set(config, "epochs", "3");
    const tacit_train_options options = {.overwrite = true, .progress = show};
    if (status == TACIT_OK)
        status = tacit_train(context, config, data, run, &options);
    tacit_config_destroy(config);
    return status;
}

int main(int argc, char **argv)
{
    static uint8_t pixels[COUNT][SIDE * SIDE];
    tacit_context *context;
    tacit_dataset *data;
    if (argc != 2 || tacit_context_create(&context, NULL) != TACIT_OK)
        return EXIT_FAILURE;
    for (int i = 0; i < COUNT; i++)
        draw(pixels[i], i);
    tacit_status status = tacit_dataset_from_memory(&data, context, pixels[0], COUNT, SIDE, SIDE, 1, NULL);
    if (status == TACIT_OK)
        status = train(context, data, argv[1]);
    if (status != TACIT_OK)
        fprintf(stderr, "%s\n", tacit_context_message(context));
    tacit_dataset_close(data);
    tacit_context_destroy(context);
    return status == TACIT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
