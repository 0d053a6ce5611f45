/* Comma-separated text (RFC 4180) cut into fields: quotes, doubled quotes, CRLF, line ends within quotes. */
#ifndef DATA_CSV_TEXT_H
#define DATA_CSV_TEXT_H

#include "base/memory.h"

typedef struct csv_text {
    tacit_context *context;
    const char *path; /* borrowed, for messages */
    char *text; /* (size + 1), owned: the file; once cut, its fields one after the other, each ended by 0 */
    int64_t records; /* at least 1 */
    int64_t fields;  /* of each record */
    int64_t *lines;  /* (records), owned: the line each begins at, from 1 */
    size_t line_capacity;
} csv_text;

/* Cuts the `size` bytes of t->text, which has room for one more, in place; context and path are set. The
 * separator is the comma, semicolon or tab that is most frequent in the first line. Spaces around a field
 * without quotes, and empty lines, are left out. A record of another number of fields than the first, a quote
 * that is never closed, text behind a closing quote, and a zero byte are TACIT_FORMAT with the line. */
tacit_status csv_cut(csv_text *t, size_t size);
void csv_text_fini(csv_text *t);

/* True when the bytes (the first of a file) can be such a text: no control characters, and a separator in the
 * first line. */
bool csv_sniff(const uint8_t *head, size_t size);

#endif
