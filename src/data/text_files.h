/* Files of texts, and where in them texts are: what the formats of texts share. */
#ifndef DATA_TEXT_FILES_H
#define DATA_TEXT_FILES_H

#include "data/file_list.h"
#include "data/source.h"

/* Where an example is. */
typedef struct text_place {
    uint64_t offset, size; /* bytes of the (inflated) file */
    int64_t line;          /* from 1; 0: the whole file */
    size_t file;
} text_place;

typedef struct text_files {
    tacit_context *context;
    file_list list;
    source *sources;  /* (list.count); those that are not open are opened for each read */
    bool whole_names; /* several paths were opened: examples are named by the whole path */
    text_place *places;
    size_t count, capacity;
    uint64_t empty; /* lines with nothing in them, which are no examples */
} text_files;

/* What to make of a file. */
typedef struct text_scan {
    bool lines;     /* each line that is not empty is an example; else the file is */
    bool any_bytes; /* not only UTF-8 */
} text_scan;

/* Files, folders of files named like texts. Call text_files_free also after a failure. */
tacit_status text_files_list(text_files *f, tacit_context *context, const char *const *paths, int count);
void text_files_free(text_files *f);

/* Fills `places` from all files, in their order. A byte order mark at the beginning of a file is passed over,
 * and so are the end of a line (LF, or CR LF) and lines of nothing. TACIT_FORMAT names file and byte: what is
 * not UTF-8; a file without any text. */
tacit_status text_files_scan(text_files *f, const text_scan *how);

/* `size` bytes from byte `offset` of a place on, within it. Borrowed from the source, or the scratch's
 * SCRATCH_FILE. Any worker. */
tacit_status text_files_get(const text_files *f, const text_place *p, uint64_t offset, size_t size,
                            scratch *s, const uint8_t **out);

/* The path of a place's file, for messages; and the name of the example, "notes.txt:12", for people. */
const char *text_files_path(const text_files *f, const text_place *p);
void text_files_name(const text_files *f, const text_place *p, char *out, size_t size);

#endif
