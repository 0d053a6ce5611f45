#include "train/samples.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

enum { VIEW_COLUMNS = 6, NEIGHBOUR_COLUMNS = 8 };

/* Number of the i-th example that is shown. */
static int64_t shown(const samples *s, int i)
{
    return (int64_t)draw_permuted(s->seed, DRAW_SAMPLE, 1, (uint64_t)s->data->count, (uint64_t)i);
}

static int row_count(const samples *s)
{
    return s->data->count < s->rows ? (int)s->data->count : s->rows;
}

/* Pictures (rows, columns) of f32 views to a PNG. */
static tacit_status write_sheet(const samples *s, const char *name, const float *pictures, int rows,
                                int columns, const char *const *titles)
{
    const shape v = s->views->shape;
    const int64_t size = shape_count(v);
    uint8_t *pixels = memory_alloc(s->context, (size_t)(rows * columns * size), 1);
    char *path = path_join(s->context, s->folder, name);
    tacit_status status = TACIT_NOMEM;
    for (int i = 0; pixels && i < rows * columns; i++)
        picture_from_view(s->look, v, pictures + i * size, pixels + i * size);
    if (pixels && path)
        status = sheet_write(s->context, path,
                             &(sheet){.rows = rows,
                                      .columns = columns,
                                      .height = (int)v.size[0],
                                      .width = (int)v.size[1],
                                      .channels = (int)v.size[2],
                                      .pixels = pixels,
                                      .titles = titles});
    memory_free(s->context, pixels);
    memory_free(s->context, path);
    return status;
}

tacit_status samples_views(const samples *s)
{
    static const char *const titles[VIEW_COLUMNS] = {"plain",  "random", "random",
                                                     "random", "random", "random"};
    const int rows = row_count(s);
    const int64_t size = shape_count(s->views->shape);
    scratch space;
    scratch_init(&space, s->context);
    tacit_status status = TACIT_OK;
    float *pictures = memory_alloc(s->context, (size_t)(rows * VIEW_COLUMNS * size), sizeof *pictures);
    if (!pictures)
        status = TACIT_NOMEM;
    for (int i = 0; status == TACIT_OK && i < rows * VIEW_COLUMNS; i++) {
        const int column = i % VIEW_COLUMNS;
        const int64_t example = shown(s, i / VIEW_COLUMNS);
        status = column == 0 ? s->views->plain(s->views, example, &space, pictures + i * size)
                             : s->views->random(s->views, s->seed, 0, example, (uint32_t)(column - 1), &space,
                                                pictures + i * size);
    }
    if (status == TACIT_OK)
        status = write_sheet(s, "views.png", pictures, rows, VIEW_COLUMNS, titles);
    memory_free(s->context, pictures);
    scratch_fini(&space);
    return status;
}

/* The plain views of the shown examples as a lane on the tape. */
static tacit_status plain_lane(const samples *s, tape *t, int rows, scratch *space, int64_t *examples,
                               value *out)
{
    const shape v = s->views->shape;
    const int64_t size = shape_count(v);
    *out = tape_output(t, DTYPE_F32, shape_4(rows, v.size[0], v.size[1], v.size[2]));
    TRY(tape_status(t));
    for (int i = 0; i < rows; i++) {
        examples[i] = shown(s, i);
        TRY(s->views->plain(s->views, examples[i], space, tape_f32(t, *out) + i * size));
    }
    return TACIT_OK;
}

static tacit_status demonstrate(const samples *s, tape *t, int rows, scratch *space, const char *name)
{
    const objective *o = s->learner->method.objective;
    int64_t examples[64];
    lane l = {
        .examples = examples, .count = rows, .seed = s->seed, .pixels = &s->views->pixels, .scratch = space};
    tape_reset(t, TAPE_INFERENCE);
    TRY(plain_lane(s, t, rows, space, examples, &l.views));
    float *pictures = memory_alloc(
        s->context, (size_t)(rows * o->demonstrate_columns * shape_count(s->views->shape)), sizeof *pictures);
    if (!pictures)
        return TACIT_NOMEM;
    tacit_status status = o->demonstrate(&s->learner->method, t, &l, pictures);
    if (status == TACIT_OK)
        status = write_sheet(s, name, pictures, rows, o->demonstrate_columns, o->demonstrate_titles);
    memory_free(s->context, pictures);
    return status;
}

tacit_status samples_demonstrate(const samples *s, tape *t, int64_t epoch)
{
    char name[64];
    scratch space;
    if (!s->learner->method.objective->demonstrate)
        return TACIT_OK;
    snprintf(name, sizeof name, "epoch-%04lld.png", (long long)epoch);
    scratch_init(&space, s->context);
    const tacit_status status = demonstrate(s, t, row_count(s), &space, name);
    scratch_fini(&space);
    return status;
}

static double similarity(const float *a, const float *b, int64_t width)
{
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (int64_t i = 0; i < width; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0.0 && bb > 0.0 ? ab * ab * (ab < 0 ? -1.0 : 1.0) / (aa * bb) : -1.0;
}

/* The rows most alike to `query`, itself first; one pass for each, of a few thousand at the most. */
static void nearest_rows(const float *embeddings, int64_t count, int64_t width, int64_t query, int64_t *rows)
{
    rows[0] = query;
    for (int k = 1; k < NEIGHBOUR_COLUMNS; k++) {
        double best = -2.0;
        rows[k] = query;
        for (int64_t i = 0; i < count; i++) {
            bool taken = false;
            for (int j = 0; j < k; j++)
                taken = taken || rows[j] == i;
            const double alike =
                taken ? -2.0 : similarity(embeddings + query * width, embeddings + i * width, width);
            if (alike > best) {
                best = alike;
                rows[k] = i;
            }
        }
    }
}

tacit_status samples_neighbours(const samples *s, const int64_t *examples, const float *embeddings,
                                int64_t count, int64_t epoch)
{
    static const char *const titles[NEIGHBOUR_COLUMNS] = {"query", "nearest", "", "", "", "", "", ""};
    const int64_t size = shape_count(s->views->shape), width = learner_width(s->learner);
    const int rows = (int)(count < s->rows ? count : s->rows);
    char name[64];
    scratch space;
    float *pictures = memory_alloc(s->context, (size_t)(rows * NEIGHBOUR_COLUMNS * size), sizeof *pictures);
    if (!pictures)
        return TACIT_NOMEM;
    scratch_init(&space, s->context);
    tacit_status status = TACIT_OK;
    for (int r = 0; r < rows; r++) {
        int64_t found[NEIGHBOUR_COLUMNS];
        nearest_rows(embeddings, count, width, r, found);
        for (int k = 0; status == TACIT_OK && k < NEIGHBOUR_COLUMNS; k++)
            status = s->views->plain(s->views, examples[found[k]], &space,
                                     pictures + (r * NEIGHBOUR_COLUMNS + k) * size);
    }
    snprintf(name, sizeof name, "neighbours-%04lld.png", (long long)epoch);
    if (status == TACIT_OK)
        status = write_sheet(s, name, pictures, rows, NEIGHBOUR_COLUMNS, titles);
    scratch_fini(&space);
    memory_free(s->context, pictures);
    return status;
}
