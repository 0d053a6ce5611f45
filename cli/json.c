/* See json.h. */
#include "json.h"

#include <math.h>
#include <stdio.h>

json_t *json_known(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

int json_line(json_t *value)
{
    const int status = value ? json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12)) : -1;
    json_decref(value);
    putchar('\n');
    return status;
}
