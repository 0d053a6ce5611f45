/* The one pass over a tar archive, and reads from it afterwards. */
#include "data/tar.h"

#include "base/file.h"
#include "data/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 512, END_MARK = 2 * BLOCK, PLAIN_PIECE = 32768 };

struct tar_scan {
    tacit_context *context;
    tar_shard *shard;
    struct archive *archive;
    int fd;
    uint64_t budget;
    gzip_reader gzip; /* used when shard->spans */
    uint8_t *piece;   /* (PLAIN_PIECE) for plain files */
    uint64_t file_size, at;
    const uint8_t *last; /* the newest piece that libarchive was given */
    size_t last_size;
    tacit_status status; /* of the last read for libarchive, which cannot pass it on */
    void *head;
    size_t head_capacity;
};

/* ---- sniffing ---- */

static const struct other_kind {
    const char *name, *magic;
    size_t size;
} other_kinds[] = {
    {"xz",
     "\xfd"
     "7zXZ",
     6},
    {"bzip2", "BZh", 3},
    {"zstd", "\x28\xb5\x2f\xfd", 4},
    {"lz4", "\x04\x22\x4d\x18", 4},
    {"zip", "PK\x03\x04", 4},
    {"7-zip", "7z\xbc\xaf\x27\x1c", 6},
    {"rar", "Rar!\x1a\x07", 6},
};

/* The name of a kind of archive or compression that is not read, or NULL. */
static const char *other_kind_of(const uint8_t *head, size_t size)
{
    for (size_t i = 0; i < sizeof other_kinds / sizeof *other_kinds; i++)
        if (size >= other_kinds[i].size && memcmp(head, other_kinds[i].magic, other_kinds[i].size) == 0)
            return other_kinds[i].name;
    return NULL;
}

/* The checksum of a header holds in every kind of tar; the magic is missing in the oldest. */
static bool is_tar_header(const uint8_t *block, size_t size)
{
    enum { CHECK_AT = 148, CHECK_SIZE = 8 };
    unsigned sum = 0, stored = 0;
    if (size < BLOCK || block[0] == 0)
        return false;
    for (int i = 0; i < BLOCK; i++)
        sum += i >= CHECK_AT && i < CHECK_AT + CHECK_SIZE ? ' ' : block[i];
    const uint8_t *digit = block + CHECK_AT, *end = digit + CHECK_SIZE;
    while (digit < end && *digit == ' ')
        digit++;
    for (; digit < end && *digit >= '0' && *digit <= '7'; digit++)
        stored = stored * 8 + (unsigned)(*digit - '0');
    return sum == stored;
}

bool tar_sniff(const uint8_t *head, size_t size)
{
    uint8_t inside[BLOCK];
    if (gzip_sniff(head, size))
        return is_tar_header(inside, gzip_sniff_inside(head, size, inside, sizeof inside));
    return is_tar_header(head, size) || other_kind_of(head, size);
}

/* ---- what libarchive reads from ---- */

static la_ssize_t read_piece(struct archive *archive, void *user, const void **out)
{
    tar_scan *s = user;
    const uint8_t *data = s->piece;
    size_t size = 0;
    (void)archive;
    if (s->shard->spans)
        s->status = gzip_reader_next(&s->gzip, &data, &size);
    else
        s->status = file_read_at(s->context, s->fd, s->shard->path, s->at, s->piece, PLAIN_PIECE, &size);
    if (s->status != TACIT_OK)
        return ARCHIVE_FATAL;
    s->at += size;
    s->last = data;
    s->last_size = size;
    *out = data;
    return (la_ssize_t)size;
}

/* Plain files: members' contents are not read at all. Inflated bytes cannot be jumped over. */
static la_int64_t skip_bytes(struct archive *archive, void *user, la_int64_t request)
{
    tar_scan *s = user;
    (void)archive;
    if (s->shard->spans || request <= 0 || s->at >= s->file_size)
        return 0;
    const uint64_t left = s->file_size - s->at;
    const uint64_t skipped = (uint64_t)request < left ? (uint64_t)request : left;
    s->at += skipped;
    return (la_int64_t)skipped;
}

/* ---- the pass ---- */

static tacit_status refuse_other_kinds(tar_scan *s, const uint8_t *head, size_t size)
{
    const char *kind = other_kind_of(head, size);
    if (kind)
        return context_fail(s->context, TACIT_UNSUPPORTED,
                            "%s: this is %s data; archives are read as tar, plain or gzip: unpack it",
                            s->shard->path, kind);
    return TACIT_OK;
}

static tacit_status open_bytes(tar_scan *s, size_t most)
{
    uint8_t head[8];
    size_t got;
    TRY(source_open(s->context, s->shard->path, &s->fd, &s->file_size));
    TRY(file_read_at(s->context, s->fd, s->shard->path, 0, head, sizeof head, &got));
    TRY(refuse_other_kinds(s, head, got));
    if (!gzip_sniff(head, got)) {
        s->piece = memory_alloc(s->context, PLAIN_PIECE, 1);
        return s->piece ? TACIT_OK : TACIT_NOMEM;
    }
    TRY(gzip_spans_create(&s->shard->spans, s->context, s->shard->path, GZIP_SPACING, most));
    TRY(gzip_reader_open(&s->gzip, s->context, s->fd, s->shard->path));
    s->gzip.visit = gzip_spans_visit;
    s->gzip.visit_user = s->shard->spans;
    return TACIT_OK;
}

/* The failure of a libarchive call as ours; `at` is where the header in question starts, negative when
 * unknown. */
static tacit_status fail_archive(tar_scan *s, la_int64_t at)
{
    if (s->status != TACIT_OK)
        return s->status;
    if (at < 0) /* libarchive no longer knows after a fatal failure */
        at = archive_filter_bytes(s->archive, 0);
    const char *text = archive_error_string(s->archive);
    const bool no_memory = archive_errno(s->archive) == ENOMEM;
    return context_fail(s->context, no_memory ? TACIT_NOMEM : TACIT_FORMAT,
                        "%s: damaged tar at byte %lld: %s", s->shard->path, (long long)at,
                        text ? text : "not a tar header");
}

tacit_status tar_scan_open(tar_scan **out, tacit_context *context, tar_shard *shard, size_t most,
                           uint64_t budget)
{
    *out = NULL;
    tar_scan *s = memory_alloc(context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    s->context = context;
    s->shard = shard;
    s->fd = -1;
    s->budget = budget;
    tacit_status status = open_bytes(s, most);
    if (status == TACIT_OK) {
        s->archive = archive_read_new();
        if (!s->archive || archive_read_support_format_tar(s->archive) != ARCHIVE_OK)
            status = context_fail(context, TACIT_NOMEM, "%s: no memory to read a tar", shard->path);
    }
    if (status == TACIT_OK) {
        archive_read_set_read_callback(s->archive, read_piece);
        archive_read_set_skip_callback(s->archive, skip_bytes);
        archive_read_set_callback_data(s->archive, s);
        if (archive_read_open1(s->archive) != ARCHIVE_OK)
            status = fail_archive(s, 0);
    }
    if (status == TACIT_OK)
        *out = s;
    else
        tar_scan_close(s);
    return status;
}

void tar_scan_close(tar_scan *s)
{
    if (!s)
        return;
    if (s->archive)
        archive_read_free(s->archive);
    gzip_reader_close(&s->gzip);
    if (s->fd >= 0)
        close(s->fd);
    memory_free(s->context, s->piece);
    memory_free(s->context, s->head);
    memory_free(s->context, s);
}

static bool all_zero(const uint8_t *data, size_t size)
{
    while (size > 0 && data[size - 1] == 0)
        size--;
    return size == 0;
}

/* After the end mark only padding may follow: what another archive glued on would hold must not be lost
 * silently. `unread` bytes of the newest piece lie behind the mark. */
static tacit_status check_padding(tar_scan *s, size_t unread)
{
    const void *data = s->last + s->last_size - unread;
    la_ssize_t size = (la_ssize_t)unread;
    do {
        if (!all_zero(data, (size_t)size))
            return context_fail(
                s->context, TACIT_FORMAT,
                "%s: data follows the end of the tar, before byte %llu (archives joined into one file "
                "are given as separate files)",
                s->shard->path, (unsigned long long)s->at);
        size = read_piece(s->archive, s, &data);
    } while (size > 0);
    return s->status;
}

static tacit_status end_scan(tar_scan *s)
{
    const la_int64_t mark = archive_read_header_position(s->archive);
    const la_int64_t end = archive_filter_bytes(s->archive, 0);
    if (end - mark != END_MARK || s->at - (uint64_t)end > s->last_size)
        return context_fail(s->context, TACIT_FORMAT,
                            "%s: the tar ends early, at byte %lld: expected two blocks of zeros as its end",
                            s->shard->path, (long long)mark);
    TRY(check_padding(s, (size_t)(s->at - (uint64_t)end)));
    s->shard->size = s->at;
    return s->shard->spans ? gzip_spans_finish(s->shard->spans, s->at, s->budget) : TACIT_OK;
}

/* A warning about the locale's characters leaves the name's bytes as they are, which is what we want. */
static bool is_only_about_characters(struct archive *archive)
{
    const char *text = archive_error_string(archive);
    return text && strstr(text, "can't be converted");
}

static tacit_status check_entry(tar_scan *s, struct archive_entry *entry, const char *name)
{
    const long long at = archive_read_header_position(s->archive);
    if (!name || !*name)
        return context_fail(s->context, TACIT_FORMAT, "%s: member without a name at byte %lld",
                            s->shard->path, at);
    if (archive_entry_sparse_count(entry) > 0)
        return context_fail(s->context, TACIT_UNSUPPORTED,
                            "%s: member %s at byte %lld is stored as a sparse file", s->shard->path, name,
                            at);
    if (archive_entry_is_encrypted(entry))
        return context_fail(s->context, TACIT_UNSUPPORTED, "%s: member %s at byte %lld is encrypted",
                            s->shard->path, name, at);
    return TACIT_OK;
}

tacit_status tar_scan_next(tar_scan *s, tar_entry *out, bool *more)
{
    struct archive_entry *entry;
    *more = false;
    for (;;) {
        const int code = archive_read_next_header(s->archive, &entry);
        if (code == ARCHIVE_EOF && s->status == TACIT_OK)
            return end_scan(s);
        if (code != ARCHIVE_OK && !(code == ARCHIVE_WARN && is_only_about_characters(s->archive)))
            return fail_archive(s, archive_read_header_position(s->archive));
        if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
            continue;
        const char *name = archive_entry_pathname(entry);
        TRY(check_entry(s, entry, name));
        *out = (tar_entry){name, (uint64_t)archive_filter_bytes(s->archive, 0),
                           (uint64_t)archive_entry_size(entry), NULL, 0};
        *more = true;
        return TACIT_OK;
    }
}

tacit_status tar_scan_head(tar_scan *s, tar_entry *entry, size_t size)
{
    if (size > entry->size)
        size = (size_t)entry->size;
    TRY(memory_reserve(s->context, &s->head, &s->head_capacity, size, 1));
    while (entry->head_size < size) {
        const la_ssize_t got =
            archive_read_data(s->archive, (uint8_t *)s->head + entry->head_size, size - entry->head_size);
        if (got <= 0)
            return fail_archive(s, (la_int64_t)entry->offset);
        entry->head_size += (size_t)got;
    }
    entry->head = s->head;
    return TACIT_OK;
}

/* ---- afterwards ---- */

tacit_status tar_shard_read(const tar_shard *shard, tacit_context *context, uint64_t offset, uint8_t *out,
                            size_t size)
{
    int fd;
    if (shard->spans)
        return gzip_spans_read(shard->spans, offset, out, size);
    TRY(source_open(context, shard->path, &fd, NULL));
    const tacit_status status = source_read_at(context, fd, shard->path, offset, out, size);
    close(fd);
    return status;
}

void tar_shard_close(tar_shard *shard, tacit_context *context)
{
    gzip_spans_destroy(shard->spans);
    memory_free(context, shard->path);
    *shard = (tar_shard){0};
}
