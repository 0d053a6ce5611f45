/* Comparisons of the gradient tests: a backward pass against central differences, and f32 against double.
 *
 * Every comparison is by element and signed, fails on NaN, and can be told to keep quiet, so that the
 * negative controls can plant an error and see it refused. */
#ifndef TESTS_GRAD_CHECK_H
#define TESTS_GRAD_CHECK_H

#include <stdbool.h>
#include <stdint.h>

enum { PROBLEM_INPUTS = 3 };

typedef struct problem problem;

/* Writes the gradient of sum(upstream * output) to p->gradient[0 .. differentiable-1]. */
typedef void (*problem_backward)(problem *p);

/* A function in double precision with its inputs. Arrays belong to whoever made the problem. */
struct problem {
    const char *name;
    int inputs, differentiable; /* the first `differentiable` inputs have a gradient */
    int64_t count[PROBLEM_INPUTS], output_count;
    double *input[PROBLEM_INPUTS], *gradient[PROBLEM_INPUTS];
    double *output, *upstream;
    void (*forward)(problem *p); /* input -> output */
    problem_backward backward;
    const void *user;
};

typedef enum verdict {
    GRADIENT_AGREES,
    GRADIENT_DIFFERS, /* an element is off, or not a number */
    GRADIENT_TRIVIAL, /* the differences of an input are all (nearly) zero: the comparison would prove nothing
                       */
} verdict;

/* A change planted in the gradients after backward, for negative controls. */
typedef void (*problem_plant)(problem *p);

/* Compares `backward` (and then `plant`, unless NULL) with central differences of p->forward,
 *   (f(x + e) - f(x - e)) / 2e with e = 1e-6, error in e of second order,
 * tolerance 1e-7 absolute plus 1e-7 relative. `report` prints the worst element of a failure. */
verdict gradient_check(problem *p, problem_backward backward, problem_plant plant, bool report);

/* True when |got - want| <= absolute + relative * |want| for each of `count` elements. `report` prints the
 * worst. */
bool near_double(const char *what, const double *got, const double *want, int64_t count, double absolute,
                 double relative, bool report);

/* True when |got - want| <= ulps * 2^-23 * max(scale, max |want|) for each element. `scale` is a magnitude
 * the numbers had on the way (0: none). */
bool near_float(const char *what, const float *got, const double *want, int64_t count, double ulps,
                double scale, bool report);

/* True when all bytes are equal; prints the first difference. */
bool same_bits(const char *what, const float *got, const float *want, int64_t count, bool report);

/* Fills that depend only on `seed` (Philox, stream DRAW_TEST). Normal numbers are rounded to f32, so that
 * both precisions start from the same; whole numbers lie in -limit .. limit. */
void fill_normal(double *x, int64_t count, uint64_t seed, double deviation);
void fill_whole(double *x, int64_t count, uint64_t seed, int64_t limit);
void copy_to_float(float *to, const double *from, int64_t count);

#endif
