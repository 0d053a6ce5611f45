#include "data/token_store.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "data/source.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20, JOBS_EACH = 4, HEAD = 16, BLOCK = 1 << 16, NAME_SIZE = 512 };

static const char magic[HEAD] = "tacit tokens 1\n";

/* ---- ranges ---- */

text_range text_range_all(const dataset *d)
{
    return (text_range){.first = 0, .last = d->count};
}

/* Total bytes of the texts, and the text in which byte `wanted` of them all is, and where in it. */
static tacit_status find_byte(const dataset *d, scratch *s, uint64_t wanted, uint64_t *total, int64_t *text,
                              uint64_t *at, uint64_t *size)
{
    text_piece piece;
    *total = 0;
    for (int64_t i = 0; i < d->count; i++) {
        TRY(dataset_read_text(d, i, TEXT_FIRST, 0, 0, s, &piece));
        if (*total <= wanted && wanted < *total + piece.total) {
            *text = i;
            *at = wanted - *total;
            *size = piece.total;
        }
        *total += piece.total;
    }
    return TACIT_OK;
}

/* The next byte from `at` on in a text at which a character begins. */
static tacit_status next_character(const dataset *d, scratch *s, int64_t text, uint64_t *at)
{
    text_piece piece;
    TRY(dataset_read_text(d, text, TEXT_FIRST, *at, UTF8_MOST, s, &piece));
    for (size_t i = 0; i < piece.size && (piece.bytes[i] & 0xc0) == 0x80; i++)
        ++*at;
    return TACIT_OK;
}

static tacit_status split_with(const dataset *d, double share, scratch *s, int64_t *text, uint64_t *at)
{
    uint64_t total, size = 0, unused;
    TRY(find_byte(d, s, UINT64_MAX, &total, text, at, &size));
    const uint64_t wanted = (uint64_t)((double)total * (1.0 - share)), near = (total - wanted) / 10;
    *text = d->count;
    *at = 0;
    TRY(find_byte(d, s, wanted, &unused, text, at, &size));
    if (*at <= near) { /* also where all texts together are too short to be cut */
        *at = 0;
        return TACIT_OK;
    }
    if (size - *at > near)
        TRY(next_character(d, s, *text, at));
    if (size - *at > near)
        return TACIT_OK;
    ++*text; /* nothing of it, or too little, is behind the cut */
    *at = 0;
    return TACIT_OK;
}

tacit_status text_range_split(const dataset *d, double share, text_range *before, text_range *after)
{
    int64_t text = 0;
    uint64_t at = 0;
    scratch s;
    scratch_init(&s, d->context);
    const tacit_status status = split_with(d, share, &s, &text, &at);
    scratch_fini(&s);
    *before = (text_range){.first = 0, .last = text, .last_byte = at};
    *after = (text_range){.first = text, .first_byte = at, .last = d->count};
    return status;
}

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
    uint8_t *block;     /* (BLOCK): tokens on their way to the file, hashed at once */
    size_t block_used;
    size_t starts_capacity, sizes_capacity, memory_capacity;
    _Atomic tacit_status status;
} filling;

size_t text_cut(const uint8_t *text, size_t size)
{
    size_t good;
    for (size_t i = size - 1; i > 0; i--)
        if ((text[i] == ' ' || text[i] == '\n') && text[i - 1] > ' ' && text[i - 1] < 0x7f)
            return i;
    utf8_check(text, size, &good);
    return good > 0 ? good : size;
}

tacit_status text_fail_changed(const dataset *d, int64_t i)
{
    char name[NAME_SIZE];
    dataset_name(d, i, name, sizeof name);
    return context_fail(d->context, TACIT_FORMAT, "%s: the text has changed since it was opened", name);
}

/* Where the range ends in a text of `total` bytes. */
static uint64_t end_of(const filling *f, int64_t text, uint64_t total)
{
    return text == f->options->range.last ? f->options->range.last_byte : total;
}

static bool at_end(const filling *f)
{
    const text_range *r = &f->options->range;
    return f->text > r->last || (f->text == r->last && f->at >= r->last_byte);
}

static tacit_status add_segment(filling *f, job *j, const text_piece *piece)
{
    const uint64_t end = end_of(f, f->text, piece->total);
    if (end > piece->total || f->at + piece->size > piece->total || (piece->size == 0 && f->at < end))
        return text_fail_changed(f->data, f->text);
    const uint64_t left = end - f->at;
    const size_t there = piece->size < left ? piece->size : (size_t)left;
    void *array = j->segments;
    TRY(memory_reserve(f->context, &array, &j->capacity, j->count + 1, sizeof *j->segments));
    j->segments = array;
    const size_t size = there < left ? text_cut(piece->bytes, there) : there;
    memcpy(j->bytes + j->used, piece->bytes, size);
    j->segments[j->count++] = (segment){.size = size, .ends = size == left};
    j->used += size;
    f->at += size;
    if (size == left) {
        f->text++;
        f->at = 0;
    }
    return TACIT_OK;
}

/* As much as goes into a job: of a text that does not, the next job gets the beginning. */
static tacit_status fill_job(filling *f, job *j)
{
    j->used = j->count = j->tokens.count = 0;
    while (!at_end(f)) {
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
        status =
            tokenizer_encode(f->scratches[worker], j->bytes + at, j->segments[k].size, false, &j->tokens);
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

static void flush_block(filling *f)
{
    f->token_hash = hash_bytes(f->token_hash, f->block, f->block_used);
    file_writer_write(&f->writer, f->block, f->block_used);
    f->block_used = 0;
}

static void write_tokens(filling *f, const int32_t *ids, size_t count)
{
    const size_t width = (size_t)f->store->width, most = BLOCK / width;
    for (size_t at = 0; at < count;) {
        const size_t room = most - f->block_used / width, some = count - at < room ? count - at : room;
        pack(ids + at, some, f->store->width, f->block + f->block_used);
        f->block_used += some * width;
        at += some;
        if (f->block_used == BLOCK)
            flush_block(f);
    }
}

static tacit_status keep_tokens(filling *f, const int32_t *ids, size_t count)
{
    token_store *s = f->store;
    void *array = s->memory;
    const size_t width = (size_t)s->width, used = (size_t)s->tokens * width;
    TRY(memory_reserve(f->context, &array, &f->memory_capacity, used + count * width, 1));
    s->memory = array;
    pack(ids, count, s->width, s->memory + used);
    return TACIT_OK;
}

static tacit_status put_tokens(filling *f, const int32_t *ids, size_t count)
{
    if (f->options->path)
        write_tokens(f, ids, count);
    else
        TRY(keep_tokens(f, ids, count));
    f->store->tokens += (int64_t)count;
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

/* Where texts end is part of them: the same bytes as two texts, cut where one is cut into pieces, are others.
 */
static void hash_segment(filling *f, const uint8_t *text, const segment *s)
{
    const uint8_t ends = s->ends;
    f->hash = hash_bytes(hash_bytes(f->hash, text, s->size), &ends, 1);
}

static tacit_status store_job(filling *f, const job *j, uint64_t *size)
{
    size_t at = 0, token = 0;
    for (size_t k = 0; k < j->count; k++) {
        const segment *s = &j->segments[k];
        hash_segment(f, j->bytes + at, s);
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
    while (!at_end(f)) {
        int jobs = 0;
        while (jobs < f->job_count && !at_end(f))
            TRY(fill_job(f, &f->jobs[jobs++]));
        team_run(f->workers, jobs, encode_job, f);
        TRY(atomic_load(&f->status));
        for (int i = 0; i < jobs; i++)
            TRY(store_job(f, &f->jobs[i], &size));
        TRY(f->writer.status); /* a full disk is told of now, not after all texts; without a file it is OK */
        if (f->context->cancelled)
            return context_fail(f->context, TACIT_CANCELLED, "stopped on request while texts became tokens");
    }
    return TACIT_OK;
}

/* ---- the file ---- */

/*   head    magic (16)
 *   tokens  (tokens * width)
 *   starts  (texts + 1) u64, sizes (texts) u64
 *   tail    six u64: tokens, texts, width, and hashes of the texts and the tokenizer, of the tokens, of the
 *           starts and sizes */
enum { TAIL_TOKENS, TAIL_TEXTS, TAIL_WIDTH, TAIL_SOURCE, TAIL_HASH, TAIL_PLACES, TAIL_NUMBERS };

static uint64_t hash_places(const token_store *s)
{
    const size_t count = (size_t)s->texts;
    return hash_bytes(hash_bytes(HASH_START, s->starts, (count + 1) * 8), s->sizes, count * 8);
}

static void write_number(filling *f, uint64_t number)
{
    uint8_t eight[8];
    bytes_put_u64_le(eight, number);
    file_writer_write(&f->writer, eight, sizeof eight);
}

static void write_tail(filling *f)
{
    const token_store *s = f->store;
    flush_block(f);
    for (int64_t i = 0; i <= s->texts; i++)
        write_number(f, (uint64_t)s->starts[i]);
    for (int64_t i = 0; i < s->texts; i++)
        write_number(f, s->sizes[i]);
    const uint64_t numbers[TAIL_NUMBERS] = {
        (uint64_t)s->tokens, (uint64_t)s->texts, (uint64_t)s->width, f->hash, f->token_hash, hash_places(s)};
    for (int i = 0; i < TAIL_NUMBERS; i++)
        write_number(f, numbers[i]);
}

/* All that makes the tokens what they are, but the texts. */
static uint64_t hash_tokenizer(const tokenizer *t, const token_store_options *o)
{
    const int32_t facts[2] = {(int32_t)o->part, o->end};
    uint64_t state = hash_bytes(HASH_START, facts, sizeof facts);
    for (int64_t i = 0; i < tokenizer_size(t); i++) {
        size_t size;
        const uint8_t *token = tokenizer_token(t, i, &size);
        state = hash_bytes(state, token, size);
    }
    return state;
}

/* The hash of the texts as store_job() takes it. */
static tacit_status hash_texts(filling *f)
{
    job *j = &f->jobs[0];
    while (!at_end(f)) {
        size_t at = 0;
        TRY(fill_job(f, j));
        for (size_t k = 0; k < j->count; at += j->segments[k++].size)
            hash_segment(f, j->bytes + at, &j->segments[k]);
    }
    return TACIT_OK;
}

/* Reads `count` numbers at byte `at` of the file. */
static tacit_status read_numbers(const token_store *s, uint64_t at, size_t count, uint64_t *out)
{
    TRY(source_read_at(s->context, s->fd, s->path, at, out, count * 8));
    for (size_t i = 0; i < count; i++) {
        bytes b = bytes_of(&out[i], 8);
        out[i] = bytes_u64_le(&b);
    }
    return TACIT_OK;
}

/* Whether the numbers of a tail can be those of a file of `size` bytes. */
static bool tail_fits(const uint64_t tail[TAIL_NUMBERS], uint64_t size, int width)
{
    const uint64_t most = size / 8;
    return tail[TAIL_WIDTH] == (uint64_t)width && tail[TAIL_TEXTS] < most && tail[TAIL_TOKENS] < size &&
           size == HEAD + tail[TAIL_TOKENS] * tail[TAIL_WIDTH] + (2 * tail[TAIL_TEXTS] + 1) * 8 +
                       TAIL_NUMBERS * 8;
}

static tacit_status hash_tokens(filling *f, uint64_t *out)
{
    const token_store *s = f->store;
    const uint64_t end = (uint64_t)s->tokens * (uint64_t)s->width;
    *out = HASH_START;
    for (uint64_t at = 0; at <= end; at += BLOCK) { /* the last block may be empty, as when it was written */
        const size_t some = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        TRY(source_read_at(s->context, s->fd, s->path, HEAD + at, f->block, some));
        *out = hash_bytes(*out, f->block, some);
    }
    return TACIT_OK;
}

/* The store of a file whose tail fits. *same: it is whole, and made from these texts. */
static tacit_status load(filling *f, const uint64_t tail[TAIL_NUMBERS], bool *same)
{
    token_store *s = f->store;
    uint64_t found;
    s->tokens = (int64_t)tail[TAIL_TOKENS];
    s->texts = (int64_t)tail[TAIL_TEXTS];
    const size_t count = (size_t)s->texts;
    s->starts = memory_alloc(s->context, count + 1, sizeof *s->starts);
    s->sizes = memory_alloc(s->context, count, sizeof *s->sizes);
    if (!s->starts || !s->sizes)
        return TACIT_NOMEM;
    const uint64_t at = HEAD + tail[TAIL_TOKENS] * tail[TAIL_WIDTH];
    TRY(read_numbers(s, at, count + 1, (uint64_t *)s->starts));
    TRY(read_numbers(s, at + 8 * (count + 1), count, s->sizes));
    TRY(hash_tokens(f, &found));
    *same = found == tail[TAIL_HASH] && hash_places(s) == tail[TAIL_PLACES];
    if (*same)
        TRY(hash_texts(f));
    *same = *same && f->hash == tail[TAIL_SOURCE];
    return TACIT_OK;
}

/* A file of an earlier run, if it is good. */
static tacit_status open_file(filling *f, bool *found)
{
    token_store *s = f->store;
    uint64_t size, tail[TAIL_NUMBERS];
    char head[HEAD];
    *found = false;
    if (!file_exists(s->path))
        return TACIT_OK;
    TRY(source_open(s->context, s->path, &s->fd, &size));
    if (size < HEAD + 8 + TAIL_NUMBERS * 8)
        return TACIT_OK;
    TRY(source_read_at(s->context, s->fd, s->path, 0, head, HEAD));
    TRY(read_numbers(s, size - TAIL_NUMBERS * 8, TAIL_NUMBERS, tail));
    if (memcmp(head, magic, HEAD) != 0 || !tail_fits(tail, size, s->width))
        return TACIT_OK;
    return load(f, tail, found);
}

static void rewind_texts(filling *f)
{
    f->text = f->options->range.first;
    f->at = f->options->range.first_byte;
}

/* What an unfit file left behind. */
static void forget(filling *f)
{
    token_store *s = f->store;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    memory_free(s->context, s->starts);
    memory_free(s->context, s->sizes);
    s->starts = NULL;
    s->sizes = NULL;
    s->tokens = s->texts = 0;
    rewind_texts(f);
}

/* ---- life ---- */

static tacit_status filling_init(filling *f, const tokenizer *t)
{
    tacit_context *context = f->context;
    f->worker_count = team_size(f->workers);
    f->job_count = JOBS_EACH * f->worker_count;
    f->scratches = memory_alloc(context, (size_t)f->worker_count, sizeof *f->scratches);
    f->jobs = memory_alloc(context, (size_t)f->job_count, sizeof *f->jobs);
    f->block = memory_alloc(context, BLOCK, 1);
    if (!f->scratches || !f->jobs || !f->block)
        return TACIT_NOMEM;
    for (int i = 0; i < f->worker_count; i++)
        TRY(tokenizer_scratch_create(&f->scratches[i], t));
    for (int i = 0; i < f->job_count; i++) {
        f->jobs[i].tokens.context = context;
        f->jobs[i].bytes = memory_alloc(context, PIECE, 1);
        if (!f->jobs[i].bytes)
            return TACIT_NOMEM;
    }
    return TACIT_OK;
}

static void filling_fini(filling *f)
{
    for (int i = 0; f->scratches && i < f->worker_count; i++)
        tokenizer_scratch_destroy(f->scratches[i]);
    for (int i = 0; f->jobs && i < f->job_count; i++) {
        memory_free(f->context, f->jobs[i].bytes);
        memory_free(f->context, f->jobs[i].segments);
        memory_free(f->context, f->jobs[i].tokens.ids);
    }
    memory_free(f->context, f->scratches);
    memory_free(f->context, f->jobs);
    memory_free(f->context, f->block);
    scratch_fini(&f->memory);
}

static tacit_status begin_starts(filling *f)
{
    f->store->starts = memory_alloc(f->context, 1, sizeof *f->store->starts);
    f->starts_capacity = 1;
    return f->store->starts ? TACIT_OK : TACIT_NOMEM;
}

/* All tokens into a new file, which is then open. */
static tacit_status fill_file(filling *f)
{
    token_store *s = f->store;
    TRY(file_writer_open(&f->writer, f->context, s->path));
    file_writer_write(&f->writer, magic, HEAD);
    tacit_status status = begin_starts(f);
    if (status == TACIT_OK)
        status = fill(f);
    if (status != TACIT_OK) {
        file_writer_abandon(&f->writer);
        return status;
    }
    write_tail(f);
    TRY(file_writer_commit(&f->writer));
    return source_open(f->context, s->path, &s->fd, NULL);
}

static tacit_status create(filling *f, uint64_t start)
{
    bool found = false;
    rewind_texts(f);
    f->hash = start;
    if (!f->store->path) {
        TRY(begin_starts(f));
        return fill(f);
    }
    TRY(open_file(f, &found));
    if (found)
        return TACIT_OK;
    forget(f);
    f->hash = start;
    return fill_file(f);
}

tacit_status token_store_create(token_store *out, const dataset *d, const tokenizer *t, team *workers,
                                const token_store_options *o)
{
    tacit_context *context = d->context;
    *out = (token_store){.context = context, .fd = -1, .width = tokenizer_size(t) > 65536 ? 4 : 2};
    out->path = o->path ? memory_string(context, o->path) : NULL;
    if (o->path && !out->path)
        return TACIT_NOMEM;
    filling f = {.store = out,
                 .context = context,
                 .data = d,
                 .options = o,
                 .workers = workers,
                 .token_hash = HASH_START};
    scratch_init(&f.memory, context);
    tacit_status status = filling_init(&f, t);
    if (status == TACIT_OK)
        status = create(&f, hash_tokenizer(t, o));
    filling_fini(&f);
    return status;
}

void token_store_close(token_store *s)
{
    if (!s->context)
        return;
    if (s->fd >= 0)
        close(s->fd);
    memory_free(s->context, s->starts);
    memory_free(s->context, s->sizes);
    memory_free(s->context, s->memory);
    memory_free(s->context, s->path);
    *s = (token_store){.context = NULL, .fd = -1};
}

/* ---- reading ---- */

/* Numbers of `width` bytes as int32, which may be in the same place. */
static void unpack(const uint8_t *from, int64_t count, int width, int32_t *out)
{
    for (int64_t i = count - 1; i >= 0; i--) {
        const uint8_t *p = from + i * width;
        uint32_t id = (uint32_t)p[0] | (uint32_t)p[1] << 8;
        if (width == 4)
            id |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        out[i] = (int32_t)id;
    }
}

tacit_status token_store_read(const token_store *s, int64_t at, int64_t count, int32_t *out)
{
    const size_t size = (size_t)(count * s->width);
    if (s->memory) {
        unpack(s->memory + at * s->width, count, s->width, out);
        return TACIT_OK;
    }
    TRY(source_read_at(s->context, s->fd, s->path, HEAD + (uint64_t)(at * s->width), out, size));
    unpack((const uint8_t *)out, count, s->width, out);
    return TACIT_OK;
}
