/* Reference: multi-head self-attention, one query of one head at a time.
 *
 * A = softmax(q k^T / sqrt(d)) v (Vaswani et al. 2017, equation 1), d = D / heads. Row (b, t) of qkv holds
 * the D query numbers, then the D keys, then the D values; head h owns numbers h d .. (h+1) d - 1 of each. */
#include "ref/reference.h"

#include <math.h>
#include <stdlib.h>

enum { QUERY, KEY, VALUE };

typedef struct head {
    int64_t tokens, width, size; /* T, D, d */
    int64_t example, number;
    int64_t length; /* tokens that take part */
    bool causal;
} head;

/* How many tokens, from the first on, token t sees. */
static int64_t seen(const head *h, int64_t t)
{
    if (t >= h->length)
        return 0;
    return h->causal ? t + 1 : h->length;
}

/* Where `part` of token t of this head starts in qkv. */
static int64_t place(const head *h, int part, int64_t t)
{
    return ((h->example * h->tokens + t) * 3 + part) * h->width + h->number * h->size;
}

static int64_t place_output(const head *h, int64_t t)
{
    return (h->example * h->tokens + t) * h->width + h->number * h->size;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* p[s] = softmax over the s that are seen of q_t . k_s / sqrt(d); the largest is taken off first, which
 * changes nothing but overflow. */
static void weights_of(const head *h, const double *qkv, int64_t t, double *p)
{
    double largest = -HUGE_VAL, sum = 0;
    for (int64_t s = 0; s < seen(h, t); s++) {
        p[s] = dot(qkv + place(h, QUERY, t), qkv + place(h, KEY, s), h->size) / sqrt((double)h->size);
        largest = fmax(largest, p[s]);
    }
    for (int64_t s = 0; s < seen(h, t); s++)
        sum += p[s] = exp(p[s] - largest);
    for (int64_t s = 0; s < seen(h, t); s++)
        p[s] /= sum;
}

static head head_of(const ref_masks *m, int64_t t, int64_t d, int64_t heads, int64_t example, int64_t number)
{
    return (head){t, d, d / heads, example, number, m->lengths ? m->lengths[example] : t, m->causal};
}

void ref_attention_masked(int64_t b, int64_t t, int64_t d, int64_t heads, const ref_masks *masks,
                          const double *qkv, double *y)
{
    double *p = ref_alloc(t);
    for (int64_t example = 0; example < b; example++)
        for (int64_t number = 0; number < heads; number++)
            for (int64_t query = 0; query < t; query++) {
                const head h = head_of(masks, t, d, heads, example, number);
                weights_of(&h, qkv, query, p);
                for (int64_t i = 0; i < h.size; i++) {
                    double sum = 0;
                    for (int64_t s = 0; s < seen(&h, query); s++)
                        sum += p[s] * qkv[place(&h, VALUE, s) + i];
                    y[place_output(&h, query) + i] = sum;
                }
            }
    free(p);
}

void ref_attention(int64_t b, int64_t t, int64_t d, int64_t heads, const double *qkv, double *y)
{
    ref_attention_masked(b, t, d, heads, &(ref_masks){false, NULL}, qkv, y);
}

/* For one query: dp_s = dy . v_s;  the logits' dz_s = p_s (dp_s - sum over r of p_r dp_r) (the softmax); then
 * dv_s += p_s dy,  dq += dz_s k_s / sqrt(d),  dk_s += dz_s q / sqrt(d). */
static void query_backward(const head *h, const double *qkv, int64_t t, const double *dy, double *p,
                           double *dqkv)
{
    const double *upstream = dy + place_output(h, t);
    const double scale = 1 / sqrt((double)h->size);
    double centre = 0;
    weights_of(h, qkv, t, p);
    for (int64_t s = 0; s < seen(h, t); s++)
        centre += p[s] * dot(upstream, qkv + place(h, VALUE, s), h->size);
    for (int64_t s = 0; s < seen(h, t); s++) {
        const double dz = p[s] * (dot(upstream, qkv + place(h, VALUE, s), h->size) - centre);
        for (int64_t i = 0; i < h->size; i++) {
            dqkv[place(h, VALUE, s) + i] += p[s] * upstream[i];
            dqkv[place(h, QUERY, t) + i] += dz * scale * qkv[place(h, KEY, s) + i];
            dqkv[place(h, KEY, s) + i] += dz * scale * qkv[place(h, QUERY, t) + i];
        }
    }
}

void ref_attention_masked_backward(int64_t b, int64_t t, int64_t d, int64_t heads, const ref_masks *masks,
                                   const double *qkv, const double *dy, double *dqkv)
{
    double *p = ref_alloc(t);
    for (int64_t i = 0; i < b * t * 3 * d; i++)
        dqkv[i] = 0;
    for (int64_t example = 0; example < b; example++)
        for (int64_t number = 0; number < heads; number++)
            for (int64_t query = 0; query < t; query++) {
                const head h = head_of(masks, t, d, heads, example, number);
                query_backward(&h, qkv, query, dy, p, dqkv);
            }
    free(p);
}

void ref_attention_backward(int64_t b, int64_t t, int64_t d, int64_t heads, const double *qkv,
                            const double *dy, double *dqkv)
{
    ref_attention_masked_backward(b, t, d, heads, &(ref_masks){false, NULL}, qkv, dy, dqkv);
}
