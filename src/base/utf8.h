/* UTF-8: characters out of bytes and back. Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_MOST = 4, UTF8_CODES = 0x110000 };

/* How many bytes the character at the beginning of `text` has, 1 to 4, and its code; 0: there is none. */
size_t utf8_decode(const uint8_t *text, size_t size, uint32_t *code);

/* The bytes of a character, 1 to 4; `code` must be one. */
size_t utf8_encode(uint32_t code, uint8_t out[UTF8_MOST]);

/* Whether all is UTF-8. *offset is where the first byte is that is not, or `size`. */
bool utf8_check(const void *text, size_t size, size_t *offset);

#endif
