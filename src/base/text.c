/* Strict numbers, sizes, and near names. */
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool text_to_int64(const char *text, int64_t *out)
{
    const char *p = text;
    const bool negative = *p == '-';
    if (negative || *p == '+')
        p++;
    if (!*p)
        return false;
    int64_t value = 0;
    for (; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        const int digit = negative ? '0' - *p : *p - '0';
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

/* Digits of `p` into *mantissa (at most 18 count), their position into *exponent. */
static const char *read_digits(const char *p, uint64_t *mantissa, int *exponent, int *digits, bool fraction)
{
    for (; *p >= '0' && *p <= '9'; p++) {
        ++*digits;
        if (*mantissa < UINT64_C(100000000000000000)) {
            *mantissa = *mantissa * 10 + (uint64_t)(*p - '0');
            *exponent -= fraction;
        } else {
            *exponent += !fraction;
        }
    }
    return p;
}

/* Our own rather than strtod, whose decimal point follows the locale; exact for up to 15 digits and small
 * exponents. */
bool text_to_double(const char *text, double *out)
{
    const char *p = text;
    const bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    uint64_t mantissa = 0;
    int exponent = 0, digits = 0;
    p = read_digits(p, &mantissa, &exponent, &digits, false);
    if (*p == '.')
        p = read_digits(p + 1, &mantissa, &exponent, &digits, true);
    if (!digits)
        return false;
    if (*p == 'e' || *p == 'E') {
        int64_t e;
        if (!text_to_int64(p + 1, &e) || e < -400 || e > 400)
            return false;
        exponent += (int)e;
        p = "";
    }
    if (*p || exponent < -400 || exponent > 400)
        return false;
    const double scale = pow(10.0, exponent < 0 ? -exponent : exponent);
    const double value = exponent < 0 ? (double)mantissa / scale : (double)mantissa * scale;
    if (!(value <= 1.7e308))
        return false;
    *out = negative ? -value : value;
    return true;
}

bool text_to_size(const char *text, uint64_t *out)
{
    char number[32];
    size_t n = strlen(text);
    if (n && (text[n - 1] == 'B' || text[n - 1] == 'b'))
        n--;
    static const char suffixes[] = "KkMmGgTt";
    const char *suffix = n ? strchr(suffixes, text[n - 1]) : NULL;
    int power = 0;
    if (suffix) {
        power = 1 + (int)(suffix - suffixes) / 2;
        n--;
    }
    if (n == 0 || n >= sizeof number)
        return false;
    memcpy(number, text, n);
    number[n] = '\0';
    double value;
    if (!text_to_double(number, &value) || value < 0)
        return false;
    value = ldexp(value, 10 * power);
    if (!(value < 9e18))
        return false;
    *out = (uint64_t)value;
    return true;
}

char *text_from_size(char *out, size_t out_size, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1000 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(out, out_size, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours between two short words (optimal string
 * alignment: no letter is changed twice). */
static size_t edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    size_t rows[3][LONGEST + 1]; /* of a's letter i, and of the two before it, by i % 3 */
    const size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST || nb > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = minimum(above[j - 1] + (a[i - 1] != b[j - 1]), 1 + minimum(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = minimum(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

const char *text_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const size_t distance = edit_distance(word, names[i]);
        const size_t longer = strlen(word) > strlen(names[i]) ? strlen(word) : strlen(names[i]);
        const size_t allowed = longer / 3 > 1 ? longer / 3 : 1;
        if (distance <= allowed && distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

bool text_ends_with(const char *text, const char *ending)
{
    const size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcasecmp(text + n - m, ending) == 0;
}
