#include "use/map_picture.h"

#include "data/augment/font.h"
#include "use/drawing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SIDE = 1440,
    MARGIN = 30,
    CELL = 36,
    GRID = SIDE / CELL,
    FRAME = 2,
    INSIDE = CELL - 2 * FRAME,
    DOT = 3,
    LEGEND = 300,
    LEGEND_LABELS = 24,
    LINE = 40,
    LETTER = 2 /* pixels of the canvas for one of the font */
};

enum { COLOURS = 12 };

/* Told apart on white; beyond them they come again, darker each time. Without a label grey. */
static colour colour_of(int32_t label)
{
    static const colour colours[COLOURS] = {{41, 98, 230},  {235, 120, 20}, {40, 155, 70},  {215, 40, 50},
                                            {140, 70, 190}, {125, 80, 60},  {0, 170, 195},  {235, 85, 165},
                                            {165, 160, 30}, {60, 70, 80},   {120, 200, 90}, {250, 185, 0}};
    if (label < 0)
        return (colour){110, 110, 110};
    const colour c = colours[label % COLOURS];
    const int parts = 3 + label / COLOURS;
    return (colour){(uint8_t)(c.red * 3 / parts), (uint8_t)(c.green * 3 / parts),
                    (uint8_t)(c.blue * 3 / parts)};
}

static int32_t label_of(const map_places *m, int64_t i)
{
    return m->data->labels ? m->data->labels[i] : -1;
}

/* ---- places ---- */

/* How places become pixels: the middle of the map is that of the canvas. */
typedef struct projection {
    double middle[2], scale;
} projection;

static projection project(const map_places *m)
{
    double low[2] = {m->y[0], m->y[1]}, high[2] = {m->y[0], m->y[1]};
    for (int64_t i = 0; i < 2 * m->count; i++) {
        low[i % 2] = fmin(low[i % 2], m->y[i]);
        high[i % 2] = fmax(high[i % 2], m->y[i]);
    }
    const double width = fmax(high[0] - low[0], high[1] - low[1]);
    return (projection){{0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])},
                        width > 0 ? (SIDE - 2 * MARGIN) / width : 1.0};
}

/* Down is positive in pictures. */
static void place_of(const projection *p, const double *y, double at[2])
{
    at[0] = 0.5 * SIDE + p->scale * (y[0] - p->middle[0]);
    at[1] = 0.5 * SIDE - p->scale * (y[1] - p->middle[1]);
}

/* ---- points ---- */

static void put_dot(drawing *c, int x, int y, colour k)
{
    for (int j = -DOT; j <= DOT; j++)
        for (int i = -DOT; i <= DOT; i++)
            if (i * i + j * j <= DOT * DOT)
                drawing_put(c, x + i, y + j, k);
}

static void put_legend(drawing *c, const dataset *d)
{
    static const colour ink = {40, 40, 40};
    for (int32_t label = 0; label < d->label_count; label++) {
        char name[LEGEND / (LETTER * (FONT_WIDTH + 1)) - 3];
        const int y = MARGIN + LINE * (int)label;
        dataset_label_text(d, label, name, sizeof name);
        drawing_block(c, SIDE, y, LINE / 2, LINE / 2, colour_of(label));
        drawing_text(c, SIDE + LINE * 3 / 4, y + LETTER, LETTER, ink, name);
    }
}

tacit_status map_points_write(tacit_context *context, const char *path, const map_places *m)
{
    drawing c;
    const projection p = project(m);
    const bool legend = m->data->labels && m->data->label_count <= LEGEND_LABELS;
    TRY(drawing_init(&c, context, SIDE + (legend ? LEGEND : 0), SIDE));
    for (int64_t i = 0; i < m->count; i++) {
        double at[2];
        place_of(&p, m->y + 2 * i, at);
        put_dot(&c, (int)at[0], (int)at[1], colour_of(label_of(m, i)));
    }
    if (legend)
        put_legend(&c, m->data);
    return drawing_write(&c, path);
}

/* ---- thumbnails ---- */

/* The example nearest to the middle of each cell, or -1: of equal ones the first. */
static void choose(const map_places *m, int64_t *chosen)
{
    double least[GRID * GRID];
    const projection p = project(m);
    for (int i = 0; i < GRID * GRID; i++) {
        chosen[i] = -1;
        least[i] = (double)INFINITY;
    }
    for (int64_t i = 0; i < m->count; i++) {
        double at[2];
        place_of(&p, m->y + 2 * i, at);
        const int column = (int)at[0] / CELL, row = (int)at[1] / CELL;
        const double across = at[0] - (column + 0.5) * CELL, down = at[1] - (row + 0.5) * CELL;
        const double square = across * across + down * down;
        if (square < least[row * GRID + column]) {
            least[row * GRID + column] = square;
            chosen[row * GRID + column] = i;
        }
    }
}

/* The mean of the picture's pixels that fall on pixel (x, y) of a thumbnail, or the nearest one. */
static uint8_t shrink(const map_thumbnails *t, const uint8_t *pixels, int x, int y, int channel)
{
    const int left = x * t->side / INSIDE, top = y * t->side / INSIDE;
    int right = (x + 1) * t->side / INSIDE, bottom = (y + 1) * t->side / INSIDE, sum = 0;
    right += right == left;
    bottom += bottom == top;
    for (int j = top; j < bottom; j++)
        for (int i = left; i < right; i++)
            sum += pixels[(j * t->side + i) * t->channels + channel];
    return (uint8_t)(sum / ((right - left) * (bottom - top)));
}

static void put_thumbnail(drawing *c, const map_thumbnails *t, const uint8_t *pixels, int x, int y,
                          colour frame)
{
    drawing_block(c, x, y, CELL, CELL, frame);
    for (int j = 0; j < INSIDE; j++)
        for (int i = 0; i < INSIDE; i++) {
            const uint8_t red = shrink(t, pixels, i, j, 0);
            const colour k = t->channels == 1
                                 ? (colour){red, red, red}
                                 : (colour){red, shrink(t, pixels, i, j, 1), shrink(t, pixels, i, j, 2)};
            drawing_put(c, x + FRAME + i, y + FRAME + j, k);
        }
}

static tacit_status put_thumbnails(drawing *c, const map_places *m, const map_thumbnails *t,
                                   const int64_t *chosen, uint8_t *pixels)
{
    for (int i = 0; i < GRID * GRID; i++) {
        if (chosen[i] < 0)
            continue;
        TRY(t->fill(t->user, chosen[i], pixels));
        put_thumbnail(c, t, pixels, i % GRID * CELL, i / GRID * CELL, colour_of(label_of(m, chosen[i])));
    }
    return TACIT_OK;
}

tacit_status map_thumbnails_write(tacit_context *context, const char *path, const map_places *m,
                                  const map_thumbnails *t)
{
    drawing c;
    int64_t chosen[GRID * GRID];
    const size_t size = (size_t)t->side * (size_t)t->side * (size_t)t->channels;
    choose(m, chosen);
    uint8_t *pixels = memory_alloc(context, size, 1);
    if (!pixels)
        return TACIT_NOMEM;
    tacit_status status = drawing_init(&c, context, SIDE, SIDE);
    if (status == TACIT_OK) {
        status = put_thumbnails(&c, m, t, chosen, pixels);
        if (status == TACIT_OK)
            status = drawing_write(&c, path);
        else
            drawing_fini(&c);
    }
    memory_free(context, pixels);
    return status;
}
