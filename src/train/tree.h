/* The gradient tree: leaf gradients are added in the fixed binary tree of their numbers, whoever computed
 * them and in whatever order they arrive:
 *
 *     ((0 + 1) + (2 + 3)) + (4 + 5)
 *
 * A sum is formed as soon as both sides are there, by the worker that brought the second; a node without a
 * sibling rises as it is. Buffers alive, when leaves are handed out in rising order: about workers +
 * log2(leaves) + 1 while workers keep pace with each other; never more than workers + (workers + 1) *
 * log2(leaves). */
#ifndef TRAIN_TREE_H
#define TRAIN_TREE_H

#include "model/parameters.h"

typedef struct gradient_tree gradient_tree;

/* One buffer: a block of the parameters' layout, and which parameters have been written. */
typedef struct gradient_buffer {
    float *block;
    bool *written; /* (parameters) */
    struct gradient_buffer *next;
} gradient_buffer;

/* For up to `leaves` leaves of the layout of `p`, which is kept. */
tacit_status tree_create(gradient_tree **out, const parameters *p, int64_t leaves);
void tree_destroy(gradient_tree *t);

/* Starts a sum of `leaves` leaves (at most those of tree_create). */
void tree_begin(gradient_tree *t, int64_t leaves);

/* An empty buffer (nothing written), from any worker. NULL with TACIT_NOMEM recorded. */
gradient_buffer *tree_take(gradient_tree *t);

/* Hands in the gradient of a leaf, from any worker; parameters it did not write count as 0. The buffer is the
 * tree's. */
void tree_put(gradient_tree *t, int64_t leaf, gradient_buffer *buffer);

/* The sum, after all leaves were put. Give it back with tree_give after use. */
gradient_buffer *tree_root(gradient_tree *t);
void tree_give(gradient_tree *t, gradient_buffer *buffer);

/* Buffers ever made: for tests and reports. */
int tree_buffers(const gradient_tree *t);

#endif
