/* Views of texts: rows of token ids, -1 where there is none. */
#ifndef DATA_AUGMENT_TEXT_VIEWS_H
#define DATA_AUGMENT_TEXT_VIEWS_H

#include "data/token_store.h"
#include "data/views.h"

/* The token that is put behind each text. */
#define TEXT_END "<|endoftext|>"

typedef struct text_view_options {
    const tokenizer *tokenizer; /* knows TEXT_END; not kept */
    team *workers;
    int64_t window;     /* tokens of a view */
    int64_t ahead;      /* of a stream: more tokens behind them, which are to be predicted */
    bool stream;        /* views are windows of all texts one after the other, rather than texts */
    double validation;  /* of a stream: share of the bytes that is kept apart, at the end; 0 to below 1 */
    double drop;        /* of texts: share of the tokens that a random view is without */
    bool paired;        /* of texts: views of odd number are of the second one, which the data have */
    const char *folder; /* where the tokens are kept in files, or found again; NULL: in memory */
} text_view_options;

/* The files that may come to be in `folder`; NULL ends them. */
extern const char *const text_view_files[];

/* Views of shape (window + ahead) i32.
 *
 * A stream has `count` windows, which random views move together by an offset drawn anew in each epoch, so
 * that no token is always at the same place; plain views do not move. Behind them, from number `count` on,
 * are `held` windows of the validation part, which never move; its last tokens, fewer than a window, are left
 * out unless they are all it has. Less text than two windows is TACIT_ARGUMENT.
 *
 * Else example i is text i: the plain view its first `window` tokens. A random view is a piece of that many,
 * from a place drawn anew, without `drop` of the tokens.
 *
 * `d` is kept. */
tacit_status text_views_create(views **out, tacit_context *context, const dataset *d,
                               const text_view_options *o);

#endif
