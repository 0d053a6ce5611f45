/* The parameter store: all parameters of a model in one aligned block with a table. Gradients, moments and
 * averages have the same layout, so that a step, a clip, an average, a save and a hash are flat loops. */
#ifndef MODEL_PARAMETERS_H
#define MODEL_PARAMETERS_H

#include "base/philox.h"
#include "tensor/tape.h"

enum { PARAMETER_NAME = 96 };

typedef enum parameter_init {
    INIT_ZERO,
    INIT_ONE,
    INIT_XAVIER,   /* uniform in +-sqrt(6 / (rows + columns)) (Glorot and Bengio 2010, eq. 16); the first axis
                      is the rows, all others together the columns */
    INIT_CONSTANT, /* `number` */
    INIT_NORMAL,   /* mean 0, deviation `number` */
    INIT_KAIMING   /* of a convolution (N, C, k, k): normal, deviation sqrt(2 / (N k k)) (He et al. 2015, eq.
                      14, by the outputs) */
} parameter_init;

typedef struct parameter {
    char name[PARAMETER_NAME]; /* "encoder.blocks.0.attn.qkv.weight" */
    shape shape;
    int64_t offset; /* floats from the start of the block; a multiple of 16 */
    parameter_init init;
    float number;
    bool decay; /* weight decay and LARS adaptation apply: matrices only */
    int layer;  /* how far from the input: 0 is next to it */
} parameter;

typedef struct parameters {
    tacit_context *context;
    tacit_status status; /* sticky: of parameters_add */
    parameter *table;
    size_t count, capacity;
    int layer;       /* of what is declared next; declarations set it, and only raise it */
    int64_t size;    /* floats of the block, padding (always 0) included */
    float *block;    /* (size); NULL until parameters_allocate */
    tensor *tensors; /* (count): for tape_bind */
} parameters;

void parameters_init(parameters *p, tacit_context *context);
void parameters_fini(parameters *p);

/* Declares one more; the value is its number on every tape that the store is bound to. After a failure, or
 * for a name that is too long or already there, the invalid value; parameters_allocate reports it. */
value parameters_add(parameters *p, const char *name, shape s, parameter_init init, float number);

/* Normal first values of this deviation for what is declared already. The invalid value is passed over. */
void parameters_start_normal(parameters *p, value declared, float number);

/* The block, zeroed, after the last declaration. */
tacit_status parameters_allocate(parameters *p);

/* Initial values: each a function of (seed, number of the parameter, index). */
void parameters_initialise(parameters *p, uint64_t seed);

/* Values of another store's parameters of the same name and shape. */
void parameters_take(parameters *p, const parameters *from);

/* Another block of the same layout, zeroed; NULL with TACIT_NOMEM recorded. memory_free ends it. */
float *parameters_block(const parameters *p);

/* Number of values that are learnt (no padding). */
int64_t parameters_learnt(const parameters *p);

const parameter *parameters_find(const parameters *p, const char *name); /* NULL: none */

#endif
