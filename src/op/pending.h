#ifndef PENDING_H
#define PENDING_H
#include "op/op.h"
static inline value op_dropout(tape *t, value x, float rate){(void)t;(void)rate;return x;}
static inline value op_rotary(tape *t, value x, int heads, double base){(void)t;(void)heads;(void)base;return x;}
#endif
