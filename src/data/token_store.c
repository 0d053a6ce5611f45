#include "data/token_store.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "data/source.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20, JOBS_EACH = 4, HEAD = 16, TAIL = 48, BLOCK = 1 << 16 };

static const char magic[HEAD] = "tacit tokens 1\n";

/* ---- pieces of text ---- */

/* A piece of a text that is encoded at once. */
typedef struct segment {
    size_t size;   /* bytes */
    size_t tokens; /* that became of it */
    bool ends;     /* its text */
} segment;

/* What one worker encodes at a time: several short texts, or a piece of a long one. */
typedef struct job {
    uint8_t *bytes; /* (PIECE) */
    size_t used;
    segment *segments; /* (count) */
    size_t count, capacity;
    token_list tokens;
} job;

/* A store that is being filled. */
typedef struct filling {
    token_store *store;
    tacit_context *context;
    const dataset *data;
    const token_store_options *options;
    team *workers;
    tokenizer_scratch **scratches; /* (workers) */
    int worker_count, job_count;
    job *jobs;
    scratch memory; /* of the thread that reads */
    int64_t text;   /* the next one, and */
    uint64_t at;    /* where in it */
    uint64_t hash;  /* of the texts so far */
    uint64_t token_hash;
    file_writer writer; /* where there is a path */
    size_t starts_capacity, sizes_capacity, memory_capacity;
    _Atomic tacit_status status;
} filling;

/* How much of a piece that goes on is encoded: no token of any tokenizer reaches over the place between a
 * printing ASCII character and a space. */
static size_t cut(const uint8_t *bytes, size_t size)
{
    for (size_t i = size - 1; i > 0; i--)
        if ((bytes[i] == ' ' || bytes[i] == '\n') && bytes[i - 1] > ' ' && bytes[i - 1] < 0x7f)
            return i;
    const size_t valid = utf8_valid(bytes, size);
    return valid > 0 ? valid : size;
}

static tacit_status add_segment(filling *f, job *j, const text_piece *piece)
{
    const uint64_t left = piece->total - f->at;
    void *array = j->segments;
    TRY(memory_reserve(f->context, &array, &j->capacity, j->count + 1, sizeof *j->segments));
    j->segments = array;
    const size_t size = piece->size < left ? cut(piece->bytes, piece->size) : piece->size;
    memcpy(j->bytes + j->used, piece->bytes, size);
    j->segments[j->count++] = (segment){.size = size, .ends = size == left};
    j->used += size;
    f->at += size;
    if (f->at == piece->total) {
        f->text++;
        f->at = 0;
    }
    return TACIT_OK;
}

/* As much as goes into a job: of a text that does not, the next job gets the beginning. */
static tacit_status fill_job(filling *f, job *j)
{
    j->used = j->count = j->tokens.count = 0;
    while (f->text < f->data->count) {
        text_piece piece;
        TRY(dataset_read_text(f->data, f->text, f->options->part, f->at, PIECE, &f->memory, &piece));
        if (j->used > 0 && piece.size > PIECE - j->used)
            return TACIT_OK;
        TRY(add_segment(f, j, &piece));
    }
    return TACIT_OK;
}

static void encode_job(void *user, int64_t i, int worker)
{
    filling *f = user;
    job *j = &f->jobs[i];
    size_t at = 0;
    tacit_status status = TACIT_OK;
    for (size_t k = 0; status == TACIT_OK && k < j->count; at += j->segments[k++].size) {
        const size_t before = j->tokens.count;
        status = tokenizer_encode(f->scratches[worker], j->bytes + at, j->segments[k].size, false, &j->tokens);
        j->segments[k].tokens = j->tokens.count - before;
    }
    tacit_status none = TACIT_OK;
    if (status != TACIT_OK)
        atomic_compare_exchange_strong(&f->status, &none, status);
}

/* ---- what is stored ---- */

static void pack(const int32_t *ids, size_t count, int width, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t four[4];
        bytes_put_u32_le(four, (uint32_t)ids[i]);
        memcpy(out + i * (size_t)width, four, (size_t)width);
    }
}

static tacit_status put_tokens(filling *f, const int32_t *ids, size_t count)
{
    token_store *s = f->store;
    uint8_t packed[4096 * 4];
    const size_t width = (size_t)s->width;
    if (!f->options->path) {
        void *array = s->memory;
        const size_t used = (size_t)s->tokens * width;
        TRY(memory_reserve(f->context, &array, &f->memory_capacity, used + count * width, 1));
        s->memory = array;
        pack(ids, count, s->width, s->memory + used);
    }
    for (size_t at = 0; f->options->path && at < count; at += 4096) {
        const size_t some = count - at < 4096 ? count - at : 4096;
        pack(ids + at, some, s->width, packed);
        f->token_hash = hash_bytes(f->token_hash, packed, some * width);
        file_writer_write(&f->writer, packed, some * width);
    }
    s->tokens += (int64_t)count;
    return TACIT_OK;
}

/* A text has ended: where the next one starts, and how long it was. */
static tacit_status end_text(filling *f, uint64_t size)
{
    token_store *s = f->store;
    if (f->options->end >= 0)
        TRY(put_tokens(f, &f->options->end, 1));
    void *starts = s->starts, *sizes = s->sizes;
    const size_t count = (size_t)++s->texts;
    TRY(memory_reserve(f->context, &starts, &f->starts_capacity, count + 1, sizeof *s->starts));
    s->starts = starts;
    TRY(memory_reserve(f->context, &sizes, &f->sizes_capacity, count, sizeof *s->sizes));
    s->sizes = sizes;
    s->starts[count] = s->tokens;
    s->sizes[count - 1] = size;
    return TACIT_OK;
}

static tacit_status store_job(filling *f, const job *j, uint64_t *size)
{
    size_t at = 0, token = 0;
    for (size_t k = 0; k < j->count; k++) {
        const segment *s = &j->segments[k];
        f->hash = hash_bytes(f->hash, j->bytes + at, s->size);
        TRY(put_tokens(f, j->tokens.ids + token, s->tokens));
        at += s->size;
        token += s->tokens;
        *size += s->size;
        if (s->ends) {
            TRY(end_text(f, *size));
            *size = 0;
        }
    }
    return TACIT_OK;
}

/* Reads, encodes on all workers, stores, in rounds. */
static tacit_status fill(filling *f)
{
    uint64_t size = 0; /* of the text that has not ended */
    while (f->text < f->data->count) {
        int jobs = 0;
        while (jobs < f->job_count && f->text < f->data->count)
            TRY(fill_job(f, &f->jobs[jobs++]));
        team_run(f->workers, jobs, encode_job, f);
        TRY(atomic_load(&f->status));
        for (int i = 0; i < jobs; i++)
            TRY(store_job(f, &f->jobs[i], &size));
        if (f->context->cancelled)
            return context_fail(f->context, TACIT_CANCELLED, "stopped on request while texts became tokens");
    }
    return TACIT_OK;
}

/* ---- the file ---- */

/*   head    magic (16)
 *   tokens  (tokens * width)
 *   starts  (texts + 1) u64, sizes (texts) u64
 *   tail    tokens, texts, width, hash of the texts and the tokenizer, hash of the tokens, of starts and
 *           sizes: u64 each */
static void write_tail(filling *f, uint64_t texts_hash)
{
    token_store *s = f->store;
    const size_t count = (size_t)s->texts;
    const uint64_t hash =
        hash_bytes(hash_bytes(HASH_START, s->starts, (count + 1) * 8), s->sizes, count * 8);
    const uint64_t numbers[6] = {(uint64_t)s->tokens, (uint64_t)s->texts, (uint64_t)s->width,
                                 texts_hash,          f->token_hash,      hash};
    uint8_t eight[8];
    for (size_t i = 0; i < 2 * count + 1; i++) {
        bytes_put_u64_le(eight, i <= count ? (uint64_t)s->starts[i] : s->sizes[i - count - 1]);
        file_writer_write(&f->writer, eight, sizeof eight);
    }
    for (size_t i = 0; i < 6; i++) {
        bytes_put_u64_le(eight, numbers[i]);
        file_writer_write(&f->writer, eight, sizeof eight);
    }
}

/* All that makes the tokens what they are, but the texts. */
static uint64_t hash_tokenizer(const tokenizer *t, const token_store_options *o)
{
    const int32_t facts[2] = {(int32_t)o->part, o->end};
    uint64_t state = hash_bytes(HASH_START, facts, sizeof facts);
    for (int64_t i = 0; i < tokenizer_size(t); i++) {
        size_t size;
        const uint8_t *bytes = tokenizer_token(t, i, &size);
        state = hash_bytes(state, bytes, size);
    }
    return state;
}

/* The hash of the texts as fill() takes it. */
static tacit_status hash_texts(filling *f)
{
    while (f->text < f->data->count) {
        TRY(fill_job(f, &f->jobs[0]));
        size_t at = 0;
        for (size_t k = 0; k < f->jobs[0].count; k++) {
            f->hash = hash_bytes(f->hash, f->jobs[0].bytes + at, f->jobs[0].segments[k].size);
            at += f->jobs[0].segments[k].size;
        }
    }
    f->text = 0;
    return TACIT_OK;
}
