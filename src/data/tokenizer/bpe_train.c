/* Training of a byte-pair encoding: again and again the neighbours that occur most often become one token.
 *
 * The result is that of BpeTrainer in the library `tokenizers`, with all 256 bytes as initial alphabet: of
 * pairs that are equally frequent the one with the smaller ids comes first (left before right), and the bytes
 * have their ids in the order of GPT-2. Nothing in that rule is left to chance.
 *
 * A token never comes out of two different merges, so it is not looked for. As long as no merge crosses the
 * ends of a stretch of bytes, what becomes of it does not depend on what is around it: the first merge that
 * makes one token of it does so wherever it is. For the same reason a pair that was merged does not occur
 * again. */
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/pairs.h"
#include "data/tokenizer/parts.h"

/* A word as symbols, which become fewer. */
typedef struct word {
    size_t at; /* in training.symbols */
    int32_t length;
    int64_t count;
} word;

/* A pair that may be merged next, in the words of a list. */
typedef struct candidate {
    int64_t count; /* when it was put into the queue: later there may be fewer */
    int32_t number, words;
} candidate;

typedef struct training {
    tokenizer *result;
    tacit_context *context;
    word *words;
    size_t word_count;
    int32_t *symbols; /* ids */
    pair_table pairs;
    candidate *queue; /* a heap */
    size_t queue_size, queue_capacity;
    uint8_t *token; /* room for the bytes of a new one */
    size_t token_capacity;
} training;

/* ---- the queue ---- */

static bool before(const training *t, const candidate *a, const candidate *b)
{
    const uint64_t first = t->pairs.pairs[a->number].pair, second = t->pairs.pairs[b->number].pair;
    return a->count != b->count ? a->count > b->count : first < second;
}

static tacit_status queue_push(training *t, candidate added)
{
    void *array = t->queue;
    TRY(memory_reserve(t->context, &array, &t->queue_capacity, t->queue_size + 1, sizeof *t->queue));
    t->queue = array;
    size_t i = t->queue_size++;
    for (; i > 0 && before(t, &added, &t->queue[(i - 1) / 2]); i = (i - 1) / 2)
        t->queue[i] = t->queue[(i - 1) / 2];
    t->queue[i] = added;
    return TACIT_OK;
}

static candidate queue_pop(training *t)
{
    candidate *queue = t->queue;
    const candidate top = queue[0], last = queue[--t->queue_size];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < t->queue_size; i = child) {
        child += child + 1 < t->queue_size && before(t, &queue[child + 1], &queue[child]);
        if (!before(t, &queue[child], &last))
            break;
        queue[i] = queue[child];
    }
    queue[i] = last;
    return top;
}

/* The pairs that this round found go into the queue. */
static tacit_status end_round(training *t)
{
    pair_table *p = &t->pairs;
    for (size_t i = 0; i < p->touched_count; i++) {
        neighbours *n = &p->pairs[p->touched[i]];
        if (n->count > 0)
            TRY(queue_push(t, (candidate){n->count, p->touched[i], n->words}));
        else
            pair_table_recycle(p, n->words);
        n->words = -1;
    }
    p->touched_count = 0;
    return TACIT_OK;
}

/* The most frequent pair by what is there now, with at least `least`; false: there is none. */
static tacit_status choose(training *t, int64_t least, candidate *chosen, bool *found)
{
    *found = false;
    while (t->queue_size > 0) {
        *chosen = queue_pop(t);
        const int64_t now = t->pairs.pairs[chosen->number].count;
        if (chosen->count == now) {
            *found = now >= least;
            return TACIT_OK;
        }
        chosen->count = now;
        if (now > 0)
            TRY(queue_push(t, *chosen));
        else
            pair_table_recycle(&t->pairs, chosen->words);
    }
    return TACIT_OK;
}

/* ---- merging ---- */

/* Adds the token that is left and right together. */
static tacit_status make_token(training *t, merge *m)
{
    token_table *tokens = &t->result->tokens;
    size_t left_size, right_size;
    void *array = t->token;
    const uint8_t *left = byte_strings_get(&tokens->strings, m->left, &left_size);
    const uint8_t *right = byte_strings_get(&tokens->strings, m->right, &right_size);
    TRY(memory_reserve(t->context, &array, &t->token_capacity, left_size + right_size, 1));
    t->token = array;
    memcpy(t->token, left, left_size);
    memcpy(t->token + left_size, right, right_size);
    m->result = (int32_t)tokens->strings.count;
    return token_table_add(tokens, t->token, left_size + right_size, false);
}

/* What changes around a pair that is merged: `previous` and `next` are its neighbours, NULL at the ends. */
static tacit_status change_around(training *t, const merge *m, const int32_t *previous, const int32_t *next,
                                  int32_t number)
{
    const int64_t count = t->words[number].count;
    if (previous) {
        TRY(pair_table_change(&t->pairs, *previous, m->left, -count, number));
        TRY(pair_table_change(&t->pairs, *previous, m->result, count, number));
    }
    if (next) {
        TRY(pair_table_change(&t->pairs, m->right, *next, -count, number));
        TRY(pair_table_change(&t->pairs, m->result, *next, count, number));
    }
    return TACIT_OK;
}

/* Merges a pair all through a word, from left to right. */
static tacit_status merge_word(training *t, const merge *m, int32_t number)
{
    word *w = &t->words[number];
    int32_t *symbols = t->symbols + w->at, kept = 0;
    for (int32_t i = 0; i < w->length; i++) {
        const bool here = symbols[i] == m->left && i + 1 < w->length && symbols[i + 1] == m->right;
        if (here) {
            const int32_t *previous = kept > 0 ? &symbols[kept - 1] : NULL;
            const int32_t *next = i + 2 < w->length ? &symbols[i + 2] : NULL;
            TRY(change_around(t, m, previous, next, number));
            i++;
        }
        symbols[kept++] = here ? m->result : symbols[i];
    }
    w->length = kept;
    return TACIT_OK;
}

static tacit_status merge_pair_of(training *t, const candidate *chosen)
{
    const uint64_t pair = t->pairs.pairs[chosen->number].pair;
    merge m = {(int32_t)(pair >> 32), (int32_t)(pair & UINT32_MAX), -1};
    TRY(make_token(t, &m));
    TRY(merge_table_add(&t->result->merges, m));
    for (int32_t i = chosen->words; i >= 0; i = t->pairs.nodes[i].next)
        TRY(merge_word(t, &m, t->pairs.nodes[i].word));
    pair_table_recycle(&t->pairs, chosen->words);
    return end_round(t);
}

static tacit_status merge_all(training *t, int64_t vocabulary, int64_t least)
{
    candidate chosen;
    bool found = true;
    while (tokenizer_size(t->result) < vocabulary) {
        if (t->context->cancelled)
            return context_fail(t->context, TACIT_CANCELLED,
                                "stopped on request after %lld of %lld tokens were found",
                                (long long)tokenizer_size(t->result), (long long)vocabulary);
        TRY(choose(t, least, &chosen, &found));
        if (!found)
            break;
        TRY(merge_pair_of(t, &chosen));
    }
    return TACIT_OK;
}

/* ---- from words to a tokenizer ---- */

static tacit_status make_alphabet(training *t)
{
    for (int i = 0; i < BYTES; i++) {
        const uint8_t byte = byte_level_ordered(i);
        TRY(token_table_add(&t->result->tokens, &byte, 1, false));
    }
    tokenizer_find_bytes(t->result);
    return TACIT_OK;
}

static tacit_status spell_words(training *t, const byte_strings *words, const int64_t *counts)
{
    t->words = memory_alloc(t->context, words->count, sizeof *t->words);
    t->symbols = memory_alloc(t->context, words->pool_size, sizeof *t->symbols);
    if (!t->words || !t->symbols)
        return TACIT_NOMEM;
    for (size_t i = 0; i < words->pool_size; i++)
        t->symbols[i] = t->result->of_byte[words->pool[i]];
    for (size_t i = 0; i < words->count; i++)
        t->words[i] = (word){words->strings[i].at, (int32_t)words->strings[i].size, counts[i]};
    t->word_count = words->count;
    return TACIT_OK;
}

static tacit_status count_pairs(training *t)
{
    for (size_t i = 0; i < t->word_count; i++) {
        const word *w = &t->words[i];
        const int32_t *symbols = t->symbols + w->at;
        for (int32_t j = 0; j + 1 < w->length; j++)
            TRY(pair_table_change(&t->pairs, symbols[j], symbols[j + 1], w->count, (int32_t)i));
    }
    return end_round(t);
}

static tacit_status train(training *t, const byte_strings *words, const int64_t *counts, int64_t vocabulary,
                          int64_t least)
{
    TRY(make_alphabet(t));
    TRY(spell_words(t, words, counts));
    TRY(count_pairs(t));
    return merge_all(t, vocabulary, least);
}

tacit_status bpe_train(tokenizer *result, const byte_strings *words, const int64_t *counts,
                       int64_t vocabulary, int64_t least)
{
    training t = {.result = result, .context = result->context};
    pair_table_init(&t.pairs, t.context);
    const tacit_status status = train(&t, words, counts, vocabulary, least < 1 ? 1 : least);
    memory_free(t.context, t.words);
    memory_free(t.context, t.symbols);
    memory_free(t.context, t.queue);
    memory_free(t.context, t.token);
    pair_table_free(&t.pairs);
    return status;
}
