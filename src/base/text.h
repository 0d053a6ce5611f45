/* Words and numbers in text: strict parsing that does not depend on the locale, and the nearest of several
 * names. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole text must be the number; false otherwise (empty, trailing characters, out of range, nan, inf). */
bool text_to_int64(const char *text, int64_t *out);
bool text_to_double(const char *text, double *out);
/* "300M", "1.5G", "4096": K, M, G, T are powers of 1024; an optional trailing B. */
bool text_to_size(const char *text, uint64_t *out);

/* "1.5 GB", "312 MB": for people. Returns `out`. */
char *text_from_size(char *out, size_t out_size, uint64_t bytes);

/* The name (of `count` in `names`) with the smallest edit distance to `word`, where two neighbouring letters
 * that changed places are one error, or NULL when none is near enough to be meant (distance over a third of
 * the longer word, at least 1). */
const char *text_nearest(const char *word, const char *const *names, size_t count);

bool text_ends_with(const char *text, const char *ending); /* ASCII case ignored */

#endif
