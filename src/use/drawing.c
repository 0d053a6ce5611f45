#include "use/drawing.h"

#include "data/augment/font.h"
#include "data/codec.h"

#include <string.h>

tacit_status drawing_init(drawing *c, tacit_context *context, int width, int height)
{
    *c = (drawing){.context = context, .width = width, .height = height};
    c->pixels = memory_alloc(context, (size_t)width * (size_t)height, 3);
    if (!c->pixels)
        return TACIT_NOMEM;
    memset(c->pixels, 255, (size_t)width * (size_t)height * 3);
    return TACIT_OK;
}

void drawing_fini(drawing *c)
{
    memory_free(c->context, c->pixels);
    c->pixels = NULL;
}

tacit_status drawing_write(drawing *c, const char *path)
{
    const image drawn = {c->height, c->width, 3, c->pixels};
    const tacit_status status = picture_write_png(c->context, path, drawn);
    drawing_fini(c);
    return status;
}

void drawing_put(drawing *c, int x, int y, colour k)
{
    if (x < 0 || y < 0 || x >= c->width || y >= c->height)
        return;
    uint8_t *p = c->pixels + 3 * ((size_t)y * (size_t)c->width + (size_t)x);
    p[0] = k.red;
    p[1] = k.green;
    p[2] = k.blue;
}

void drawing_block(drawing *c, int x, int y, int width, int height, colour k)
{
    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++)
            drawing_put(c, x + i, y + j, k);
}

void drawing_text(drawing *c, int x, int y, int scale, colour k, const char *text)
{
    for (; *text; text++, x += (FONT_WIDTH + 1) * scale) {
        const uint8_t *rows = font_rows(*text);
        for (int j = 0; j < FONT_HEIGHT; j++)
            for (int i = 0; i < FONT_WIDTH; i++)
                if (rows[j] >> (FONT_WIDTH - 1 - i) & 1)
                    drawing_block(c, x + i * scale, y + j * scale, scale, scale, k);
    }
}

int drawing_text_width(const char *text, int scale)
{
    return (int)strlen(text) * (FONT_WIDTH + 1) * scale;
}
