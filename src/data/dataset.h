/* Data sets: one interface, one file for each format.
 *
 * A data set knows how many examples it has and reads example i, from any worker. Formats are found by
 * content (sniff), in the order of the table in dataset.c. Examples are pictures of bytes, whose sizes may
 * differ, rows of numbers, or texts. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "data/table.h"

/* A picture: rows, then columns, then channels (1 grey, 3 red-green-blue); alpha is already laid onto white.
 */
typedef struct image {
    int height, width, channels;
    const uint8_t *pixels; /* borrowed: see dataset_read */
} image;

/* A piece of a text: bytes, UTF-8 unless the data set was opened with any_bytes. */
typedef struct text_piece {
    const uint8_t *bytes; /* (size): borrowed, see dataset_read_text */
    size_t size;
    uint64_t total; /* bytes of the whole text */
} text_piece;

/* Which of two texts that belong together. */
typedef enum text_part { TEXT_FIRST, TEXT_SECOND } text_part;

/* Memory of one worker that readers grow as they need. */
typedef struct scratch {
    tacit_context *context;
    struct scratch_piece {
        void *data;
        size_t size;
    } pieces[8];
} scratch;

/* Which piece a reader uses; each is independent. */
typedef enum scratch_use {
    SCRATCH_FILE,    /* encoded bytes */
    SCRATCH_PIXELS,  /* decoded picture */
    SCRATCH_CONVERT, /* the picture after conversion */
    SCRATCH_ROWS,    /* row pointers, inflate windows */
    SCRATCH_AUGMENT_A,
    SCRATCH_AUGMENT_B,
    SCRATCH_AUGMENT_C,
    SCRATCH_SPARE
} scratch_use;

void scratch_init(scratch *s, tacit_context *context);
void scratch_fini(scratch *s);
/* At least `size` bytes, valid until the same use is asked again; NULL with TACIT_NOMEM recorded. Not zeroed.
 */
void *scratch_get(scratch *s, scratch_use use, size_t size);

typedef struct dataset_options {
    const char *split;   /* "train" (default, NULL) or "test": formats that have splits */
    int64_t limit;       /* first N examples only; 0: all */
    int64_t pixel_limit; /* a picture with more pixels is TACIT_LIMIT; 0: 178,956,970 (2^29 / 3) */
    int channels;        /* 1 or 3: convert to that; 0: 3 if any example has colour, else 1 */
    bool skip_bad;       /* unreadable examples are left out, counted and listed, instead of being an error */
    uint64_t
        cache_bytes; /* decoded examples kept in memory up to this; UINT64_MAX: a quarter of the machine's */
    /* Tables; texts are borrowed for the opening only. */
    const char *header;    /* the first row names the columns: "yes", "no", "auto" (NULL) */
    const char *label;     /* column of the label: its name, or number from 1; NULL, "": none */
    const char *group;     /* column that tells which rows belong together; of pictures a CSV that does */
    bool columns_may_lack; /* label and group are what a model was trained with: no error if not there, and no
                              CSV is read */
    const char *only;      /* labels that are kept, with commas between; NULL, "": all */
    /* Texts. */
    const char *unit;  /* what one example is: "file", "line"; NULL, "auto": a file. JSON lines: a record */
    const char *field; /* of JSON lines: what holds the text; NULL, "": "text" */
    const char *pair;  /* of JSON lines: what holds a second text that belongs to it; NULL, "": none */
    bool any_bytes;    /* files are taken as they are, whatever their bytes */
} dataset_options;

typedef struct dataset dataset;

/* What a format provides. `open` sets count, channels, height, width, labels, state; all memory from the
 * context. Its options are resolved (pixel_limit > 0). `close` frees the state only, and is also called after
 * a failed open, when state may be NULL; labels, their names, groups and the table are freed by
 * dataset_close. A format of rows sets the table, height and width 1, the columns as channels, and has no
 * `read`. A format of texts has `read_text` and no `read`, sets channels 1, and `paired` where each example
 * has two. */
typedef struct dataset_format {
    const char *name, *summary;
    bool needs_no_cache; /* reading again costs no more than the cache would: never put in it */
    /* `head` is the first bytes of the file (up to 4096), size 0 for a folder. */
    bool (*sniff)(const char *path, bool folder, const uint8_t *head, size_t size);
    tacit_status (*open)(dataset *d, const char *const *paths, int count, const dataset_options *options);
    /* Example i as stored, from any worker; pixels borrowed from the data set or the scratch. Any channel
     * count. */
    tacit_status (*read)(const dataset *d, int64_t i, scratch *s, image *out);
    /* Of texts: a piece of example i from byte `offset` on, as much as there is up to `most`. Any worker; the
     * piece is borrowed from the data set or the scratch, of another use for each part. */
    tacit_status (*read_text)(const dataset *d, int64_t i, text_part part, uint64_t offset, size_t most,
                              scratch *s, text_piece *out);
    /* What names example i to a person ("cats/7.jpg", "train-images:312") into out. */
    void (*name_of)(const dataset *d, int64_t i, char *out, size_t size);
    void (*close)(dataset *d);
} dataset_format;

struct dataset {
    tacit_context *context;
    const dataset_format *format;
    dataset_options options;
    int64_t count;
    int channels;      /* of pictures 1 or 3, as dataset_read gives them; of rows the columns */
    int height, width; /* of every example, or 0 where they differ, or may */
    int side;          /* of pictures in files, the median of their smaller sides; else 0 */
    int32_t *labels;   /* (count), 0 .. label_count-1, or NULL */
    int32_t label_count;
    char **label_names; /* (label_count), or NULL: "0", "1", ... */
    int32_t *groups;    /* (count), 0 .. group_count-1: examples that belong together; or NULL */
    int32_t group_count;
    row_table *table; /* the examples are rows, with these columns and values; NULL: they are not */
    bool texts;       /* the examples are texts */
    bool paired;      /* two texts each */
    void *state;      /* the format's own */
    int64_t *kept;    /* with skip_bad: stored number of each example, or NULL */
    struct cache *cache;
};

/* Opens what the paths (at least one; files, folders, or patterns with * ? [ ) hold as one data set. Nothing
 * found, an unknown format, or a broken file: an error that names path, place, and what was expected. */
tacit_status dataset_open(dataset **out, tacit_context *context, const char *const *paths, int count,
                          const dataset_options *options);

/* Pictures in memory: pixels (N, H, W, C) u8, labels (N) or NULL. Both are copied. */
tacit_status dataset_from_memory(dataset **out, tacit_context *context, const uint8_t *pixels, int64_t count,
                                 int height, int width, int channels, const int32_t *labels);
void dataset_close(dataset *d);

/* What the examples are, in a sentence: "pictures", "rows of a table", "texts". */
const char *dataset_kind(const dataset *d);
/* What an embedding is compared with: "raw pixels", "raw columns", "bags of words". */
const char *dataset_raw_name(bool texts, bool table);

/* Examples rows (count) of `d` as a data set, in that order: what they are called, labels and groups are as
 * there. *out is a copy that shares the rest with `d`, which must outlive it; dataset_subset_end frees what
 * is its own, also after a failure. */
tacit_status dataset_subset(dataset *out, const dataset *d, const int64_t *rows, int64_t count);
void dataset_subset_end(dataset *subset);

/* Example i with the data set's number of channels. Pixels are borrowed: until the next read with the same
 * scratch. Any worker, its own scratch. */
tacit_status dataset_read(const dataset *d, int64_t i, scratch *s, image *out);

/* A piece of text `part` of example i, from byte `offset` (up to its size) on: as much as there is up to
 * `most`. Borrowed until the next read of the same part with the same scratch. Any worker, its own scratch.
 */
tacit_status dataset_read_text(const dataset *d, int64_t i, text_part part, uint64_t offset, size_t most,
                               scratch *s, text_piece *out);

/* The number under which the format, and the table's values, have example i. */
int64_t dataset_stored(const dataset *d, int64_t i);

/* Row i of a table as float32 (columns), NAN where it is missing: borrowed from the data set. Any worker. */
tacit_status dataset_read_row(const dataset *d, int64_t i, const float **out);
void dataset_name(const dataset *d, int64_t i, char *out, size_t size);

/* Name of a label, or its number where labels have no names, cut to `size` bytes; and the label that is so
 * called, -1 when there is none. Two data sets may number the same labels differently. */
enum { LABEL_TEXT = 1024 };
void dataset_label_text(const dataset *d, int32_t label, char *out, size_t size);
int32_t dataset_find_label(const dataset *d, const char *text);

/* Formats in sniffing order, NULL-terminated. */
extern const dataset_format *const dataset_formats[];
extern const dataset_format format_idx, format_npy, format_tar, format_csv, format_folder, format_memory;
extern const dataset_format format_text, format_jsonl;

#endif
