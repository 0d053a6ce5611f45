/* The perceptron for rows of a table: linear layers with layer norm and ReLU between them, and a norm at the
 * end. */
#include "model/encoder.h"
#include "model/transformer.h"

#include <stdio.h>

enum { MLP_LAYERS_MOST = 8 };

typedef struct mlp {
    encoder base; /* first: an encoder pointer is an mlp pointer */
    linear_layer layers[MLP_LAYERS_MOST];
    norm_layer norms[MLP_LAYERS_MOST];
} mlp;

/* rows (B, D) -> (B, width) */
static value mlp_embed(const encoder *e, tape *t, value rows)
{
    const mlp *m = (const mlp *)e;
    value x = rows;
    for (int i = 0; i < e->kind->depth; i++) {
        x = norm_apply(t, &m->norms[i], linear_apply(t, &m->layers[i], x));
        if (i + 1 < e->kind->depth)
            x = op_relu(t, x);
    }
    return x;
}

static void mlp_destroy(encoder *e)
{
    if (e)
        memory_free(e->context, e);
}

static tacit_status mlp_create(encoder **out, parameters *p, const encoder_kind *kind,
                               const encoder_settings *s)
{
    *out = NULL;
    if (!s->rows)
        return context_fail(p->context, TACIT_ARGUMENT,
                            "%s takes rows of a table, but the data are pictures: use a vit", kind->name);
    if (s->share != 1.0)
        return context_fail(p->context, TACIT_ARGUMENT, "%s has one width: --width %g is for resnets",
                            kind->name, s->share);
    TRY(encoder_refuse_transformers(p->context, kind, s));
    mlp *m = memory_alloc(p->context, 1, sizeof *m);
    if (!m)
        return TACIT_NOMEM;
    m->base = (encoder){.context = p->context,
                        .kind = kind,
                        .settings = *s,
                        .takes_rows = true,
                        .width = kind->width,
                        .tokens = 1,
                        .patch_width = s->channels,
                        .embed = mlp_embed,
                        .destroy = mlp_destroy};
    for (int i = 0; i < kind->depth; i++) {
        char prefix[PARAMETER_NAME];
        p->layer = i;
        snprintf(prefix, sizeof prefix, "encoder.layers.%d.linear", i);
        m->layers[i] = linear_declare(p, prefix, i ? kind->width : s->channels, kind->width);
        snprintf(prefix, sizeof prefix, "encoder.layers.%d.norm", i);
        m->norms[i] = norm_declare(p, prefix, kind->width);
    }
    *out = &m->base;
    return TACIT_OK;
}

const encoder_kind encoder_mlp = {.name = "mlp",
                                  .summary = "perceptron for tables, 4 layers of 256",
                                  .width = 256,
                                  .depth = 4,
                                  .create = mlp_create};
