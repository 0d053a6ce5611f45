#include "objective/self_prediction/decoder.h"

#include <stdio.h>
#include <string.h>

/* Half the encoder's width and two blocks for small encoders; He et al.'s 512 x 8 at vit-base. */
static void read_sizes(decoder *d, const encoder *e, const settings *s)
{
    const int64_t half = (e->kind->width / 2 + 15) / 16 * 16;
    d->width =
        settings_is_auto(s, "decoder-width") ? (half > 512 ? 512 : half) : settings_whole(s, "decoder-width");
    d->depth = settings_is_auto(s, "decoder-depth") ? (e->kind->width < 384 ? 2 : 4)
                                                    : (int)settings_whole(s, "decoder-depth");
}

static tacit_status check_sizes(const decoder *d, const encoder_settings *s)
{
    if (d->width % 16)
        return context_fail(d->context, TACIT_ARGUMENT, "--decoder-width %lld: expected a multiple of 16",
                            (long long)d->width);
    if (s->patch < 1 || s->height % s->patch || s->width % s->patch)
        return context_fail(d->context, TACIT_ARGUMENT,
                            "decoder: patches of side %d do not divide a picture of %d x %d", s->patch,
                            s->height, s->width);
    return TACIT_OK;
}

tacit_status decoder_create(decoder *d, const encoder *e, const settings *s, bool class_row)
{
    const encoder_settings *size = &e->settings;
    const float epsilon = size->epsilon > 0.0f ? size->epsilon : norm_epsilon_of_pictures;
    *d = (decoder){.context = e->context, .class_row = class_row, .style = {.epsilon = epsilon}};
    read_sizes(d, e, s);
    TRY(check_sizes(d, size));
    const int64_t down = size->height / size->patch, across = size->width / size->patch;
    const int64_t rows = down * across + class_row;
    d->tokens = down * across;
    d->patch_width = (int64_t)size->patch * size->patch * size->channels;
    d->positions = tensor_of(DTYPE_F32, shape_2(rows, d->width), NULL);
    d->positions.data = memory_alloc(d->context, (size_t)(rows * d->width), sizeof(float));
    d->blocks = memory_alloc(d->context, (size_t)d->depth, sizeof *d->blocks);
    if (!d->positions.data || !d->blocks) {
        decoder_fini(d);
        return TACIT_NOMEM;
    }
    positions_fill(d->positions.data, d->width, down, across, class_row);
    return TACIT_OK;
}

void decoder_fini(decoder *d)
{
    memory_free(d->context, d->blocks);
    memory_free(d->context, d->positions.data);
    d->blocks = NULL;
    d->positions.data = NULL;
}

int decoder_heads(int64_t width)
{
    return (int)(width % 32 == 0 ? width / 32 : width / 16);
}

void decoder_declare(decoder *d, parameters *p)
{
    for (int i = 0; i < d->depth; i++) {
        char prefix[PARAMETER_NAME];
        snprintf(prefix, sizeof prefix, "decoder.blocks.%d", i);
        d->blocks[i] = block_declare(p, prefix, d->width, decoder_heads(d->width));
    }
    d->norm = norm_declare(p, "decoder.norm", d->width);
    d->predict = linear_declare(p, "decoder.pred", d->width, d->patch_width);
}

value decoder_apply(const decoder *d, tape *t, value x, value rows)
{
    x = op_add_rows(t, x, tape_constant(t, &d->positions), (value){0}); /* (B, class_row + T, Dd) */
    for (int i = 0; i < d->depth; i++)
        x = block_apply(t, &d->blocks[i], x, &d->style);
    if (rows.id)
        x = op_gather_rows(t, x, rows); /* (B, K, Dd) */
    return linear_apply(t, &d->predict, norm_apply_eps(t, &d->norm, x, d->style.epsilon));
}

value decoder_patch_rows(const decoder *d, tape *t, int64_t count)
{
    const value rows = tape_output(t, DTYPE_I32, shape_2(count, d->tokens));
    int32_t *to = rows.id ? tape_tensor(t, rows)->data : NULL;
    for (int64_t i = 0; to && i < count * d->tokens; i++)
        to[i] = (int32_t)(i % d->tokens) + 1;
    return rows;
}

void decoder_put_patch(const encoder_settings *s, int64_t number, const float *patch, float *picture)
{
    const int64_t across = s->width / s->patch, row = (int64_t)s->patch * s->channels;
    const int64_t y = number / across * s->patch, x = number % across * s->patch;
    for (int64_t r = 0; r < s->patch; r++) {
        float *to = picture + ((y + r) * s->width + x) * s->channels;
        if (patch)
            memcpy(to, patch + r * row, (size_t)row * sizeof *to);
        else
            memset(to, 0, (size_t)row * sizeof *to);
    }
}

void decoder_put_all(const encoder_settings *s, const float *patches, int64_t count, float *pictures)
{
    const int64_t size = (int64_t)s->height * s->width * s->channels;
    const int64_t width = (int64_t)s->patch * s->patch * s->channels;
    for (int64_t i = 0; i < count * size / width; i++) {
        const int64_t of = size / width;
        decoder_put_patch(s, i % of, patches + i * width, pictures + i / of * size);
    }
}
