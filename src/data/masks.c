#include "data/masks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 4096 };

/* ---- names ---- */

typedef struct stem {
    char *text; /* a name without what follows its last dot */
    char *last; /* in `text`: what is behind the last slash */
    int64_t number;
} stem;

typedef struct stem_list {
    tacit_context *context;
    stem *stems; /* (count), by what is behind the last slash */
    int64_t count;
} stem_list;

static tacit_status cut_stem(const dataset *d, int64_t i, stem *out)
{
    char name[NAME_SIZE];
    dataset_name(d, i, name, sizeof name);
    out->number = i;
    out->text = memory_string(d->context, name);
    if (!out->text)
        return TACIT_NOMEM;
    char *slash = strrchr(out->text, '/');
    out->last = slash ? slash + 1 : out->text;
    char *dot = strrchr(out->last, '.');
    if (dot && dot > out->last)
        *dot = '\0';
    return TACIT_OK;
}

static bool cut_suffix(stem *mask)
{
    static const char suffix[] = "_mask";
    const size_t length = strlen(mask->last), cut = sizeof suffix - 1;
    if (length <= cut || strcmp(mask->last + length - cut, suffix) != 0)
        return false;
    mask->last[length - cut] = '\0';
    return true;
}

static int by_last(const void *a, const void *b)
{
    const stem *x = a, *y = b;
    const int order = strcmp(x->last, y->last);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static tacit_status list_stems(stem_list *l, const dataset *d)
{
    *l = (stem_list){.context = d->context};
    l->stems = memory_alloc(d->context, (size_t)d->count, sizeof *l->stems);
    if (!l->stems)
        return TACIT_NOMEM;
    for (; l->count < d->count; l->count++)
        TRY(cut_stem(d, l->count, &l->stems[l->count]));
    qsort(l->stems, (size_t)l->count, sizeof *l->stems, by_last);
    return TACIT_OK;
}

static void stem_list_fini(stem_list *l)
{
    for (int64_t i = 0; l->stems && i < l->count; i++)
        memory_free(l->context, l->stems[i].text);
    memory_free(l->context, l->stems);
}

/* ---- which example a mask is of ---- */

static bool is_end_of(const char *end, const char *text)
{
    const size_t length = strlen(end), whole = strlen(text);
    return length < whole && text[whole - length - 1] == '/' && strcmp(text + whole - length, end) == 0;
}

/* How much of a is b, where the one is the end of the other: the same goes before all ends. 0: it is not. */
static size_t likeness(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return strlen(a) + 1;
    if (is_end_of(a, b))
        return strlen(a);
    return is_end_of(b, a) ? strlen(b) : 0;
}

/* The first of the list with this last part, if there is one. */
static int64_t find_first(const stem_list *l, const char *last)
{
    int64_t low = 0, high = l->count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (strcmp(l->stems[middle].last, last) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The example that is most like the mask into owner[0], another that is as much like it into owner[1]. */
static void find_owners(const stem_list *l, const stem *mask, const stem *owner[2])
{
    size_t best = 1;
    owner[0] = owner[1] = NULL;
    for (int64_t i = find_first(l, mask->last); i < l->count; i++) {
        const stem *s = &l->stems[i];
        if (strcmp(s->last, mask->last) != 0)
            break;
        const size_t like = likeness(s->text, mask->text);
        if (like < best)
            continue;
        if (like > best || !owner[0])
            owner[0] = s;
        owner[1] = owner[0] == s ? NULL : s;
        best = like;
    }
}

static const char *name_of(const dataset *d, int64_t i, char out[NAME_SIZE])
{
    dataset_name(d, i, out, NAME_SIZE);
    return out;
}

/* A mask of no example: *strangers counts it where only a part of the data is there. */
static tacit_status pass_over(const dataset *data, const dataset *masks, int64_t mask, int64_t *strangers)
{
    char name[NAME_SIZE];
    if (data->kept || data->options.limit == data->count) {
        ++*strangers;
        return TACIT_OK;
    }
    return context_fail(data->context, TACIT_ARGUMENT,
                        "mask %s is of no example: expected one of that name, with or without \"_mask\"",
                        name_of(masks, mask, name));
}

static tacit_status find_example(const stem_list *l, const dataset *data, const dataset *masks, int64_t m,
                                 int64_t *out)
{
    char a[NAME_SIZE], b[NAME_SIZE], c[NAME_SIZE];
    stem mask;
    const stem *owner[2];
    TRY(cut_stem(masks, m, &mask));
    find_owners(l, &mask, owner);
    if (!owner[0] && cut_suffix(&mask))
        find_owners(l, &mask, owner);
    memory_free(data->context, mask.text);
    *out = owner[0] ? owner[0]->number : -1;
    if (!owner[1])
        return TACIT_OK;
    return context_fail(data->context, TACIT_ARGUMENT,
                        "mask %s may be of %s or of %s: expected folders in its name that tell",
                        name_of(masks, m, a), name_of(data, *out, b), name_of(data, owner[1]->number, c));
}

static tacit_status find_all(const stem_list *l, const dataset *data, const dataset *masks, int64_t *mask_of,
                             int64_t *strangers)
{
    char a[NAME_SIZE], b[NAME_SIZE], c[NAME_SIZE];
    for (int64_t m = 0; m < masks->count; m++) {
        int64_t i;
        TRY(find_example(l, data, masks, m, &i));
        if (i < 0)
            TRY(pass_over(data, masks, m, strangers));
        else if (mask_of[i] < 0)
            mask_of[i] = m;
        else
            return context_fail(data->context, TACIT_ARGUMENT, "%s has two masks, %s and %s: expected one",
                                name_of(data, i, a), name_of(masks, mask_of[i], b), name_of(masks, m, c));
    }
    return TACIT_OK;
}

tacit_status masks_find(const dataset *data, const dataset *masks, int64_t *mask_of)
{
    stem_list examples;
    int64_t strangers = 0;
    for (int64_t i = 0; i < data->count; i++)
        mask_of[i] = -1;
    tacit_status status = list_stems(&examples, data);
    if (status == TACIT_OK)
        status = find_all(&examples, data, masks, mask_of, &strangers);
    stem_list_fini(&examples);
    if (status == TACIT_OK && strangers)
        context_log(data->context, "%" PRId64 " of %" PRId64 " masks are of none of the examples opened",
                    strangers, masks->count);
    return status;
}

/* ---- whether they suit ---- */

static tacit_status fail_missing(const dataset *data, int64_t i)
{
    char name[NAME_SIZE], label[LABEL_TEXT];
    dataset_label_text(data, data->labels[i], label, sizeof label);
    return context_fail(data->context, TACIT_ARGUMENT,
                        "the mask of %s is missing: its label \"%s\" is not the normal one",
                        name_of(data, i, name), label);
}

/* Height and width of an example; it is read only where they differ. */
static tacit_status find_size(const dataset *d, int64_t i, scratch *s, image *out)
{
    *out = (image){.height = d->height, .width = d->width};
    return d->height ? TACIT_OK : dataset_read(d, i, s, out);
}

static tacit_status check_size(const dataset *data, const dataset *masks, int64_t i, int64_t m,
                               scratch spaces[2])
{
    char a[NAME_SIZE], b[NAME_SIZE];
    image picture, mask;
    TRY(find_size(data, i, &spaces[0], &picture));
    TRY(find_size(masks, m, &spaces[1], &mask));
    if (mask.height == picture.height && mask.width == picture.width)
        return TACIT_OK;
    return context_fail(data->context, TACIT_ARGUMENT, "mask %s: %d x %d pixels, expected %d x %d as %s has",
                        name_of(masks, m, a), mask.width, mask.height, picture.width, picture.height,
                        name_of(data, i, b));
}

tacit_status masks_check(const dataset *data, const dataset *masks, const int64_t *mask_of, int32_t normal)
{
    scratch spaces[2];
    tacit_status status = TACIT_OK;
    scratch_init(&spaces[0], data->context);
    scratch_init(&spaces[1], data->context);
    for (int64_t i = 0; status == TACIT_OK && i < data->count; i++) {
        if (mask_of[i] >= 0)
            status = check_size(data, masks, i, mask_of[i], spaces);
        else if (normal >= 0 && data->labels[i] != normal)
            status = fail_missing(data, i);
    }
    scratch_fini(&spaces[0]);
    scratch_fini(&spaces[1]);
    return status;
}
