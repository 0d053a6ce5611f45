/* GPT-2's byte-level characters: each byte has a visible one, in which tokens are written in files.
 *
 *   bytes 33 to 126, 161 to 172, 174 to 255    the character with that code
 *   the others, in order                       U+0100 to U+0143 */
#ifndef DATA_TOKENIZER_BYTE_LEVEL_H
#define DATA_TOKENIZER_BYTE_LEVEL_H

#include <stddef.h>
#include <stdint.h>

uint32_t byte_level_code(uint8_t byte);

/* The byte that a character stands for, or -1. */
int byte_level_byte(uint32_t code);

/* Byte `order` (0 to 255) in the order of the characters, which is that of GPT-2's ids. */
uint8_t byte_level_ordered(int order);

/* `size` bytes as characters, ended by a zero byte: at most 2 * size + 1. */
void byte_level_write(const uint8_t *data, size_t size, char *out);

/* The bytes of a text, at most as many as it has, in *size. NULL, or where a character begins that stands for
 * no byte. `out` may be the text itself. */
const char *byte_level_read(const char *text, size_t length, uint8_t *out, size_t *size);

#endif
