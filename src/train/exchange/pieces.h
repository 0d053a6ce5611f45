/* Weights under the names and in the arrangement of another program: tables say which tensors of theirs a
 * parameter of ours is made of; reading and writing are one loop each over them. */
#ifndef TRAIN_EXCHANGE_PIECES_H
#define TRAIN_EXCHANGE_PIECES_H

#include "model/safetensors.h"
#include "objective/learner.h"

typedef enum arrangement {
    SAME,
    TRANSPOSED, /* matrices (inputs, outputs), ours (outputs, inputs) */
    KERNEL,     /* a convolution (D, C, p, p), ours (D, p p C), with rows, columns, channels in a patch */
    ROWS,       /* (1, rows, D), ours (rows, D) or (D) */
    QKV         /* three tensors, NAME.query, NAME.key, NAME.value, ours one below the other */
} arrangement;

/* "norm1" is "layernorm_before"; what is behind it in a name, "" or ".weight", stays. */
typedef struct part_name {
    const char *ours, *theirs;
    arrangement arrangement;
} part_name;

/* Names that begin with `from` may begin with `to` instead. */
typedef struct renaming {
    const char *from, *to;
} renaming;

typedef struct piece_names {
    const char *prefix;            /* before those of the encoder, blocks included */
    const char *encoder, *decoder; /* blocks: "encoder.layer.", before number and "."; NULL: there are none */
    const part_name *block;        /* parts of a block; ends with {NULL} */
    const part_name *whole;        /* parts of the rest, with "encoder." or "decoder." before ours */
    const renaming *others;        /* what files may have instead; ends with {NULL} */
    bool no_qkv_bias;              /* the file has no such biases: they stay zero */
} piece_names;

/* The tensor of this name, or of another that `others` allows; NULL: none. */
named_tensor *pieces_find(const piece_names *n, const safetensors_file *f, const char *name);
/* The same where it must be there, of this shape and F32; else TACIT_FORMAT with path and name. */
tacit_status pieces_expect(const piece_names *n, const safetensors_file *f, const char *path,
                           const char *name, shape wanted, named_tensor **out);

/* Fills l->parameters, all of them. `path` is for messages. TACIT_FORMAT as above; TACIT_STATE: a parameter
 * that has no name there. */
tacit_status pieces_read(const piece_names *n, const learner *l, const safetensors_file *f, const char *path);

/* All that has a name there, and `more`, as a model.safetensors at `path`. */
tacit_status pieces_write(const piece_names *n, const learner *l, const char *path, const named_tensor *more,
                          size_t more_count);

#endif
