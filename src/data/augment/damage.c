#include "data/augment/damage.h"

#include "data/augment/pixel.h"

#include <string.h>

const damage_row damage_rows[DAMAGE_KINDS] = {
    [DAMAGE_GREY] = {"grey", 0.0f, 1.0f},     [DAMAGE_BLUR] = {"blur", 0.0f, 100.0f},
    [DAMAGE_SCALE] = {"scale", 1.0f, 64.0f},  [DAMAGE_NOISE] = {"noise", 0.0f, 10.0f},
    [DAMAGE_PEPPER] = {"pepper", 0.0f, 1.0f}, [DAMAGE_HOLES] = {"holes", 0.0f, 0.9f},
};

/* ---- which kinds ---- */

static int kind_of(const char *word, size_t length)
{
    for (int k = 0; k < DAMAGE_KINDS; k++)
        if (strlen(damage_rows[k].name) == length && strncmp(damage_rows[k].name, word, length) == 0)
            return k;
    return -1;
}

tacit_status damage_parse(tacit_context *context, const char *text, bool on[DAMAGE_KINDS])
{
    memset(on, 0, DAMAGE_KINDS * sizeof *on);
    for (const char *word = text;; word++) {
        const size_t length = strcspn(word, ",");
        const int kind = kind_of(word, length);
        if (kind < 0)
            return context_fail(context, TACIT_ARGUMENT,
                                "damage \"%s\": \"%.*s\" is none of grey, blur, scale, noise, pepper, holes",
                                text, (int)(length < 64 ? length : 64), word);
        on[kind] = true;
        word += length;
        if (!*word)
            return TACIT_OK;
    }
}

/* ---- each kind ---- */

static size_t canvas_count(const canvas *c)
{
    return (size_t)c->height * c->width * c->channels;
}

static void add_noise(canvas *c, float deviation, draws *d)
{
    const size_t count = canvas_count(c);
    for (size_t i = 0; i < count; i++)
        c->pixels[i] = pixel_clip(c->pixels[i] + deviation * draw_normal(d));
}

/* Each pixel with probability `share`, in all its channels; black or white by a half. */
static void add_pepper(canvas *c, float share, draws *d)
{
    const size_t count = (size_t)c->height * c->width;
    for (size_t i = 0; i < count; i++) {
        const float u = draw_uniform(d);
        for (int k = 0; u < share && k < c->channels; k++)
            c->pixels[i * c->channels + k] = u < 0.5f * share ? 0.0f : 1.0f;
    }
}

static int shrunk(int side, float factor)
{
    const int less = (int)((float)side / factor + 0.5f);
    return less < 1 ? 1 : less;
}

static void to_bytes(const canvas *c, uint8_t *out)
{
    const size_t count = canvas_count(c);
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(255.0f * c->pixels[i] + 0.5f);
}

/* Resized as crops are, from bytes: a small picture is a file of bytes wherever one comes from. */
static tacit_status resize(const canvas *from, scratch *s, canvas *to)
{
    uint8_t *bytes = scratch_get(s, SCRATCH_AUGMENT_B, canvas_count(from));
    if (!bytes)
        return TACIT_NOMEM;
    to_bytes(from, bytes);
    const image source = {from->height, from->width, from->channels, bytes};
    const crop_box whole = {0.0f, 0.0f, (float)from->width, (float)from->height};
    return crop_resize(source, whole, false, s, to);
}

static tacit_status scale_down_and_up(canvas *c, float factor, scratch *s)
{
    canvas small = {shrunk(c->height, factor), shrunk(c->width, factor), c->channels, NULL};
    if (small.height == c->height && small.width == c->width)
        return TACIT_OK;
    small.pixels = scratch_get(s, SCRATCH_AUGMENT_C, canvas_count(&small) * sizeof(float));
    if (!small.pixels)
        return TACIT_NOMEM;
    TRY(resize(c, s, &small));
    return resize(&small, s, c);
}

/* Marks the block's part inside the picture; how many pixels were not marked before. */
static int64_t cover(const canvas *c, uint8_t *covered, int x, int y, int side)
{
    const int right = x + side < c->width ? x + side : c->width;
    const int bottom = y + side < c->height ? y + side : c->height;
    int64_t fresh = 0;
    for (int row = y > 0 ? y : 0; row < bottom; row++)
        for (int column = x > 0 ? x : 0; column < right; column++) {
            uint8_t *at = covered + (size_t)row * c->width + column;
            fresh += !*at;
            *at = 1;
        }
    return fresh;
}

/* Blocks may stand over the edge, so that a corner is hidden as often as the middle. */
static tacit_status make_holes(canvas *c, float share, draws *d, const float *fill, scratch *s)
{
    const int64_t pixels = (int64_t)c->height * c->width;
    const int shorter = c->height < c->width ? c->height : c->width;
    const int least = shorter / 8 > 1 ? shorter / 8 : 1, most = shorter / 4 > least ? shorter / 4 : least;
    uint8_t *covered = scratch_get(s, SCRATCH_AUGMENT_B, (size_t)pixels);
    if (!covered)
        return TACIT_NOMEM;
    memset(covered, 0, (size_t)pixels);
    for (int64_t done = 0; (double)done < (double)share * (double)pixels;) {
        const int side = least + (int)draw_below(d, (uint64_t)(most - least) + 1);
        const int x = (int)draw_below(d, (uint64_t)(c->width + side) - 1) - side + 1;
        const int y = (int)draw_below(d, (uint64_t)(c->height + side) - 1) - side + 1;
        done += cover(c, covered, x, y, side);
        erase_box(c, x, y, side, side, fill);
    }
    return TACIT_OK;
}

tacit_status damage_apply(damage_kind kind, float strength, draws *d, const float *fill, scratch *s,
                          canvas *c)
{
    const damage_row *row = &damage_rows[kind];
    if (!(strength >= row->nothing && strength <= row->most))
        return context_fail(s->context, TACIT_ARGUMENT, "damage: %s of strength %g: expected %g to %g",
                            row->name, (double)strength, (double)row->nothing, (double)row->most);
    if (!(strength > row->nothing))
        return TACIT_OK;
    switch (kind) {
    case DAMAGE_GREY:
        colour_saturate(c, 1.0f - strength);
        return TACIT_OK;
    case DAMAGE_BLUR:
        return blur_gaussian(c, strength, s);
    case DAMAGE_SCALE:
        return scale_down_and_up(c, strength, s);
    case DAMAGE_NOISE:
        add_noise(c, strength, d);
        return TACIT_OK;
    case DAMAGE_PEPPER:
        add_pepper(c, strength, d);
        return TACIT_OK;
    case DAMAGE_HOLES:
    case DAMAGE_KINDS:
        break;
    }
    return make_holes(c, strength, d, fill, s);
}

/* ---- all of them ---- */

/* Which of the kinds that are on fall upon this example. */
static void draw_kinds(const damage_settings *o, draws *d, bool falls[DAMAGE_KINDS])
{
    int on = 0, fallen = 0, one = -1;
    for (int k = 0; k < DAMAGE_KINDS; k++) {
        falls[k] = draw_uniform(d) < o->chance && o->on[k];
        fallen += falls[k];
        on += o->on[k];
    }
    if (fallen || !on)
        return;
    for (int left = (int)draw_below(d, (uint64_t)on); left >= 0;)
        left -= o->on[++one];
    falls[one] = true;
}

tacit_status damage_picture(const damage_settings *o, uint64_t seed, uint32_t epoch, uint64_t example,
                            const float *fill, scratch *s, canvas *c)
{
    bool falls[DAMAGE_KINDS];
    draws choice = draws_at(seed, DRAW_DAMAGE, epoch, example, DAMAGE_KINDS);
    draw_kinds(o, &choice, falls);
    for (int k = 0; k < DAMAGE_KINDS; k++) {
        draws d = draws_at(seed, DRAW_DAMAGE, epoch, example, (uint32_t)k);
        if (falls[k])
            TRY(damage_apply((damage_kind)k, draw_range(&d, o->low[k], o->high[k]), &d, fill, s, c));
    }
    return TACIT_OK;
}
