#include "use/filters.h"

#include <math.h>
#include <string.h>

static int clamp(int i, int count)
{
    return i < 0 ? 0 : (i < count ? i : count - 1);
}

static int64_t place(picture_size s, int y, int x)
{
    return ((int64_t)clamp(y, s.height) * s.width + clamp(x, s.width)) * s.channels;
}

/* ---- median ---- */

static float middle(float *values, int count)
{
    for (int i = 1; i < count; i++) {
        const float v = values[i];
        int j = i;
        for (; j > 0 && values[j - 1] > v; j--)
            values[j] = values[j - 1];
        values[j] = v;
    }
    return values[count / 2];
}

void filter_median(const float *x, picture_size s, int side, float *out)
{
    float values[MEDIAN_MOST * MEDIAN_MOST];
    const int half = side / 2;
    for (int row = 0; row < s.height; row++)
        for (int column = 0; column < s.width; column++)
            for (int c = 0; c < s.channels; c++) {
                int count = 0;
                for (int dy = -half; dy <= half; dy++)
                    for (int dx = -half; dx <= half; dx++)
                        values[count++] = x[place(s, row + dy, column + dx) + c];
                out[place(s, row, column) + c] = middle(values, count);
            }
}

/* ---- bilateral ---- */

static void bilateral_pixel(const float *x, picture_size s, double space, double range, int row, int column,
                            float *out)
{
    const int reach = (int)ceil(2 * space);
    const float *centre = x + place(s, row, column);
    double sum[3] = {0}, weights = 0;
    for (int dy = -reach; dy <= reach; dy++)
        for (int dx = -reach; dx <= reach; dx++) {
            const float *other = x + place(s, row + dy, column + dx);
            double square = 0;
            for (int c = 0; c < s.channels; c++)
                square += ((double)other[c] - (double)centre[c]) * ((double)other[c] - (double)centre[c]);
            const double w =
                exp(-(dx * dx + dy * dy) / (2 * space * space) - square / (2 * range * range * s.channels));
            for (int c = 0; c < s.channels; c++)
                sum[c] += w * (double)other[c];
            weights += w;
        }
    for (int c = 0; c < s.channels; c++)
        out[c] = (float)(sum[c] / weights);
}

void filter_bilateral(const float *x, picture_size s, double space, double range, float *out)
{
    for (int row = 0; row < s.height; row++)
        for (int column = 0; column < s.width; column++)
            bilateral_pixel(x, s, space, range, row, column, out + place(s, row, column));
}

/* ---- harmonic ---- */

/* The mean of what is known, where the hidden pixels begin. */
static void begin_harmonic(const float *x, picture_size s, const uint8_t *hidden, float *out)
{
    const int64_t pixels = (int64_t)s.height * s.width;
    for (int c = 0; c < s.channels; c++) {
        double sum = 0;
        int64_t known = 0;
        for (int64_t i = 0; i < pixels; i++)
            if (!hidden[i]) {
                sum += (double)x[i * s.channels + c];
                known++;
            }
        for (int64_t i = 0; i < pixels; i++)
            out[i * s.channels + c] = !hidden[i] ? x[i * s.channels + c]
                                      : known    ? (float)(sum / (double)known)
                                                 : 0.5f;
    }
}

/* Mean of the neighbours that are inside the picture. */
static double neighbours(const float *x, picture_size s, int row, int column, int c)
{
    static const int down[] = {-1, 1, 0, 0}, right[] = {0, 0, -1, 1};
    double sum = 0;
    int count = 0;
    for (int k = 0; k < 4; k++) {
        const int y = row + down[k], z = column + right[k];
        if (y < 0 || z < 0 || y >= s.height || z >= s.width)
            continue;
        sum += (double)x[((int64_t)y * s.width + z) * s.channels + c];
        count++;
    }
    return count ? sum / count : (double)x[place(s, row, column) + c];
}

/* One sweep; the largest change. */
static double relax(float *x, picture_size s, const uint8_t *hidden)
{
    const double over = 1.7;
    double largest = 0;
    for (int row = 0; row < s.height; row++)
        for (int column = 0; column < s.width; column++) {
            if (!hidden[(int64_t)row * s.width + column])
                continue;
            for (int c = 0; c < s.channels; c++) {
                float *at = x + place(s, row, column) + c;
                const double change = over * (neighbours(x, s, row, column, c) - (double)*at);
                *at = (float)((double)*at + change);
                largest = fmax(largest, fabs(change));
            }
        }
    return largest;
}

void filter_harmonic(const float *x, picture_size s, const uint8_t *hidden, float *out)
{
    begin_harmonic(x, s, hidden, out);
    for (int sweep = 0; sweep < 10000 && relax(out, s, hidden) > 1e-5; sweep++)
        continue;
}
