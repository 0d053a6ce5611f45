/* mae: the masked autoencoder (He et al. 2022, "Masked autoencoders are scalable vision learners").
 *
 * Most patches are removed; the encoder sees the rest; a small decoder, given mask tokens in the gaps,
 * predicts the removed patches. The loss is the mean square error over removed patches only, each normalised
 * by its own mean and (unbiased) variance where `target` says so. */
#include "objective/self_prediction/mae.h"

#include "base/philox.h"
#include "objective/self_prediction/decoder.h"
#include "objective/self_prediction/row_prediction.h"

#include <math.h>
#include <string.h>

typedef struct mae {
    int64_t tokens, kept;
    bool normalize;
    linear_layer embed;
    value mask_token;
    decoder decoder;
    row_decoder rows; /* in the place of the above, for rows of a table */
    double ratio;     /* of rows: share of the features that is hidden */
} mae;

static const setting mae_settings[] = {
    {"mask-ratio", SETTING_NUMBER, 0.05, 0.95, NULL, "0.6", "", "share of the patches, or features, hidden",
     "mae"},
    DECODER_SETTINGS("mae"),
    {"target", SETTING_CHOICE, 0, 0, "normalized|raw", "raw", "",
     "predict each patch less its mean and over its deviation, or the pixels as they are", "mae"},
};

static const default_value mae_defaults[] = {{"optimizer", "adamw"},   {"beta2", "0.95"},
                                             {"weight-decay", "0.05"}, {"augment", "prediction"},
                                             {"base-lr", "0.002"},     {NULL, NULL}};

/* ---- which patches are removed ---- */

/* The kept and the removed patches of one example, each in rising order: the `kept` patches with the smallest
 * of T keyed uniform numbers stay (ties: the lower patch). */
static void draw_mask(const mae *m, const lane *l, int64_t i, uint32_t *noise, int32_t *kept,
                      int32_t *removed)
{
    draws d = draws_at(l->seed, DRAW_MASK, l->epoch, (uint64_t)l->examples[i], 0);
    for (int64_t p = 0; p < m->tokens; p++)
        noise[p] = draw_u32(&d);
    int64_t k = 0, r = 0;
    for (int64_t p = 0; p < m->tokens; p++) {
        int64_t smaller = 0;
        for (int64_t q = 0; q < m->tokens; q++)
            smaller += noise[q] < noise[p] || (noise[q] == noise[p] && q < p);
        if (smaller < m->kept)
            kept[k++] = (int32_t)p;
        else
            removed[r++] = (int32_t)p;
    }
}

typedef struct masks {
    value kept, removed; /* (B, K), (B, T-K) i32 */
} masks;

static masks draw_masks(const mae *m, tape *t, const lane *l)
{
    const int64_t removed = m->tokens - m->kept;
    const masks out = {tape_output(t, DTYPE_I32, shape_2(l->count, m->kept)),
                       tape_output(t, DTYPE_I32, shape_2(l->count, removed))};
    const size_t size = (size_t)m->tokens * sizeof(uint32_t);
    uint32_t *noise = tape_take(t, size);
    if (!noise || !out.kept.id || !out.removed.id)
        return out;
    int32_t *a = tape_tensor(t, out.kept)->data, *b = tape_tensor(t, out.removed)->data;
    for (int64_t i = 0; i < l->count; i++)
        draw_mask(m, l, i, noise, a + i * m->kept, b + i * removed);
    tape_give(t, noise, size);
    return out;
}

/* ---- the model ---- */

/* The index of tokens behind the class token. */
static value behind_class(tape *t, value index)
{
    if (!tape_tensor(t, index))
        return (value){0};
    const tensor *from = tape_tensor(t, index);
    const shape s = from->shape;
    const value shifted = tape_output(t, DTYPE_I32, s);
    if (!shifted.id)
        return shifted;
    const int32_t *numbers = tape_tensor(t, index)->data;
    int32_t *to = tape_tensor(t, shifted)->data;
    for (int64_t i = 0; i < shape_count(s); i++)
        to[i] = numbers[i] + 1;
    return shifted;
}

/* Predictions of the removed patches: (B, T-K, P). */
static value predict(const method *m, tape *t, value patches, const masks *mask)
{
    const mae *s = m->state;
    value x = m->encoder->encode_visible(m->encoder, t, patches, mask->kept); /* (B, 1+K, D) */
    x = linear_apply(t, &s->embed, x);                                        /* (B, 1+K, Dd) */
    x = op_scatter_rows(t, x, index_with_class(t, mask->kept), s->mask_token, 1 + s->tokens);
    return decoder_apply(&s->decoder, t, x, behind_class(t, mask->removed));
}

value mae_loss(const method *m, tape *t, value pictures, value kept, value removed)
{
    const mae *s = m->state;
    const masks mask = {kept, removed};
    const value patches = op_patchify(t, pictures, m->encoder->settings.patch); /* (B, T, P) */
    value target = op_gather_rows(t, patches, removed);                         /* (B, T-K, P) */
    if (s->normalize)
        target = op_normalize_rows(t, target);
    return op_mean_square_error(t, predict(m, t, patches, &mask), target);
}

static value mae_inpaint(const method *m, tape *t, value pictures, value kept, value removed)
{
    const mae *s = m->state;
    const masks mask = {kept, removed};
    if (s->normalize)
        return tape_fail(
            t, TACIT_ARGUMENT,
            "this run of mae has learnt patches without their brightness and contrast: to fill holes, "
            "train with --target raw");
    return predict(m, t, op_patchify(t, pictures, m->encoder->settings.patch), &mask);
}

static value mae_restore_rows(const method *m, tape *t, value rows)
{
    const mae *s = m->state;
    return row_decoder_apply(&s->rows, t, m->encoder->embed(m->encoder, t, rows));
}

/* As with patches: what is hidden is predicted, and nothing else counts. */
static value mae_rows_lane(const method *m, tape *t, const lane *l)
{
    const mae *s = m->state;
    value hidden;
    const value seen = row_damage_lane(t, l, ROW_HIDE, s->ratio, &hidden); /* (B, columns) */
    return op_weighted_square_error(t, mae_restore_rows(m, t, seen), l->views, hidden);
}

static value mae_lane(const method *m, tape *t, const lane *l)
{
    if (l->features)
        return mae_rows_lane(m, t, l);
    const masks mask = draw_masks(m->state, t, l);
    return mae_loss(m, t, l->views, mask.kept, mask.removed);
}

/* ---- what it shows ---- */

static const char *const mae_titles[] = {"original", "masked", "restored"};

/* Undoes the normalisation of a patch with the mean and deviation of the true one. That leaks them into the
 * picture: the sheet's caption says so. */
static void denormalize(const float *truth, float *patch, int64_t width)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < width; i++)
        sum += (double)truth[i];
    const double mean = sum / (double)width;
    for (int64_t i = 0; i < width; i++)
        squares += ((double)truth[i] - mean) * ((double)truth[i] - mean);
    const double deviation = sqrt(squares / (double)(width - 1) + 1e-6);
    for (int64_t i = 0; i < width; i++)
        patch[i] = (float)((double)patch[i] * deviation + mean);
}

static void show_example(const method *m, const int32_t *removed, const float *truth, float *predicted,
                         float *pictures)
{
    const mae *s = m->state;
    const encoder_settings *e = &m->encoder->settings;
    const int64_t size = (int64_t)e->height * e->width * e->channels, width = m->encoder->patch_width;
    const size_t bytes = (size_t)size * sizeof(float);
    float *masked = pictures + size, *restored = pictures + 2 * size;
    memcpy(masked, pictures, bytes);
    memcpy(restored, pictures, bytes);
    for (int64_t k = 0; k < s->tokens - s->kept; k++, predicted += width) {
        const float *patch = truth + removed[k] * width;
        if (s->normalize)
            denormalize(patch, predicted, width);
        decoder_put_patch(e, removed[k], predicted, restored);
        decoder_put_patch(e, removed[k], NULL, masked);
    }
}

static tacit_status mae_demonstrate(const method *m, tape *t, const lane *l, float *pictures)
{
    const mae *s = m->state;
    const encoder_settings *e = &m->encoder->settings;
    const int64_t size = (int64_t)e->height * e->width * e->channels, width = m->encoder->patch_width;
    const value patches = op_patchify(t, l->views, e->patch);
    const masks mask = draw_masks(s, t, l);
    const value predicted = predict(m, t, patches, &mask);
    if (tape_status(t) != TACIT_OK)
        return tape_status(t);
    const int64_t gone = s->tokens - s->kept;
    for (int64_t i = 0; i < l->count; i++) {
        float *row = pictures + i * 3 * size;
        memcpy(row, tape_f32(t, l->views) + i * size, (size_t)size * sizeof *row);
        show_example(m, (const int32_t *)tape_tensor(t, mask.removed)->data + i * gone,
                     tape_f32(t, patches) + i * s->tokens * width, tape_f32(t, predicted) + i * gone * width,
                     row);
    }
    return TACIT_OK;
}

/* ---- life ---- */

static void mae_destroy(method *m)
{
    mae *s = m->state;
    if (!s)
        return;
    decoder_fini(&s->decoder);
    memory_free(m->context, s);
    m->state = NULL;
}

static tacit_status check_kept(const method *m)
{
    const mae *s = m->state;
    if (s->kept < 1 || s->kept >= s->tokens)
        return context_fail(m->context, TACIT_ARGUMENT,
                            "mae: of %lld patches none is kept or none is removed: use a smaller --patch or "
                            "another --mask-ratio",
                            (long long)s->tokens);
    return TACIT_OK;
}

static tacit_status mae_create(method *m, parameters *p, const settings *options)
{
    const encoder *e = m->encoder;
    if (!e->settings.rows && !e->encode_visible)
        return context_fail(m->context, TACIT_ARGUMENT,
                            "mae hides patches from the encoder, which %s can not do: use a vit",
                            e->kind->name);
    mae *s = m->state = memory_alloc(m->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    if (e->settings.rows) {
        s->decoder.context = m->context;
        s->ratio = settings_number(options, "mask-ratio");
        s->rows = row_decoder_declare(p, e, e->width);
        return TACIT_OK;
    }
    s->tokens = e->tokens;
    s->kept = (int64_t)((double)e->tokens * (1.0 - settings_number(options, "mask-ratio")));
    s->normalize = strcmp(settings_text(options, "target"), "normalized") == 0;
    TRY(decoder_create(&s->decoder, e, options, true));
    TRY(check_kept(m));
    s->embed = linear_declare(p, "decoder.embed", e->kind->width, s->decoder.width);
    s->mask_token = parameters_add(p, "decoder.mask_token", shape_1(s->decoder.width), INIT_NORMAL, 0.02f);
    decoder_declare(&s->decoder, p);
    return TACIT_OK;
}

const objective objective_mae = {
    .name = "mae",
    .family = SELF_PREDICTION,
    .summary = "hide most patches of a picture and predict them (masked autoencoder, He et al. 2022)",
    .views = 1,
    .fine = true,
    .settings = mae_settings,
    .setting_count = sizeof mae_settings / sizeof *mae_settings,
    .defaults = mae_defaults,
    .create = mae_create,
    .destroy = mae_destroy,
    .lane = mae_lane,
    .inpaint = mae_inpaint,
    .restore_rows = mae_restore_rows,
    .demonstrate_columns = 3,
    .demonstrate_titles = mae_titles,
    .demonstrate = mae_demonstrate,
};
