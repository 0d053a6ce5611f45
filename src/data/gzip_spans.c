/* Random access to gzip files: places to start from, and a cache of inflated spans. */
#include "data/gzip_spans.h"

#include "base/file.h"
#include "data/source.h"

#include <string.h>
#include <unistd.h>

enum { RAW = -15 /* zlib's window bits for bare deflate data */, WRAPPED = 15 + 16, TRAILER = 8 };

#define SPAN_LIMIT (UINT64_C(256) << 20)

typedef struct place {
    uint64_t in, out;
    int bits;
    size_t window_size;
    uint8_t *window; /* owned; NULL when empty */
} place;

/* What is in memory of the bytes between a place and the next; guarded by the lock. */
typedef struct span {
    uint8_t *data; /* NULL: not in memory */
    int users;     /* readers that copy from it now */
    bool loading;
    uint64_t used; /* moment of the last use */
} span;

struct gzip_spans {
    tacit_context *context;
    char *path;
    uint64_t spacing, total, budget;
    size_t most;
    place *places;
    size_t count, capacity;
    span *spans; /* (count) */
    pthread_mutex_t lock;
    pthread_cond_t loaded;
    uint64_t held, now, loads;
};

tacit_status gzip_spans_create(gzip_spans **out, tacit_context *context, const char *path, uint64_t spacing,
                               size_t most)
{
    *out = NULL;
    gzip_spans *s = memory_alloc(context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    s->context = context;
    s->spacing = spacing;
    s->most = most;
    s->path = memory_string(context, path);
    if (!s->path || pthread_mutex_init(&s->lock, NULL)) {
        memory_free(context, s->path);
        memory_free(context, s);
        return context_fail(context, TACIT_NOMEM, "%s: no memory for an index", path);
    }
    pthread_cond_init(&s->loaded, NULL); /* cannot fail with default attributes on Linux */
    *out = s;
    return TACIT_OK;
}

void gzip_spans_destroy(gzip_spans *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++) {
        memory_free(s->context, s->places[i].window);
        if (s->spans)
            memory_free(s->context, s->spans[i].data);
    }
    pthread_cond_destroy(&s->loaded);
    pthread_mutex_destroy(&s->lock);
    memory_free(s->context, s->places);
    memory_free(s->context, s->spans);
    memory_free(s->context, s->path);
    memory_free(s->context, s);
}

static void drop_every_second(gzip_spans *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (i % 2 == 0)
            s->places[kept++] = s->places[i];
        else
            memory_free(s->context, s->places[i].window);
    }
    s->count = kept;
    s->spacing *= 2;
}

tacit_status gzip_spans_visit(void *user, const gzip_place *found)
{
    gzip_spans *s = user;
    if (s->count && found->out - s->places[s->count - 1].out < s->spacing)
        return TACIT_OK;
    if (s->count >= s->most)
        drop_every_second(s);
    void *places = s->places;
    TRY(memory_reserve(s->context, &places, &s->capacity, s->count + 1, sizeof *s->places));
    s->places = places;
    place *p = &s->places[s->count];
    *p = (place){found->in, found->out, found->bits, found->window_size, NULL};
    if (found->window_size) {
        p->window = memory_alloc(s->context, found->window_size, 1);
        if (!p->window)
            return TACIT_NOMEM;
        memcpy(p->window, found->window, found->window_size);
    }
    s->count++;
    return TACIT_OK;
}

static uint64_t span_end(const gzip_spans *s, size_t i)
{
    return i + 1 < s->count ? s->places[i + 1].out : s->total;
}

static size_t span_size(const gzip_spans *s, size_t i)
{
    return (size_t)(span_end(s, i) - s->places[i].out);
}

tacit_status gzip_spans_finish(gzip_spans *s, uint64_t total, uint64_t budget)
{
    s->total = total;
    s->budget = budget;
    for (size_t i = 0; i < s->count; i++)
        if (span_end(s, i) - s->places[i].out > SPAN_LIMIT)
            return context_fail(
                s->context, TACIT_LIMIT,
                "%s: no place to start inflating for 256 MB after byte %llu of the contents: gunzip it",
                s->path, (unsigned long long)s->places[i].out);
    s->spans = memory_alloc(s->context, s->count, sizeof *s->spans);
    return s->spans ? TACIT_OK : TACIT_NOMEM;
}

/* The inflating of one span. */
typedef struct inflation {
    gzip_spans *s;
    z_stream stream;
    int fd;
    uint64_t in;    /* file bytes loaded */
    bool raw;       /* within the member that the span starts in */
    uint8_t *input; /* (GZIP_INPUT) */
} inflation;

static tacit_status changed(const gzip_spans *s, const char *what)
{
    return context_fail(s->context, TACIT_FORMAT, "%s: %s: the file has changed since it was opened", s->path,
                        what);
}

static tacit_status load_input(inflation *f)
{
    size_t got;
    if (f->stream.avail_in)
        return TACIT_OK;
    TRY(file_read_at(f->s->context, f->fd, f->s->path, f->in, f->input, GZIP_INPUT, &got));
    if (got == 0)
        return changed(f->s, "ends early");
    f->in += got;
    f->stream.next_in = f->input;
    f->stream.avail_in = (uInt)got;
    return TACIT_OK;
}

/* zlib's state as it was at the place: the bits of the shared byte, and the bytes that matches may refer to.
 */
static tacit_status start_at(inflation *f, const place *p)
{
    f->in = p->in - (p->bits ? 1 : 0);
    f->raw = true;
    if (p->bits) {
        TRY(load_input(f));
        inflatePrime(&f->stream, p->bits, *f->stream.next_in >> (8 - p->bits));
        f->stream.next_in++;
        f->stream.avail_in--;
    }
    if (p->window_size)
        inflateSetDictionary(&f->stream, p->window, (uInt)p->window_size);
    return TACIT_OK;
}

/* The next member of the file. Bare deflate data leaves the trailer of its member to us. */
static tacit_status next_member(inflation *f)
{
    for (int i = 0; f->raw && i < TRAILER; i++) {
        TRY(load_input(f));
        f->stream.next_in++;
        f->stream.avail_in--;
    }
    f->raw = false;
    inflateReset2(&f->stream, WRAPPED);
    return TACIT_OK;
}

static tacit_status inflate_span(inflation *f, size_t i, uint8_t *out)
{
    TRY(start_at(f, &f->s->places[i]));
    f->stream.next_out = out;
    f->stream.avail_out = (uInt)span_size(f->s, i);
    while (f->stream.avail_out) {
        TRY(load_input(f));
        const int code = inflate(&f->stream, Z_NO_FLUSH);
        if (code == Z_STREAM_END)
            TRY(next_member(f));
        else if (code == Z_MEM_ERROR)
            return context_fail(f->s->context, TACIT_NOMEM, "%s: no memory to inflate", f->s->path);
        else if (code != Z_OK && !(code == Z_BUF_ERROR && !f->stream.avail_in))
            return changed(f->s, "damaged gzip data");
    }
    return TACIT_OK;
}

/* Span i, inflated into memory of its own. */
static tacit_status load_span(gzip_spans *s, size_t i, uint8_t **out)
{
    inflation f = {.s = s, .fd = -1};
    gzip_use_memory(&f.stream, s->context);
    uint8_t *data = memory_alloc(s->context, span_size(s, i), 1);
    f.input = memory_alloc(s->context, GZIP_INPUT, 1);
    tacit_status status = TACIT_NOMEM;
    if (!data || !f.input)
        goto out;
    if (inflateInit2(&f.stream, RAW) != Z_OK) {
        status = context_fail(s->context, TACIT_NOMEM, "%s: no memory to inflate", s->path);
        goto out;
    }
    status = source_open(s->context, s->path, &f.fd, NULL);
    if (status == TACIT_OK)
        status = inflate_span(&f, i, data);
    if (f.fd >= 0)
        close(f.fd);
    inflateEnd(&f.stream);
out:
    memory_free(s->context, f.input);
    if (status != TACIT_OK)
        memory_free(s->context, data);
    *out = status == TACIT_OK ? data : NULL;
    return status;
}

/* Frees the spans unused for longest until `size` bytes more fit; with the lock held. */
static void make_room(gzip_spans *s, size_t size)
{
    while (s->held + size > s->budget) {
        size_t oldest = s->count;
        for (size_t i = 0; i < s->count; i++) {
            const span *p = &s->spans[i];
            if (p->data && !p->users && (oldest == s->count || p->used < s->spans[oldest].used))
                oldest = i;
        }
        if (oldest == s->count)
            return;
        memory_free(s->context, s->spans[oldest].data);
        s->spans[oldest].data = NULL;
        s->held -= span_size(s, oldest);
    }
}

/* Span i in memory, and counted as used; with the lock held, which is let go while inflating. */
static tacit_status borrow_span(gzip_spans *s, size_t i)
{
    span *p = &s->spans[i];
    while (p->loading)
        pthread_cond_wait(&s->loaded, &s->lock);
    p->used = ++s->now;
    p->users++;
    if (p->data)
        return TACIT_OK;
    make_room(s, span_size(s, i));
    s->held += span_size(s, i);
    s->loads++;
    p->loading = true;
    pthread_mutex_unlock(&s->lock);
    uint8_t *data;
    const tacit_status status = load_span(s, i, &data);
    pthread_mutex_lock(&s->lock);
    p->data = data;
    p->loading = false;
    if (status != TACIT_OK) {
        p->users--;
        s->held -= span_size(s, i);
    }
    pthread_cond_broadcast(&s->loaded);
    return status;
}

/* The last span that starts at or before `offset`. */
static size_t find_span(const gzip_spans *s, uint64_t offset)
{
    size_t low = 0, high = s->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (s->places[middle].out <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

tacit_status gzip_spans_read(gzip_spans *s, uint64_t offset, uint8_t *out, size_t size)
{
    if (offset > s->total || size > s->total - offset)
        return changed(s, "a read past the end");
    for (size_t i = find_span(s, offset); size > 0; i++) {
        pthread_mutex_lock(&s->lock);
        const tacit_status status = borrow_span(s, i);
        pthread_mutex_unlock(&s->lock);
        if (status != TACIT_OK)
            return status;
        const size_t skip = (size_t)(offset - s->places[i].out), there = span_size(s, i) - skip;
        const size_t count = size < there ? size : there;
        memcpy(out, s->spans[i].data + skip, count);
        pthread_mutex_lock(&s->lock);
        s->spans[i].users--;
        pthread_mutex_unlock(&s->lock);
        out += count;
        offset += count;
        size -= count;
    }
    return TACIT_OK;
}

size_t gzip_spans_count(const gzip_spans *s)
{
    return s->count;
}

uint64_t gzip_spans_loads(const gzip_spans *s)
{
    return s->loads;
}
