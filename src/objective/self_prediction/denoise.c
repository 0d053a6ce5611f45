/* denoise: the denoising autoencoder (Vincent et al. 2008, "Extracting and composing robust features with
 * denoising autoencoders").
 *
 * The encoder sees a damaged picture, all of it; a small decoder predicts the original. The loss is the mean
 * square error over all pixels, damaged or not. */
#include "objective/self_prediction/denoise.h"

#include "data/augment/damage.h"
#include "data/augment/pixel.h"
#include "objective/self_prediction/decoder.h"
#include "objective/self_prediction/row_prediction.h"

#include <stdio.h>
#include <string.h>

typedef struct denoise {
    damage_settings damage;
    linear_layer embed;
    decoder decoder;
    row_decoder rows; /* in the place of both, for rows of a table */
    double corrupt;   /* of rows: share of the features that is replaced */
} denoise;

#define RANGE(kind, low, most, from, to, unit, what)                                                         \
    {"damage-" kind "-min", SETTING_NUMBER, low, most, NULL, from, unit, "least " what, "denoise"},          \
    {                                                                                                        \
        "damage-" kind "-max", SETTING_NUMBER, low, most, NULL, to, unit, "most " what, "denoise"            \
    }

static const setting denoise_settings[] = {
    {"damage", SETTING_TEXT, 0, 0, NULL, "noise,holes", "",
     "what befalls the pictures: any of grey, blur, scale, noise, pepper, holes, with commas between",
     "denoise"},
    {"damage-chance", SETTING_NUMBER, 0, 1, NULL, "0.5", "",
     "of each kind of damage for a picture; at least one befalls it", "denoise"},
    RANGE("grey", 0, 1, "1", "1", "", "share of the colour that is lost"),
    RANGE("blur", 0, 100, "0.5", "1.5", "pixels", "sigma of the blur"),
    RANGE("scale", 1, 64, "1.5", "3", "", "factor of scaling down, before scaling up again"),
    RANGE("noise", 0, 10, "0.05", "0.3", "", "deviation of Gaussian noise, white being 1"),
    RANGE("pepper", 0, 1, "0.02", "0.2", "", "share of the pixels turned black or white"),
    RANGE("holes", 0, 0.9, "0.1", "0.5", "", "share of the area that blocks hide"),
    DECODER_SETTINGS("denoise"),
};

static const default_value denoise_defaults[] = {{"optimizer", "adamw"},   {"beta2", "0.95"},
                                                 {"weight-decay", "0.05"}, {"augment", "prediction"},
                                                 {"base-lr", "0.002"},     {NULL, NULL}};

/* ---- damage ---- */

/* One view (H, W, C), damaged. Damage is done to pixels in [0, 1], so the normalisation is undone and done
 * again; what is hidden gets the mean colour. */
static tacit_status damage_view(const denoise *s, const lane *l, int64_t i, shape v, const float *view,
                                float *out)
{
    const pixel_scale *p = l->pixels;
    const int64_t count = shape_count(v), channels = shape_last(v);
    canvas c = {(int)v.size[0], (int)v.size[1], (int)channels, out};
    for (int64_t k = 0; k < count; k++)
        out[k] = pixel_clip(view[k] * p->deviation[k % channels] + p->mean[k % channels]);
    TRY(damage_picture(&s->damage, l->seed, l->epoch, (uint64_t)l->examples[i], p->mean, l->scratch, &c));
    for (int64_t k = 0; k < count; k++)
        out[k] = (out[k] - p->mean[k % channels]) / p->deviation[k % channels];
    return TACIT_OK;
}

/* The lane's views, damaged: (B, H, W, C). */
static value damage_lane(const method *m, tape *t, const lane *l)
{
    const encoder_settings *e = &m->encoder->settings;
    const shape v = shape_3(e->height, e->width, e->channels);
    const int64_t size = shape_count(v);
    const value damaged = tape_output(t, DTYPE_F32, shape_4(l->count, e->height, e->width, e->channels));
    if (!damaged.id)
        return damaged;
    if (!(l->pixels->deviation[0] > 0.0f))
        return tape_fail(t, TACIT_ARGUMENT, "denoise damages pictures: these examples are none");
    for (int64_t i = 0; i < l->count; i++) {
        const tacit_status status =
            damage_view(m->state, l, i, v, tape_f32(t, l->views) + i * size, tape_f32(t, damaged) + i * size);
        if (status != TACIT_OK)
            return tape_fail(t, status, "damage of a lane");
    }
    return damaged;
}

/* ---- the model ---- */

/* pictures (B, H, W, C) -> what they were before they were damaged, as patches (B, T, P). */
static value denoise_restore(const method *m, tape *t, value pictures)
{
    const denoise *s = m->state;
    const encoder *e = m->encoder;
    const tensor *x = tape_tensor(t, pictures);
    if (!x)
        return (value){0};
    const value rows = decoder_patch_rows(&s->decoder, t, x->shape.size[0]);
    const value patches = op_patchify(t, pictures, e->settings.patch); /* (B, T, P) */
    const value tokens = e->encode_visible(e, t, patches, (value){0}); /* (B, 1+T, D) */
    return decoder_apply(&s->decoder, t, linear_apply(t, &s->embed, tokens), rows);
}

value denoise_loss(const method *m, tape *t, value pictures, value damaged)
{
    const value target = op_patchify(t, pictures, m->encoder->settings.patch); /* (B, T, P) */
    return op_mean_square_error(t, denoise_restore(m, t, damaged), target);
}

static value denoise_restore_rows(const method *m, tape *t, value rows)
{
    const denoise *s = m->state;
    return row_decoder_apply(&s->rows, t, m->encoder->embed(m->encoder, t, rows));
}

static value denoise_lane(const method *m, tape *t, const lane *l)
{
    const denoise *s = m->state;
    if (l->features) {
        const value damaged = row_damage_lane(t, l, ROW_REPLACE, s->corrupt, NULL);
        return op_mean_square_error(t, denoise_restore_rows(m, t, damaged), l->views);
    }
    return denoise_loss(m, t, l->views, damage_lane(m, t, l));
}

/* ---- what it shows ---- */

static const char *const denoise_titles[] = {"original", "damaged", "restored"};

static tacit_status denoise_demonstrate(const method *m, tape *t, const lane *l, float *pictures)
{
    const encoder_settings *e = &m->encoder->settings;
    const int64_t size = (int64_t)e->height * e->width * e->channels;
    const value damaged = damage_lane(m, t, l);
    const value restored = denoise_restore(m, t, damaged);
    TRY(tape_status(t));
    for (int64_t i = 0; i < l->count; i++) {
        float *row = pictures + i * 3 * size;
        memcpy(row, tape_f32(t, l->views) + i * size, (size_t)size * sizeof *row);
        memcpy(row + size, tape_f32(t, damaged) + i * size, (size_t)size * sizeof *row);
        decoder_put_all(e, tape_f32(t, restored) + i * size, 1, row + 2 * size);
    }
    return TACIT_OK;
}

/* ---- life ---- */

static tacit_status read_damage(damage_settings *d, tacit_context *context, const settings *options)
{
    TRY(damage_parse(context, settings_text(options, "damage"), d->on));
    d->chance = (float)settings_number(options, "damage-chance");
    for (int k = 0; k < DAMAGE_KINDS; k++) {
        char low[32], high[32];
        snprintf(low, sizeof low, "damage-%s-min", damage_rows[k].name);
        snprintf(high, sizeof high, "damage-%s-max", damage_rows[k].name);
        d->low[k] = (float)settings_number(options, low);
        d->high[k] = (float)settings_number(options, high);
        if (!(d->low[k] <= d->high[k]))
            return context_fail(context, TACIT_ARGUMENT, "--%s %g is above --%s %g", low, (double)d->low[k],
                                high, (double)d->high[k]);
    }
    return TACIT_OK;
}

static void denoise_destroy(method *m)
{
    denoise *s = m->state;
    if (!s)
        return;
    decoder_fini(&s->decoder);
    memory_free(m->context, s);
    m->state = NULL;
}

static tacit_status denoise_create(method *m, parameters *p, const settings *options)
{
    const encoder *e = m->encoder;
    if (!e->settings.rows && !e->encode_visible)
        return context_fail(
            m->context, TACIT_ARGUMENT,
            "denoise restores pictures from the encoder's tokens, which %s has not: use a vit",
            e->kind->name);
    denoise *s = m->state = memory_alloc(m->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    TRY(read_damage(&s->damage, m->context, options));
    if (e->settings.rows) {
        s->decoder.context = m->context;
        s->corrupt = settings_number(options, "corrupt");
        s->rows = row_decoder_declare(p, e, e->width);
        return TACIT_OK;
    }
    TRY(decoder_create(&s->decoder, e, options, true));
    s->embed = linear_declare(p, "decoder.embed", e->kind->width, s->decoder.width);
    decoder_declare(&s->decoder, p);
    return TACIT_OK;
}

const objective objective_denoise = {
    .name = "denoise",
    .family = SELF_PREDICTION,
    .summary = "restore damaged pictures (denoising autoencoder, Vincent et al. 2008)",
    .views = 1,
    .fine = true,
    .settings = denoise_settings,
    .setting_count = sizeof denoise_settings / sizeof *denoise_settings,
    .defaults = denoise_defaults,
    .create = denoise_create,
    .destroy = denoise_destroy,
    .lane = denoise_lane,
    .restore = denoise_restore,
    .restore_rows = denoise_restore_rows,
    .demonstrate_columns = 3,
    .demonstrate_titles = denoise_titles,
    .demonstrate = denoise_demonstrate,
};
