/* Reference: what models of text have beside attention. */
#include "ref/reference.h"

/* y[b][t] = table[ids[b][t]], or 0. */
void ref_embed_rows(int64_t b, int64_t t, int64_t d, const double *table, const int32_t *ids, double *y)
{
    for (int64_t i = 0; i < b * t; i++)
        for (int64_t j = 0; j < d; j++)
            y[i * d + j] = ids[i] == -1 ? 0 : table[ids[i] * d + j];
}

/* Each row of the table collects dy from wherever it was used. */
void ref_embed_rows_backward(int64_t b, int64_t t, int64_t d, int64_t v, const int32_t *ids, const double *dy,
                             double *dtable)
{
    for (int64_t row = 0; row < v; row++)
        for (int64_t j = 0; j < d; j++) {
            dtable[row * d + j] = 0;
            for (int64_t i = 0; i < b * t; i++)
                dtable[row * d + j] += ids[i] == row ? dy[i * d + j] : 0;
        }
}
