#include "data/text_files.h"

#include "base/file.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Files that stay open; of more of them, those that are not inflated are opened for each read. */
enum { OPEN_MOST = 256, CHUNK = 1 << 20, MARK = 3 };

/* ---- which files ---- */

static tacit_status list_path(text_files *f, const char *path)
{
    const size_t before = f->list.count;
    if (!folder_exists(path))
        return file_list_add_file(&f->list, path);
    TRY(file_list_add_folder(&f->list, path));
    if (f->list.count > before)
        return TACIT_OK;
    return context_fail(f->context, TACIT_FORMAT, "%s: no texts in it: expected files named .txt or .md",
                        path);
}

tacit_status text_files_list(text_files *f, tacit_context *context, const char *const *paths, int count)
{
    *f = (text_files){.context = context, .list = {.context = context, .texts = true}};
    f->whole_names = count > 1;
    for (int i = 0; i < count; i++)
        TRY(list_path(f, paths[i]));
    return TACIT_OK;
}

void text_files_free(text_files *f)
{
    for (size_t i = 0; f->sources && i < f->list.count; i++)
        source_detach(&f->sources[i]);
    memory_free(f->context, f->sources);
    memory_free(f->context, f->places);
    file_list_free(&f->list);
}

static const char *path_of(const text_files *f, size_t file)
{
    return f->list.text + f->list.files[file].path;
}

const char *text_files_path(const text_files *f, const text_place *p)
{
    return path_of(f, p->file);
}

void text_files_name(const text_files *f, const text_place *p, char *out, size_t size)
{
    const listed_file *file = &f->list.files[p->file];
    const char *name = f->list.text + (f->whole_names ? file->path : file->below);
    if (p->line)
        snprintf(out, size, "%s:%" PRId64, name, p->line);
    else
        snprintf(out, size, "%s", name);
}

/* ---- where texts are ---- */

/* A file on its way through. */
typedef struct scanning {
    text_files *files;
    const text_scan *how;
    size_t file;
    const source *source;
    uint64_t begin; /* of the line that has not ended yet */
    int64_t line;
    uint8_t last; /* byte before the one that is looked at */
} scanning;

static tacit_status add_place(scanning *s, uint64_t offset, uint64_t size, int64_t line)
{
    text_files *f = s->files;
    void *array = f->places;
    TRY(memory_reserve(f->context, &array, &f->capacity, f->count + 1, sizeof *f->places));
    f->places = array;
    f->places[f->count++] = (text_place){offset, size, line, s->file};
    return TACIT_OK;
}

/* The line from s->begin to before `end`, where its end is. */
static tacit_status end_line(scanning *s, uint64_t end)
{
    const uint64_t size = end - s->begin, text = size && s->last == '\r' ? size - 1 : size;
    s->line++;
    if (text == 0) {
        s->files->empty++;
        return TACIT_OK;
    }
    return add_place(s, s->begin, text, s->line);
}

static tacit_status scan_lines(scanning *s, uint64_t offset, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(bytes + at, '\n', size - at);
        if (!end) {
            s->last = bytes[size - 1];
            break;
        }
        const size_t there = (size_t)(end - bytes);
        s->last = there > 0 ? bytes[there - 1] : s->last;
        TRY(end_line(s, offset + there));
        s->begin = offset + there + 1;
        s->last = '\n';
        at = there + 1;
    }
    return TACIT_OK;
}

/* How many of the bytes are whole characters: the last one may go on where there is more. */
static tacit_status check_bytes(const scanning *s, uint64_t offset, const uint8_t *bytes, size_t size,
                                bool more, size_t *good)
{
    *good = size;
    if (s->how->any_bytes || utf8_check(bytes, size, good) || (more && *good > 0 && size - *good < UTF8_MOST))
        return TACIT_OK;
    return context_fail(s->files->context, TACIT_FORMAT,
                        "%s: byte %" PRIu64 " (0x%02x) is not UTF-8: expected a text; --bytes takes any file",
                        path_of(s->files, s->file), offset + *good, bytes[*good]);
}

/* A byte order mark is not part of the text. */
static tacit_status pass_mark(const scanning *s, scratch *memory, uint64_t *offset)
{
    const uint8_t *head;
    *offset = 0;
    if (s->how->any_bytes || s->source->size < MARK)
        return TACIT_OK;
    TRY(source_get(s->source, 0, MARK, memory, &head));
    if (memcmp(head, "\xef\xbb\xbf", MARK) == 0)
        *offset = MARK;
    return TACIT_OK;
}

static tacit_status scan_bytes(scanning *s, scratch *memory)
{
    uint64_t at;
    TRY(pass_mark(s, memory, &at));
    const uint64_t first = s->begin = at;
    while (at < s->source->size) {
        const uint64_t left = s->source->size - at;
        const size_t some = left < CHUNK ? (size_t)left : CHUNK;
        const uint8_t *bytes;
        size_t good;
        TRY(source_get(s->source, at, some, memory, &bytes));
        TRY(check_bytes(s, at, bytes, some, some < left, &good));
        if (s->how->lines)
            TRY(scan_lines(s, at, bytes, good));
        at += good;
    }
    if (!s->how->lines && at > first)
        return add_place(s, first, at - first, 0);
    return s->how->lines && s->begin < at ? end_line(s, at) : TACIT_OK;
}

static tacit_status scan_file(text_files *f, size_t i, const text_scan *how, scratch *memory)
{
    const size_t before = f->count;
    scanning s = {.files = f, .how = how, .file = i, .source = &f->sources[i]};
    TRY(source_attach(&f->sources[i], f->context, path_of(f, i)));
    TRY(scan_bytes(&s, memory));
    if (f->count == before)
        return context_fail(f->context, TACIT_FORMAT, "%s: there is no text in it", path_of(f, i));
    if (f->list.count > OPEN_MOST && !f->sources[i].inflated)
        source_detach(&f->sources[i]);
    return TACIT_OK;
}

tacit_status text_files_scan(text_files *f, const text_scan *how)
{
    scratch memory;
    f->sources = memory_alloc(f->context, f->list.count, sizeof *f->sources);
    if (!f->sources)
        return TACIT_NOMEM;
    scratch_init(&memory, f->context);
    tacit_status status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < f->list.count; i++)
        status = scan_file(f, i, how, &memory);
    scratch_fini(&memory);
    return status;
}

/* ---- reading ---- */

tacit_status text_files_get(const text_files *f, const text_place *p, uint64_t offset, size_t size,
                            scratch *s, const uint8_t **out)
{
    source opened = {0};
    if (f->sources[p->file].context)
        return source_get(&f->sources[p->file], p->offset + offset, size, s, out);
    tacit_status status = source_attach(&opened, f->context, path_of(f, p->file));
    /* What is inflated would be gone with the source. */
    if (status == TACIT_OK && opened.inflated)
        status = context_fail(f->context, TACIT_FORMAT, "%s: the file has changed since it was opened",
                              path_of(f, p->file));
    if (status == TACIT_OK)
        status = source_get(&opened, p->offset + offset, size, s, out);
    source_detach(&opened);
    return status;
}
