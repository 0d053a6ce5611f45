#include "train/exchange/pieces.h"

#include <stdio.h>
#include <string.h>

enum { PIECES_MOST = 3 };

/* A tensor of theirs that is a parameter of ours, or one of its parts. */
typedef struct piece {
    char name[SAFETENSORS_NAME];
    shape shape;           /* theirs */
    int64_t offset, count; /* floats of the parameter that it is */
    arrangement arrangement;
} piece;

/* ---- names ---- */

/* The row for a name of ours; *rest is what is behind it. NULL: none. */
static const part_name *find_part(const part_name *parts, const char *ours, const char **rest)
{
    for (; parts->ours; parts++) {
        const size_t length = strlen(parts->ours);
        *rest = ours + length;
        if (strncmp(ours, parts->ours, length) == 0 && (**rest == '\0' || **rest == '.'))
            return parts;
    }
    return NULL;
}

/* Their name up to the part; the row of the part, or NULL. */
static const part_name *find_name(const piece_names *n, const char *ours, char before[64], const char **rest)
{
    const bool of_encoder = strncmp(ours, "encoder.", 8) == 0;
    const char *blocks = of_encoder ? n->encoder : n->decoder, *prefix = of_encoder ? n->prefix : "";
    int number, used = 0;
    snprintf(before, 64, "%s", prefix);
    if (sscanf(ours, of_encoder ? "encoder.blocks.%d.%n" : "decoder.blocks.%d.%n", &number, &used) != 1 ||
        used == 0)
        return find_part(n->whole, ours, rest);
    if (!blocks)
        return NULL;
    snprintf(before, 64, "%.20s%.30s%d.", prefix, blocks, number);
    return find_part(n->block, ours + used, rest);
}

static shape their_shape(arrangement a, shape ours, const encoder_settings *s)
{
    if (a == TRANSPOSED && ours.rank == 2)
        return shape_2(ours.size[1], ours.size[0]);
    if (a == KERNEL && ours.rank == 2)
        return shape_4(ours.size[0], s->channels, s->patch, s->patch);
    if (a == ROWS)
        return ours.rank == 1 ? shape_3(1, 1, ours.size[0]) : shape_3(1, ours.size[0], ours.size[1]);
    return ours;
}

/* What a parameter is made of; returns how many, 0 where it has no name there. */
static int pieces_of(const piece_names *n, const encoder_settings *s, const parameter *p,
                     piece out[PIECES_MOST])
{
    static const char *const thirds[] = {".query", ".key", ".value"};
    char before[64];
    const char *rest;
    const part_name *part = find_name(n, p->name, before, &rest);
    if (!part)
        return 0;
    const int count = part->arrangement == QKV ? 3 : 1;
    shape ours = p->shape;
    ours.size[0] /= count;
    for (int i = 0; i < count; i++) {
        out[i] = (piece){.shape = their_shape(part->arrangement, ours, s),
                         .offset = i * shape_count(ours),
                         .count = shape_count(ours),
                         .arrangement = p->shape.rank == 2 ? part->arrangement : SAME};
        snprintf(out[i].name, SAFETENSORS_NAME, "%s%s%s%s", before, part->theirs, count == 3 ? thirds[i] : "",
                 rest);
    }
    return count;
}

/* Of biases that a file without them need not have. */
static bool is_left_out(const piece_names *n, const parameter *p)
{
    const char *end = strstr(p->name, ".attn.qkv.bias");
    return n->no_qkv_bias && end != NULL;
}

/* ---- arrangements ---- */

static void transpose(const float *from, int64_t rows, int64_t columns, float *to)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            to[c * rows + r] = from[r * columns + c];
}

/* (D, C, p p) to (D, p p, C), and back. */
static void arrange(const piece *p, bool reading, const float *from, float *to)
{
    const shape s = p->shape;
    if (p->arrangement == TRANSPOSED) {
        transpose(from, s.size[reading ? 0 : 1], s.size[reading ? 1 : 0], to);
    } else if (p->arrangement == KERNEL) {
        const int64_t channels = s.size[1], pixels = s.size[2] * s.size[3], one = channels * pixels;
        for (int64_t d = 0; d < s.size[0]; d++)
            transpose(from + d * one, reading ? channels : pixels, reading ? pixels : channels, to + d * one);
    } else {
        memcpy(to, from, (size_t)p->count * sizeof *to);
    }
}

/* ---- reading ---- */

/* Replaces the beginning of `name`; false where it is another. */
static bool rename_one(const renaming *r, const char *name, char out[SAFETENSORS_NAME])
{
    const size_t length = strlen(r->from);
    if (strncmp(name, r->from, length) != 0)
        return false;
    snprintf(out, SAFETENSORS_NAME, "%.60s%.90s", r->to, name + length);
    return true;
}

named_tensor *pieces_find(const piece_names *n, const safetensors_file *f, const char *name)
{
    char other[SAFETENSORS_NAME];
    const named_tensor *found = safetensors_find(f, name);
    for (const renaming *r = n->others; !found && r->from; r++)
        if (rename_one(r, name, other))
            found = safetensors_find(f, other);
    return found ? &f->tensors[found - f->tensors] : NULL;
}

tacit_status pieces_expect(const piece_names *n, const safetensors_file *f, const char *path,
                           const char *name, shape wanted, named_tensor **out)
{
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    named_tensor *found = *out = pieces_find(n, f, name);
    if (!found)
        return context_fail(f->context, TACIT_FORMAT, "%s: tensor %s is missing", path, name);
    if (strcmp(found->dtype_name, "F32") != 0 || !shape_equal(found->tensor.shape, wanted))
        return context_fail(f->context, TACIT_FORMAT, "%s: tensor %s is %s %s, expected F32 %s", path, name,
                            found->dtype_name, shape_text(found->tensor.shape, one), shape_text(wanted, two));
    return TACIT_OK;
}

static tacit_status read_parameter(const piece_names *n, const learner *l, const safetensors_file *f,
                                   const char *path, const parameter *p)
{
    piece pieces[PIECES_MOST];
    const int count = pieces_of(n, &l->encoder->settings, p, pieces);
    if (count == 0)
        return context_fail(l->context, TACIT_STATE, "%s: such a file has no %s", path, p->name);
    for (int i = 0; i < count && !is_left_out(n, p); i++) {
        named_tensor *found;
        TRY(pieces_expect(n, f, path, pieces[i].name, pieces[i].shape, &found));
        arrange(&pieces[i], true, found->tensor.data, l->parameters.block + p->offset + pieces[i].offset);
    }
    return TACIT_OK;
}

tacit_status pieces_read(const piece_names *n, const learner *l, const safetensors_file *f, const char *path)
{
    for (size_t i = 0; i < l->parameters.count; i++)
        TRY(read_parameter(n, l, f, path, &l->parameters.table[i]));
    return TACIT_OK;
}

/* ---- writing ---- */

/* Their tensors of one parameter into `out`, with their numbers in `space`, which is laid out as the
 * parameters are. Returns how many. */
static int arrange_parameter(const piece_names *n, const learner *l, const parameter *p, float *space,
                             named_tensor *out)
{
    piece pieces[PIECES_MOST];
    const int count = pieces_of(n, &l->encoder->settings, p, pieces);
    for (int i = 0; i < count; i++) {
        const int64_t at = p->offset + pieces[i].offset;
        arrange(&pieces[i], false, l->parameters.block + at, space + at);
        out[i].tensor = tensor_of(DTYPE_F32, pieces[i].shape, space + at);
        memcpy(out[i].name, pieces[i].name, sizeof out[i].name);
    }
    return count;
}

tacit_status pieces_write(const piece_names *n, const learner *l, const char *path, const named_tensor *more,
                          size_t more_count)
{
    static const metadata_entry metadata[] = {{"format", "pt"}};
    const parameters *p = &l->parameters;
    tacit_status status = TACIT_NOMEM;
    size_t count = 0;
    float *space = parameters_block(p);
    named_tensor *tensors = memory_alloc(l->context, PIECES_MOST * p->count + more_count, sizeof *tensors);
    for (size_t i = 0; space && tensors && i < p->count; i++)
        count += (size_t)arrange_parameter(n, l, &p->table[i], space, tensors + count);
    for (size_t i = 0; tensors && i < more_count; i++)
        tensors[count++] = more[i];
    if (space && tensors)
        status = safetensors_write(l->context, path, tensors, count, metadata, 1);
    memory_free(l->context, space);
    memory_free(l->context, tensors);
    return status;
}
