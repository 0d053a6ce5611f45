/* The learning rate of each step. */
#include "train/optimizer.h"

#include <math.h>

double schedule_cosine(double lr, double last, int64_t step, int64_t warmup, int64_t total)
{
    if (step <= warmup && warmup > 0)
        return lr * (double)step / (double)warmup;
    if (step >= total)
        return last;
    const double done = (double)(step - warmup) / (double)(total - warmup);
    return last + (lr - last) * 0.5 * (1.0 + cos(3.14159265358979323846 * done));
}
