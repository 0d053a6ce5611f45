/* Drawing: a white picture in colour, blocks, text, and the PNG file it becomes. What is outside is cut. */
#ifndef USE_DRAWING_H
#define USE_DRAWING_H

#include "base/memory.h"

typedef struct colour {
    uint8_t red, green, blue;
} colour;

typedef struct drawing {
    tacit_context *context;
    int width, height;
    uint8_t *pixels; /* (height, width, 3), owned until drawing_write or drawing_fini */
} drawing;

/* White. */
tacit_status drawing_init(drawing *c, tacit_context *context, int width, int height);
void drawing_fini(drawing *c);

void drawing_put(drawing *c, int x, int y, colour k);
void drawing_block(drawing *c, int x, int y, int width, int height, colour k);

/* Letters of `scale` times the font's size, the first at (x, y); drawing_text_width is what it takes. */
void drawing_text(drawing *c, int x, int y, int scale, colour k, const char *text);
int drawing_text_width(const char *text, int scale);

/* Ends the drawing in any case. */
tacit_status drawing_write(drawing *c, const char *path);

#endif
