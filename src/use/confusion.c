#include "use/confusion.h"

#include "base/file.h"
#include "data/augment/font.h"
#include "use/drawing.h"
#include "use/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MARGIN = 24, LETTER = 2, NAME_LETTERS = 20, WRITTEN = 25, WIDE = 44, NARROW = 5, GAP = 12 };
/* Of the widest name with its number. */
enum { NAME_WIDTH = (NAME_LETTERS + 4) * (FONT_WIDTH + 1) * LETTER };

static const colour ink = {40, 40, 40}, paper = {255, 255, 255};

tacit_status confusion_write_csv(tacit_context *context, const char *path, const confusion *c)
{
    file_writer w;
    TRY(file_writer_open(&w, context, path));
    file_writer_print(&w, "label");
    for (int32_t k = 0; k < c->classes; k++) {
        file_writer_print(&w, ",");
        export_quoted(&w, c->names[k]);
    }
    for (int32_t i = 0; i < c->classes; i++) {
        file_writer_print(&w, "\n");
        export_quoted(&w, c->names[i]);
        for (int32_t k = 0; k < c->classes; k++)
            file_writer_print(&w, ",%" PRId64, c->counts[i * c->classes + k]);
    }
    file_writer_print(&w, "\n");
    return file_writer_commit(&w);
}

/* Where the cells begin, and how large they are. */
typedef struct layout {
    int left, top, cell;
    bool written;
} layout;

static layout lay_out(const confusion *c)
{
    const bool written = c->classes <= WRITTEN;
    return (layout){.left = MARGIN + (written ? NAME_WIDTH + GAP : 0),
                    .top = MARGIN + (written ? 2 * MARGIN : 0),
                    .cell = written ? WIDE : NARROW,
                    .written = written};
}

/* White for none, dark blue for all. */
static colour shade(double share)
{
    return (colour){(uint8_t)(255.0 - 235.0 * share), (uint8_t)(255.0 - 185.0 * share),
                    (uint8_t)(255.0 - 105.0 * share)};
}

static void draw_cell(drawing *d, const layout *l, int row, int column, double share)
{
    char text[8];
    const int x = l->left + column * l->cell, y = l->top + row * l->cell;
    drawing_block(d, x, y, l->cell - 1, l->cell - 1, shade(share));
    if (!l->written || share < 0.005)
        return;
    snprintf(text, sizeof text, "%.0f", 100.0 * share);
    drawing_text(d, x + (l->cell - drawing_text_width(text, LETTER)) / 2, y + l->cell / 2 - 3 * LETTER,
                 LETTER, share > 0.5 ? paper : ink, text);
}

static void draw_names(drawing *d, const layout *l, const confusion *c)
{
    static const char title[] = "rows: label, columns: predicted; percent of the row";
    char text[NAME_LETTERS + 16];
    drawing_text(d, MARGIN, MARGIN, LETTER, ink, title);
    for (int32_t i = 0; i < c->classes; i++) {
        const int at = (int)i * l->cell + l->cell / 2;
        snprintf(text, sizeof text, "%d", (int)i + 1);
        drawing_text(d, l->left + at - drawing_text_width(text, LETTER) / 2, l->top - MARGIN, LETTER, ink,
                     text);
        snprintf(text, sizeof text, "%.*s %3d", NAME_LETTERS, c->names[i], (int)i + 1);
        drawing_text(d, l->left - GAP - drawing_text_width(text, LETTER), l->top + at - 3 * LETTER, LETTER,
                     ink, text);
    }
}

tacit_status confusion_draw(tacit_context *context, const char *path, const confusion *c)
{
    drawing d;
    const layout l = lay_out(c);
    const int side = l.cell * (int)c->classes, least = l.written ? 700 : 0;
    const int width = l.left + side + MARGIN;
    TRY(drawing_init(&d, context, width > least ? width : least, l.top + side + MARGIN));
    if (l.written)
        draw_names(&d, &l, c);
    for (int32_t i = 0; i < c->classes; i++) {
        int64_t all = 0;
        for (int32_t k = 0; k < c->classes; k++)
            all += c->counts[i * c->classes + k];
        for (int32_t k = 0; k < c->classes; k++)
            draw_cell(&d, &l, (int)i, (int)k,
                      all ? (double)c->counts[i * c->classes + k] / (double)all : 0.0);
    }
    return drawing_write(&d, path);
}
