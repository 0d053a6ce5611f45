#include "train/tree.h"

#include "op/kernel.h"

#include <string.h>

enum { MAX_LEVELS = 40 };

struct gradient_tree {
    const parameters *parameters;
    tacit_context *context;
    pthread_mutex_t lock;
    gradient_buffer *unused;
    int made;
    int64_t capacity, leaves;
    int levels;
    gradient_buffer **waiting[MAX_LEVELS]; /* [level][node]: a sum whose sibling is not there yet */
    gradient_buffer *root;
};

static int64_t nodes_at(int64_t leaves, int level)
{
    return (leaves + (INT64_C(1) << level) - 1) >> level;
}

static int levels_of(int64_t leaves)
{
    int level = 0;
    while (nodes_at(leaves, level) > 1)
        level++;
    return level;
}

tacit_status tree_create(gradient_tree **out, const parameters *p, int64_t leaves)
{
    gradient_tree *t = *out = memory_alloc(p->context, 1, sizeof *t);
    if (!t)
        return TACIT_NOMEM;
    t->parameters = p;
    t->context = p->context;
    t->capacity = leaves;
    pthread_mutex_init(&t->lock, NULL);
    for (int level = 0; level <= levels_of(leaves); level++) {
        t->waiting[level] =
            memory_alloc(t->context, (size_t)nodes_at(leaves, level), sizeof *t->waiting[level]);
        if (!t->waiting[level]) {
            tree_destroy(t);
            *out = NULL;
            return TACIT_NOMEM;
        }
    }
    return TACIT_OK;
}

static void free_buffer(tacit_context *context, gradient_buffer *b)
{
    if (!b)
        return;
    memory_free(context, b->block);
    memory_free(context, b->written);
    memory_free(context, b);
}

void tree_destroy(gradient_tree *t)
{
    if (!t)
        return;
    tree_begin(t, t->capacity);
    while (t->unused) {
        gradient_buffer *next = t->unused->next;
        free_buffer(t->context, t->unused);
        t->unused = next;
    }
    for (int level = 0; level < MAX_LEVELS; level++)
        memory_free(t->context, t->waiting[level]);
    pthread_mutex_destroy(&t->lock);
    memory_free(t->context, t);
}

/* Also takes back what a step that failed left behind. */
void tree_begin(gradient_tree *t, int64_t leaves)
{
    for (int level = 0; level <= levels_of(t->capacity); level++)
        for (int64_t i = 0; t->waiting[level] && i < nodes_at(t->capacity, level); i++) {
            if (t->waiting[level][i])
                tree_give(t, t->waiting[level][i]);
            t->waiting[level][i] = NULL;
        }
    if (t->root)
        tree_give(t, t->root);
    t->root = NULL;
    t->leaves = leaves;
    t->levels = levels_of(leaves);
}

static gradient_buffer *make_buffer(const gradient_tree *t)
{
    gradient_buffer *b = memory_alloc(t->context, 1, sizeof *b);
    if (!b)
        return NULL;
    b->block = parameters_block(t->parameters);
    b->written = memory_alloc(t->context, t->parameters->count, sizeof *b->written);
    if (b->block && b->written)
        return b;
    free_buffer(t->context, b);
    return NULL;
}

gradient_buffer *tree_take(gradient_tree *t)
{
    pthread_mutex_lock(&t->lock);
    gradient_buffer *b = t->unused;
    if (b)
        t->unused = b->next;
    else
        t->made++;
    pthread_mutex_unlock(&t->lock);
    if (!b)
        b = make_buffer(t);
    if (b)
        memset(b->written, 0, t->parameters->count * sizeof *b->written);
    return b;
}

void tree_give(gradient_tree *t, gradient_buffer *buffer)
{
    if (!buffer)
        return;
    pthread_mutex_lock(&t->lock);
    buffer->next = t->unused;
    t->unused = buffer;
    pthread_mutex_unlock(&t->lock);
}

KERNEL static void add_block(float *restrict to, const float *restrict from, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}

/* left += right, parameter by parameter: one that only one side wrote is taken over. */
static void merge(const gradient_tree *t, gradient_buffer *left, const gradient_buffer *right)
{
    for (size_t i = 0; i < t->parameters->count; i++) {
        const parameter *p = &t->parameters->table[i];
        const int64_t count = shape_count(p->shape);
        if (!right->written[i])
            continue;
        if (left->written[i])
            add_block(left->block + p->offset, right->block + p->offset, count);
        else
            memcpy(left->block + p->offset, right->block + p->offset, (size_t)count * sizeof(float));
        left->written[i] = true;
    }
}

/* Leaves `b` at its place if the sibling is missing (returns NULL), or gives the sibling. */
static gradient_buffer *meet(gradient_tree *t, int level, int64_t node, gradient_buffer *b)
{
    pthread_mutex_lock(&t->lock);
    gradient_buffer **place = &t->waiting[level][node ^ 1];
    gradient_buffer *sibling = *place;
    *place = NULL;
    if (!sibling)
        t->waiting[level][node] = b;
    pthread_mutex_unlock(&t->lock);
    return sibling;
}

void tree_put(gradient_tree *t, int64_t leaf, gradient_buffer *buffer)
{
    int64_t node = leaf;
    for (int level = 0; level < t->levels; level++, node >>= 1) {
        if ((node ^ 1) >= nodes_at(t->leaves, level))
            continue;
        gradient_buffer *sibling = meet(t, level, node, buffer);
        if (!sibling)
            return;
        gradient_buffer *left = node & 1 ? sibling : buffer, *right = node & 1 ? buffer : sibling;
        merge(t, left, right);
        tree_give(t, right);
        buffer = left;
    }
    pthread_mutex_lock(&t->lock);
    t->root = buffer;
    pthread_mutex_unlock(&t->lock);
}

/* What no leaf wrote is 0. */
gradient_buffer *tree_root(gradient_tree *t)
{
    gradient_buffer *root = t->root;
    t->root = NULL;
    for (size_t i = 0; root && i < t->parameters->count; i++) {
        const parameter *p = &t->parameters->table[i];
        if (!root->written[i])
            memset(root->block + p->offset, 0, (size_t)shape_count(p->shape) * sizeof(float));
    }
    return root;
}

int tree_buffers(const gradient_tree *t)
{
    return t->made;
}
