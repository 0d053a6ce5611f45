/* gzip files read in order. */
#include "data/gzip.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"

#include <string.h>

enum { WRAPPED = 15 + 16 /* zlib's window bits for "gzip header and trailer" */, GUESS_RATIO = 16 };

bool gzip_sniff(const uint8_t *head, size_t size)
{
    return size >= 3 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8;
}

size_t gzip_sniff_inside(const uint8_t *head, size_t size, uint8_t *out, size_t out_size)
{
    z_stream stream = {0};
    if (!gzip_sniff(head, size) || inflateInit2(&stream, WRAPPED) != Z_OK)
        return 0;
    stream.next_in = head;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)out_size;
    inflate(&stream, Z_SYNC_FLUSH);
    const size_t got = out_size - stream.avail_out;
    inflateEnd(&stream);
    return got;
}

static void *zlib_alloc(void *context, unsigned count, unsigned size)
{
    return memory_alloc(context, count, size);
}

static void zlib_free(void *context, void *pointer)
{
    memory_free(context, pointer);
}

void gzip_use_memory(z_stream *stream, tacit_context *context)
{
    stream->zalloc = zlib_alloc;
    stream->zfree = zlib_free;
    stream->opaque = context;
}

tacit_status gzip_reader_open(gzip_reader *r, tacit_context *context, int fd, const char *path)
{
    *r = (gzip_reader){.context = context, .path = path, .fd = fd};
    gzip_use_memory(&r->stream, context);
    r->input = memory_alloc(context, GZIP_INPUT, 1);
    r->window = memory_alloc(context, GZIP_WINDOW + GZIP_OUTPUT, 1);
    if (!r->input || !r->window || inflateInit2(&r->stream, WRAPPED) != Z_OK)
        return context_fail(context, TACIT_NOMEM, "%s: no memory to inflate", path);
    return TACIT_OK;
}

void gzip_reader_close(gzip_reader *r)
{
    if (!r->context)
        return;
    inflateEnd(&r->stream);
    memory_free(r->context, r->input);
    memory_free(r->context, r->window);
    *r = (gzip_reader){0};
}

static unsigned long long file_place(const gzip_reader *r)
{
    return r->in - r->stream.avail_in;
}

static tacit_status load_input(gzip_reader *r)
{
    size_t got;
    if (r->stream.avail_in)
        return TACIT_OK;
    TRY(file_read_at(r->context, r->fd, r->path, r->in, r->input, GZIP_INPUT, &got));
    r->in += got;
    r->stream.next_in = r->input;
    r->stream.avail_in = (uInt)got;
    return TACIT_OK;
}

static uint64_t produced(const gzip_reader *r)
{
    return (uint64_t)(r->stream.next_out - (r->window + r->history));
}

/* After the trailer of a member: the file's end, or another member. */
static tacit_status end_member(gzip_reader *r)
{
    TRY(load_input(r));
    if (!r->stream.avail_in) {
        r->ended = true;
        return TACIT_OK;
    }
    if (*r->stream.next_in != 0x1f)
        return context_fail(r->context, TACIT_FORMAT,
                            "%s: bytes follow the end of the gzip data at byte %llu", r->path, file_place(r));
    r->member_out = r->out + produced(r);
    inflateReset2(&r->stream, WRAPPED);
    return TACIT_OK;
}

static tacit_status visit_place(gzip_reader *r)
{
    const int state = r->stream.data_type;
    const bool starts_block = (state & 128) && !(state & 64);
    if (!r->visit || !starts_block)
        return TACIT_OK;
    gzip_place place = {file_place(r), state & 7, r->out + produced(r), NULL, 0};
    const uint64_t known = place.out - r->member_out;
    place.window_size = known < GZIP_WINDOW ? (size_t)known : GZIP_WINDOW;
    place.window = r->stream.next_out - place.window_size;
    return r->visit(r->visit_user, &place);
}

/* One call of inflate: up to the next block, the end of the room, or the end of the input. */
static tacit_status inflate_some(gzip_reader *r)
{
    TRY(load_input(r));
    if (!r->stream.avail_in)
        return context_fail(r->context, TACIT_FORMAT,
                            "%s: ends early: the gzip data stops in the middle, at byte %llu", r->path,
                            file_place(r));
    const int code = inflate(&r->stream, Z_BLOCK);
    if (code == Z_STREAM_END)
        return end_member(r);
    if (code == Z_MEM_ERROR)
        return context_fail(r->context, TACIT_NOMEM, "%s: no memory to inflate", r->path);
    if (code != Z_OK && !(code == Z_BUF_ERROR && !r->stream.avail_in))
        return context_fail(r->context, TACIT_FORMAT, "%s: damaged gzip data near byte %llu: %s", r->path,
                            file_place(r), r->stream.msg ? r->stream.msg : "not deflate");
    return visit_place(r);
}

tacit_status gzip_reader_next(gzip_reader *r, const uint8_t **data, size_t *size)
{
    const size_t held = r->stream.next_out ? (size_t)(r->stream.next_out - r->window) : 0;
    const size_t keep = held < GZIP_WINDOW ? held : GZIP_WINDOW;
    memmove(r->window, r->window + held - keep, keep);
    r->history = keep;
    r->stream.next_out = r->window + keep;
    r->stream.avail_out = GZIP_OUTPUT;
    while (r->stream.avail_out && !r->ended)
        TRY(inflate_some(r));
    *data = r->window + keep;
    *size = (size_t)produced(r);
    r->out += *size;
    return TACIT_OK;
}

/* A first guess of the inflated size: what the trailer says, as far as that is likely. */
static tacit_status guess_size(gzip_reader *r, uint64_t file_size, uint64_t limit, size_t *guess)
{
    uint8_t trailer[4] = {0};
    size_t got = 0;
    if (file_size >= sizeof trailer)
        TRY(file_read_at(r->context, r->fd, r->path, file_size - sizeof trailer, trailer, sizeof trailer,
                         &got));
    bytes b = bytes_of(trailer, sizeof trailer);
    uint64_t size = bytes_u32_le(&b);
    if (size / GUESS_RATIO > file_size)
        size = file_size * GUESS_RATIO;
    *guess = (size_t)(size < limit ? size : limit) + 1;
    return TACIT_OK;
}

static tacit_status inflate_all(gzip_reader *r, uint64_t file_size, uint64_t limit, uint8_t **out,
                                size_t *size)
{
    size_t capacity = 0, guess;
    void *all = NULL;
    TRY(guess_size(r, file_size, limit, &guess));
    tacit_status status = memory_reserve(r->context, &all, &capacity, guess, 1);
    *size = 0;
    while (status == TACIT_OK) {
        const uint8_t *piece;
        size_t piece_size = 0;
        status = gzip_reader_next(r, &piece, &piece_size);
        if (status != TACIT_OK || piece_size == 0)
            break;
        if (piece_size > limit - *size) {
            char text[32];
            status = context_fail(
                r->context, TACIT_LIMIT,
                "%s: inflates to more than %s, which is the limit for gzip files held in memory: "
                "gunzip it",
                r->path, text_from_size(text, sizeof text, limit));
            break;
        }
        status = memory_reserve(r->context, &all, &capacity, *size + piece_size, 1);
        if (status == TACIT_OK)
            memcpy((uint8_t *)all + *size, piece, piece_size);
        *size += piece_size;
    }
    if (status != TACIT_OK)
        memory_free(r->context, all);
    *out = status == TACIT_OK ? all : NULL;
    return status;
}

tacit_status gzip_inflate(tacit_context *context, int fd, const char *path, uint64_t file_size,
                          uint64_t limit, uint8_t **out, size_t *size)
{
    gzip_reader r;
    *out = NULL;
    *size = 0;
    tacit_status status = gzip_reader_open(&r, context, fd, path);
    if (status == TACIT_OK)
        status = inflate_all(&r, file_size, limit, out, size);
    gzip_reader_close(&r);
    return status;
}
