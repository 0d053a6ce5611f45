/* GPT-2's pre-tokenisation: text is cut into words with the space before them, numbers, and so on; no token
 * crosses such a cut. Bytes that are not UTF-8 are pieces of their own, as long as they are neighbours. */
#ifndef DATA_TOKENIZER_PIECES_H
#define DATA_TOKENIZER_PIECES_H

#include "base/memory.h"

/* The compiled expression; any number of threads. */
typedef struct piece_rule piece_rule;

tacit_status piece_rule_create(piece_rule **out, tacit_context *context);
void piece_rule_destroy(piece_rule *r); /* NULL is fine */

/* What one thread needs to apply it. The rule must live longer. */
typedef struct piece_cutter piece_cutter;

tacit_status piece_cutter_create(piece_cutter **out, const piece_rule *rule);
void piece_cutter_destroy(piece_cutter *c); /* NULL is fine */

/* A text to be cut, borrowed; then its pieces one by one. */
void pieces_begin(piece_cutter *c, const uint8_t *text, size_t size);

/* The next piece, *size 0 at the end. TACIT_BACKEND when the matcher gives up. */
tacit_status pieces_next(piece_cutter *c, const uint8_t **piece, size_t *size);

#endif
