/* Sheets: grids of pictures with titled columns, written as PNG for people to look at. */
#include "data/augment/augment.h"

#include "data/augment/font.h"
#include "data/codec.h"

#include <string.h>

enum {
    GAP = 4,         /* white pixels between cells and around the grid */
    CELL_LEAST = 64, /* cells are enlarged to at least this */
    SIDE_LIMIT = 65535
};

/* Sizes of a sheet in pixels. */
typedef struct layout {
    int enlarge;                 /* whole factor of the pictures */
    int cell_height, cell_width; /* one picture, enlarged */
    int letter;                  /* whole factor of the font; 0: no titles */
    int top;                     /* where the first row of pictures starts */
    int height, width;           /* the whole sheet */
} layout;

/* Twice the font's size where every title then fits above its column, else once. */
static int letter_size(const sheet *s, int cell_width)
{
    if (!s->titles)
        return 0;
    for (int c = 0; c < s->columns; c++)
        if ((int64_t)strlen(s->titles[c]) * (FONT_WIDTH + 1) * 2 > cell_width + GAP)
            return 1;
    return 2;
}

static tacit_status lay_out(tacit_context *context, const char *path, const sheet *s, layout *out)
{
    const bool sane = s->rows > 0 && s->columns > 0 && s->height > 0 && s->width > 0 &&
                      s->height <= SIDE_LIMIT && s->width <= SIDE_LIMIT &&
                      (s->channels == 1 || s->channels == 3);
    if (!sane)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s: a sheet of %dx%d pictures of %dx%dx%d can not be drawn", path, s->rows,
                            s->columns, s->height, s->width, s->channels);
    layout l = {0};
    const int side = s->height > s->width ? s->height : s->width;
    l.enlarge = (CELL_LEAST + side - 1) / side;
    l.cell_height = s->height * l.enlarge;
    l.cell_width = s->width * l.enlarge;
    l.letter = letter_size(s, l.cell_width);
    l.top = GAP + (l.letter ? l.letter * FONT_HEIGHT + GAP : 0);
    const int64_t height = l.top + (int64_t)s->rows * (l.cell_height + GAP);
    const int64_t width = GAP + (int64_t)s->columns * (l.cell_width + GAP);
    if (height > SIDE_LIMIT || width > SIDE_LIMIT)
        return context_fail(context, TACIT_LIMIT,
                            "%s: the sheet would have %lldx%lld pixels: at most %d a side", path,
                            (long long)height, (long long)width, SIDE_LIMIT);
    l.height = (int)height;
    l.width = (int)width;
    *out = l;
    return TACIT_OK;
}

/* One picture at its place, every pixel a square of `enlarge`. */
static void draw_cell(const sheet *s, const layout *l, int row, int column, uint8_t *paper)
{
    const size_t channels = (size_t)s->channels, stride = (size_t)l->width * channels;
    const uint8_t *picture =
        s->pixels + ((size_t)row * s->columns + column) * s->height * s->width * channels;
    uint8_t *corner = paper + (size_t)(l->top + row * (l->cell_height + GAP)) * stride +
                      (size_t)(GAP + column * (l->cell_width + GAP)) * channels;
    for (int y = 0; y < l->cell_height; y++) {
        const uint8_t *from = picture + (size_t)(y / l->enlarge) * s->width * channels;
        uint8_t *to = corner + (size_t)y * stride;
        for (int x = 0; x < l->cell_width; x++)
            memcpy(to + (size_t)x * channels, from + (size_t)(x / l->enlarge) * channels, channels);
    }
}

static void draw_letter(const sheet *s, const layout *l, char letter, int left, uint8_t *paper)
{
    const uint8_t *glyph = font_rows(letter);
    for (int y = 0; y < FONT_HEIGHT * l->letter; y++)
        for (int x = 0; x < FONT_WIDTH * l->letter; x++)
            if (glyph[y / l->letter] >> (FONT_WIDTH - 1 - x / l->letter) & 1)
                memset(paper + ((size_t)(GAP + y) * l->width + left + x) * s->channels, 0,
                       (size_t)s->channels);
}

/* As many letters as the column has room for. */
static void draw_title(const sheet *s, const layout *l, int column, uint8_t *paper)
{
    const int left = GAP + column * (l->cell_width + GAP), advance = (FONT_WIDTH + 1) * l->letter;
    const char *title = s->titles[column];
    for (int i = 0; title[i] && (i + 1) * advance <= l->cell_width + GAP; i++)
        draw_letter(s, l, title[i], left + i * advance, paper);
}

tacit_status sheet_write(tacit_context *context, const char *path, const sheet *s)
{
    layout l = {0};
    TRY(lay_out(context, path, s, &l));
    const size_t size = (size_t)l.height * l.width * s->channels;
    uint8_t *paper = memory_alloc(context, size, 1);
    if (!paper)
        return TACIT_NOMEM;
    memset(paper, 255, size);
    for (int row = 0; row < s->rows; row++)
        for (int column = 0; column < s->columns; column++)
            draw_cell(s, &l, row, column, paper);
    for (int column = 0; l.letter && column < s->columns; column++)
        draw_title(s, &l, column, paper);
    const image picture = {l.height, l.width, s->channels, paper};
    const tacit_status status = picture_write_png(context, path, picture);
    memory_free(context, paper);
    return status;
}
