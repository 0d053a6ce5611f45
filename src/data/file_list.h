/* The pictures, or the texts, below folders. */
#ifndef DATA_FILE_LIST_H
#define DATA_FILE_LIST_H

#include "base/memory.h"

typedef struct listed_file {
    size_t path;  /* of the file, in `text` */
    size_t below; /* in `text`: the part of the path below the folder it was found from */
} listed_file;

typedef struct file_list {
    tacit_context *context;
    char *text; /* all paths, each ended by a zero byte */
    size_t used, text_capacity;
    listed_file *files; /* (count) */
    size_t count, capacity;
    int64_t ignored; /* other files, and hidden entries (names that begin with a dot) */
    bool texts;      /* what is looked for: files that are named like texts, instead of pictures */
} file_list;

/* Whether a file is named like a text: .txt, .text, .md, .rst, .log, the first three also with .gz behind. */
bool file_named_like_a_text(const char *path);
/* .jpg, .jpeg, .png, .webp. */
bool file_named_like_a_picture(const char *path);

/* Adds the pictures below a folder, at any depth, sorted by the bytes of their paths: the order is that of no
 * file system. Links are followed, but never in a circle. A file that is named like a picture and does not
 * begin like one is added too, so that reading it tells. With `texts` files that are named like texts
 * instead, whatever they hold. */
tacit_status file_list_add_folder(file_list *l, const char *folder);

/* Adds one file, whatever it holds. */
tacit_status file_list_add_file(file_list *l, const char *path);
void file_list_free(file_list *l);

#endif
