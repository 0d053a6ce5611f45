/* tacit.h: restoring pictures. */
#include "api/embedded.h"
#include "base/file.h"
#include "data/codec.h"
#include "use/restore_measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 30, SHEET_ROWS = 16, SHEET_COLUMNS = 4, WHITE_FROM = 128 };
static const int64_t pixel_limit = 178956970; /* 2^29 / 3 */

static pixel_scale scale_of(const tacit_model *model)
{
    pixel_scale p = {{0, 0, 0}, {1, 1, 1}};
    for (int i = 0; i < model->record.channels && i < 3; i++) {
        p.mean[i] = (float)model->record.mean[i];
        p.deviation[i] = (float)model->record.deviation[i];
    }
    return p;
}

/* ---- one picture ---- */

/* Bytes as the numbers that the model's channels take, and back. */
static void numbers_from(image x, int channels, float *out)
{
    for (int64_t i = 0; i < (int64_t)x.height * x.width; i++) {
        const uint8_t *p = x.pixels + i * x.channels;
        if (channels == x.channels)
            for (int c = 0; c < channels; c++)
                out[i * channels + c] = (float)p[c] / 255.0f;
        else if (channels == 1)
            out[i] = (0.299f * (float)p[0] + 0.587f * (float)p[1] + 0.114f * (float)p[2]) / 255.0f;
        else
            for (int c = 0; c < channels; c++)
                out[i * channels + c] = (float)p[0] / 255.0f;
    }
}

static uint8_t to_byte(float x)
{
    const float y = 255.0f * x + 0.5f;
    return (uint8_t)(y > 0.0f ? (y < 255.0f ? y : 255.0f) : 0.0f);
}

/* What is known keeps its bytes. A model of grey pictures gives grey to all channels, a model of colour their
 * luma to a grey picture. */
static void bytes_to(const float *numbers, int model_channels, image x, const uint8_t *hidden, uint8_t *out)
{
    for (int64_t i = 0; i < (int64_t)x.height * x.width; i++)
        for (int c = 0; c < x.channels; c++) {
            const float *p = numbers + i * model_channels;
            const float luma = model_channels == 1 ? p[0] : 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
            const bool known = hidden && !hidden[i];
            const uint8_t made = to_byte(model_channels == x.channels ? p[c] : luma);
            out[i * x.channels + c] = known ? x.pixels[i * x.channels + c] : made;
        }
}

static tacit_status restore_image(tacit_model *model, image x, const uint8_t *hidden, uint8_t *out)
{
    tacit_context *context = model->context;
    const int channels = model->record.channels;
    const pixel_scale p = scale_of(model);
    const size_t pixels = (size_t)x.height * (size_t)x.width;
    restorer *r;
    TRY(restorer_create(&r, model->learner, &p, hidden ? RESTORE_HOLES : RESTORE_WHOLE, model->work));
    float *from = memory_alloc(context, pixels, (size_t)channels * sizeof *from);
    float *to = memory_alloc(context, pixels, (size_t)channels * sizeof *to);
    tacit_status status = TACIT_NOMEM;
    if (from && to) {
        numbers_from(x, channels, from);
        status = restorer_picture(r, from, hidden, x.height, x.width, to);
    }
    if (status == TACIT_OK)
        bytes_to(to, channels, x, hidden, out);
    memory_free(context, from);
    memory_free(context, to);
    restorer_destroy(r);
    return status;
}

tacit_status tacit_restore(tacit_model *model, const uint8_t *pixels, int height, int width, int channels,
                           const uint8_t *hidden, uint8_t *out)
{
    context_begin(model->context);
    if (height < 1 || width < 1 || (channels != 1 && channels != 3))
        return context_fail(model->context, TACIT_ARGUMENT,
                            "restore: a picture of %d x %d with %d channels: expected 1 or 3", width, height,
                            channels);
    return restore_image(model, (image){height, width, channels, pixels}, hidden, out);
}

/* ---- files ---- */

/* Bytes that are read, and the pictures in them. */
typedef struct picture_file_read {
    uint8_t *bytes;
    size_t size;
    scratch scratch;
    image image;
} picture_file_read;

static tacit_status open_picture(picture_file_read *f, tacit_context *context, const char *path)
{
    *f = (picture_file_read){.bytes = NULL};
    scratch_init(&f->scratch, context);
    TRY(file_read(context, path, FILE_LIMIT, &f->bytes, &f->size));
    return picture_decode(context, path, f->bytes, f->size, pixel_limit, &f->scratch, &f->image);
}

static void close_picture(picture_file_read *f, tacit_context *context)
{
    memory_free(context, f->bytes);
    scratch_fini(&f->scratch);
}

/* Not 0 where a mask is white. */
static tacit_status read_mask(tacit_context *context, const char *path, image like, uint8_t *hidden)
{
    picture_file_read f;
    tacit_status status = open_picture(&f, context, path);
    const image x = f.image;
    if (status == TACIT_OK && (x.height != like.height || x.width != like.width))
        status =
            context_fail(context, TACIT_ARGUMENT, "%s: %d x %d pixels, expected %d x %d as the picture has",
                         path, x.width, x.height, like.width, like.height);
    for (int64_t i = 0; status == TACIT_OK && i < (int64_t)x.height * x.width; i++)
        hidden[i] = x.pixels[i * x.channels] >= WHITE_FROM;
    close_picture(&f, context);
    return status;
}

/* Not 0 where the picture is more than half transparent; *any: somewhere. */
static tacit_status read_transparency(const picture_file_read *f, const char *path, tacit_context *context,
                                      uint8_t *hidden, bool *any)
{
    scratch s;
    image opacity;
    *any = false;
    scratch_init(&s, context);
    const tacit_status status =
        picture_decode_opacity(context, path, f->bytes, f->size, pixel_limit, &s, &opacity);
    for (int64_t i = 0; status == TACIT_OK && opacity.pixels && i < (int64_t)opacity.height * opacity.width;
         i++) {
        hidden[i] = opacity.pixels[i] < WHITE_FROM;
        *any = *any || hidden[i];
    }
    scratch_fini(&s);
    return status;
}

static tacit_status restore_opened(tacit_model *model, const picture_file_read *f, const char *path,
                                   const char *mask, const char *out_path)
{
    tacit_context *context = model->context;
    const size_t pixels = (size_t)f->image.height * (size_t)f->image.width;
    bool any = mask != NULL;
    uint8_t *hidden = memory_alloc(context, pixels, 1);
    uint8_t *made = memory_alloc(context, pixels, (size_t)f->image.channels);
    tacit_status status = TACIT_NOMEM;
    if (hidden && made)
        status = mask ? read_mask(context, mask, f->image, hidden)
                      : read_transparency(f, path, context, hidden, &any);
    if (status == TACIT_OK)
        status = restore_image(model, f->image, any ? hidden : NULL, made);
    if (status == TACIT_OK)
        status = picture_write_png(context, out_path,
                                   (image){f->image.height, f->image.width, f->image.channels, made});
    memory_free(context, hidden);
    memory_free(context, made);
    return status;
}

tacit_status tacit_restore_file(tacit_model *model, const char *picture, const char *mask, const char *out)
{
    picture_file_read f;
    context_begin(model->context);
    tacit_status status = open_picture(&f, model->context, picture);
    if (status == TACIT_OK)
        status = restore_opened(model, &f, picture, mask, out);
    close_picture(&f, model->context);
    return status;
}

/* ---- measuring ---- */

tacit_restore_options tacit_restore_options_default(void)
{
    return (tacit_restore_options){.damage = "noise", .strength = 0.2, .limit = 1000, .seed = 1};
}

static tacit_status find_damage(tacit_context *context, const char *name, damage_kind *out)
{
    bool on[DAMAGE_KINDS];
    int count = 0;
    TRY(damage_parse(context, name, on));
    for (int k = 0; k < DAMAGE_KINDS; k++)
        if (on[k]) {
            *out = (damage_kind)k;
            count++;
        }
    if (count != 1)
        return context_fail(context, TACIT_ARGUMENT, "damage \"%s\": expected one kind at a time", name);
    return TACIT_OK;
}

/* A keyed sample of the examples, all where there are no more. */
static int64_t choose_examples(const dataset *d, const tacit_restore_options *o, int64_t *examples)
{
    const int64_t count = o->limit > 0 && o->limit < d->count ? o->limit : d->count;
    for (int64_t i = 0; i < count; i++)
        examples[i] = (int64_t)draw_permuted(o->seed, DRAW_SAMPLE, 3, (uint64_t)d->count, (uint64_t)i);
    return count;
}

static tacit_status write_sheet(tacit_context *context, const restore_pictures *p, shape s, int64_t count,
                                const char *filter, const char *path)
{
    const char *const titles[SHEET_COLUMNS] = {"original", "damaged", filter ? filter : "", "restored"};
    const float *const columns[SHEET_COLUMNS] = {p->original, p->damaged, filter ? p->classical : NULL,
                                                 p->restored};
    const int64_t rows = count < SHEET_ROWS ? count : SHEET_ROWS, numbers = shape_count(s);
    uint8_t *pixels = memory_alloc(context, (size_t)(rows * SHEET_COLUMNS), (size_t)numbers);
    if (!pixels)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < rows; i++)
        for (int k = 0; k < SHEET_COLUMNS; k++)
            for (int64_t n = 0; n < numbers; n++)
                pixels[(i * SHEET_COLUMNS + k) * numbers + n] =
                    columns[k] ? to_byte(columns[k][i * numbers + n]) : 255;
    const sheet drawn = {(int)rows,      SHEET_COLUMNS, (int)s.size[0], (int)s.size[1],
                         (int)s.size[2], pixels,        titles};
    const tacit_status status = sheet_write(context, path, &drawn);
    memory_free(context, pixels);
    return status;
}

static void fill_result(const restore_measure *m, tacit_restoration *out)
{
    out->damaged = (tacit_restore_score){m->damaged.psnr, m->damaged.ssim};
    out->restored = (tacit_restore_score){m->restored.psnr, m->restored.ssim};
    out->classical = (tacit_restore_score){m->classical.psnr, m->classical.ssim};
    snprintf(out->filter, sizeof out->filter, "%s", m->filter ? m->filter : "");
}

static tacit_status measure(tacit_model *model, const tacit_dataset *data, const tacit_restore_options *o,
                            damage_kind kind, const char *sheet_path, tacit_restoration *out)
{
    tacit_context *context = model->context;
    dataset shown;
    views *v;
    restore_measure m;
    restore_pictures p;
    int64_t *examples = memory_alloc(context, (size_t)data->data->count, sizeof *examples);
    if (!examples)
        return TACIT_NOMEM;
    tacit_status status = handle_model_views(model, data, &shown, &v);
    if (status != TACIT_OK) {
        memory_free(context, examples);
        return status;
    }
    out->count = choose_examples(data->data, o, examples);
    status = restore_measure_run(&m, &p, model->learner, v, model->work, kind, (float)o->strength, o->seed,
                                 examples, out->count);
    if (status == TACIT_OK && sheet_path)
        status = write_sheet(context, &p, v->shape, out->count, m.filter, sheet_path);
    if (status == TACIT_OK)
        fill_result(&m, out);
    memory_free(context, p.original);
    memory_free(context, p.damaged);
    memory_free(context, p.classical);
    memory_free(context, p.restored);
    memory_free(context, examples);
    v->destroy(v);
    return status;
}

tacit_status tacit_measure_restore(tacit_model *model, const tacit_dataset *data,
                                   const tacit_restore_options *options, const char *sheet_path,
                                   tacit_restoration *out, void (*stage)(void *user, const char *what),
                                   void *user)
{
    const tacit_restore_options standard = tacit_restore_options_default();
    const tacit_restore_options *o = options ? options : &standard;
    damage_kind kind;
    context_begin(model->context);
    *out = (tacit_restoration){0};
    if (model->record.table || model->record.tokenizer)
        return context_fail(model->context, TACIT_ARGUMENT, "the model is of %s: it restores no pictures",
                            model->record.table ? "rows of a table" : "texts");
    if (o->limit < 0)
        return context_fail(model->context, TACIT_ARGUMENT, "restore: limit %lld is below 0",
                            (long long)o->limit);
    TRY(find_damage(model->context, o->damage, &kind));
    if (stage)
        stage(user, "damaged pictures");
    return measure(model, data, o, kind, sheet_path, out);
}
