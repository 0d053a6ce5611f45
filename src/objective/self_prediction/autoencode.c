/* autoencode: the autoencoder with a narrow middle (Hinton and Salakhutdinov 2006, "Reducing the
 * dimensionality of data with neural networks").
 *
 * The encoder's embedding becomes a code of a few numbers, by one linear layer; from the code alone a small
 * decoder predicts the whole picture. The loss is the mean square error over all pixels. The code is what the
 * model is used for, so it is the method's embedding. */
#include "objective/self_prediction/decoder.h"
#include "objective/self_prediction/row_prediction.h"

#include <string.h>

typedef struct autoencode {
    linear_layer code;   /* (N, D) */
    linear_layer unfold; /* (T Dd, N) */
    decoder decoder;
    row_decoder rows; /* in the place of unfold and decoder, for rows of a table */
} autoencode;

static const setting autoencode_settings[] = {
    {"code", SETTING_WHOLE, 1, 4096, NULL, "32", "numbers",
     "size of the narrow middle, which is the embedding", "autoencode"},
    DECODER_SETTINGS("autoencode"),
};

static const default_value autoencode_defaults[] = {{"optimizer", "adamw"},   {"beta2", "0.95"},
                                                    {"weight-decay", "0.05"}, {"augment", "none"},
                                                    {"base-lr", "0.005"},     {NULL, NULL}};

/* ---- the model ---- */

static value autoencode_embed(const method *m, tape *t, value pictures)
{
    const autoencode *s = m->state;
    return linear_apply(t, &s->code, m->encoder->embed(m->encoder, t, pictures)); /* (B, N) */
}

/* pictures (B, H, W, C) -> what their codes tell of them, as patches (B, T, P). */
static value autoencode_restore(const method *m, tape *t, value pictures)
{
    const autoencode *s = m->state;
    const decoder *d = &s->decoder;
    const value code = autoencode_embed(m, t, pictures);
    const value flat = linear_apply(t, &s->unfold, code); /* (B, T Dd) */
    const tensor *x = tape_tensor(t, flat);
    if (!x)
        return flat;
    const value tokens = op_reshape(t, flat, shape_3(x->shape.size[0], d->tokens, d->width));
    return decoder_apply(d, t, tokens, (value){0});
}

static value autoencode_restore_rows(const method *m, tape *t, value rows)
{
    const autoencode *s = m->state;
    return row_decoder_apply(&s->rows, t, autoencode_embed(m, t, rows));
}

static value autoencode_lane(const method *m, tape *t, const lane *l)
{
    if (l->features)
        return op_mean_square_error(t, autoencode_restore_rows(m, t, l->views), l->views);
    const value target = op_patchify(t, l->views, m->encoder->settings.patch); /* (B, T, P) */
    return op_mean_square_error(t, autoencode_restore(m, t, l->views), target);
}

/* ---- what it shows ---- */

static const char *const autoencode_titles[] = {"original", "restored"};

static tacit_status autoencode_demonstrate(const method *m, tape *t, const lane *l, float *pictures)
{
    const encoder_settings *e = &m->encoder->settings;
    const int64_t size = (int64_t)e->height * e->width * e->channels;
    const value restored = autoencode_restore(m, t, l->views);
    TRY(tape_status(t));
    for (int64_t i = 0; i < l->count; i++) {
        float *row = pictures + i * 2 * size;
        memcpy(row, tape_f32(t, l->views) + i * size, (size_t)size * sizeof *row);
        decoder_put_all(e, tape_f32(t, restored) + i * size, 1, row + size);
    }
    return TACIT_OK;
}

/* ---- life ---- */

static void autoencode_destroy(method *m)
{
    autoencode *s = m->state;
    if (!s)
        return;
    decoder_fini(&s->decoder);
    memory_free(m->context, s);
    m->state = NULL;
}

static tacit_status autoencode_create(method *m, parameters *p, const settings *options)
{
    const encoder *e = m->encoder;
    autoencode *s = m->state = memory_alloc(m->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    m->width = settings_whole(options, "code");
    if (e->settings.rows) {
        s->decoder.context = m->context;
        s->code = linear_declare(p, "code", e->width, m->width);
        s->rows = row_decoder_declare(p, e, m->width);
        return TACIT_OK;
    }
    TRY(decoder_create(&s->decoder, e, options, false));
    s->code = linear_declare(p, "code", e->width, m->width);
    s->unfold = linear_declare(p, "decoder.unfold", m->width, s->decoder.tokens * s->decoder.width);
    decoder_declare(&s->decoder, p);
    return TACIT_OK;
}

const objective objective_autoencode = {
    .name = "autoencode",
    .family = SELF_PREDICTION,
    .summary = "predict the whole picture from a code of a few numbers (autoencoder, Hinton and "
               "Salakhutdinov 2006)",
    .views = 1,
    .settings = autoencode_settings,
    .setting_count = sizeof autoencode_settings / sizeof *autoencode_settings,
    .defaults = autoencode_defaults,
    .create = autoencode_create,
    .destroy = autoencode_destroy,
    .lane = autoencode_lane,
    .embed = autoencode_embed,
    .restore = autoencode_restore,
    .restore_rows = autoencode_restore_rows,
    .demonstrate_columns = 2,
    .demonstrate_titles = autoencode_titles,
    .demonstrate = autoencode_demonstrate,
};
