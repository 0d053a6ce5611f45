#include "use/html.h"

#include <math.h>

enum { PICTURE_LIMIT = 1 << 27, LINES_LIMIT = 1 << 20, CURVE_WIDTH = 320, CURVE_HEIGHT = 90 };

void html_text(file_writer *w, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            file_writer_print(w, "%s", entity);
        else
            file_writer_write(w, text, 1);
    }
}

/* Base 64 (RFC 4648). */
static void put_base64(file_writer *w, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)(left > 1 ? bytes[i + 1] : 0) << 8 |
                               (uint32_t)(left > 2 ? bytes[i + 2] : 0);
        const char out[4] = {digits[three >> 18], digits[three >> 12 & 63],
                             left > 1 ? digits[three >> 6 & 63] : '=', left > 2 ? digits[three & 63] : '='};
        file_writer_write(w, out, sizeof out);
    }
}

tacit_status html_picture(file_writer *w, const char *path, const char *about)
{
    uint8_t *bytes;
    size_t size;
    TRY(file_read(w->context, path, PICTURE_LIMIT, &bytes, &size));
    file_writer_print(w, "<img loading=\"lazy\" alt=\"");
    html_text(w, about);
    file_writer_print(w, "\" src=\"data:image/png;base64,");
    put_base64(w, bytes, size);
    file_writer_print(w, "\">\n");
    memory_free(w->context, bytes);
    return TACIT_OK;
}

tacit_status html_lines(file_writer *w, const char *path, int most)
{
    uint8_t *bytes;
    size_t size, kept = 0;
    TRY(file_read(w->context, path, LINES_LIMIT, &bytes, &size));
    for (size_t i = 0; i < size && most > 0; i++) {
        if (bytes[i] >= ' ' || bytes[i] == '\n' || bytes[i] == '\t')
            bytes[kept++] = bytes[i];
        most -= bytes[i] == '\n';
    }
    bytes[kept] = '\0';
    file_writer_print(w, "<pre>");
    html_text(w, (const char *)bytes);
    file_writer_print(w, "</pre>\n");
    memory_free(w->context, bytes);
    return TACIT_OK;
}

void html_curve(file_writer *w, const double *y, int count, const char *about)
{
    double low = y[0], high = y[0];
    for (int i = 0; i < count; i++) {
        low = fmin(low, y[i]);
        high = fmax(high, y[i]);
    }
    const double range = high > low ? high - low : 1.0;
    file_writer_print(w, "<svg class=\"curve\" viewBox=\"-4 -14 %d %d\" role=\"img\" aria-label=\"",
                      CURVE_WIDTH + 8, CURVE_HEIGHT + 30);
    html_text(w, about);
    file_writer_print(w, "\"><polyline points=\"");
    for (int i = 0; i < count; i++)
        file_writer_print(w, "%.1f,%.1f ", CURVE_WIDTH * (double)i / (count - 1),
                          CURVE_HEIGHT * (1.0 - (y[i] - low) / range));
    file_writer_print(w, "\"/><text x=\"0\" y=\"-3\">%.4g</text><text x=\"0\" y=\"%d\">%.4g</text></svg>\n",
                      high, CURVE_HEIGHT + 13, low);
}
