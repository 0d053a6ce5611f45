#include "use/peak.h"

#include "base/clock.h"

/* Independent chains: at least latency times units of every x86-64 machine with FMA, and within its
 * registers. */
enum { CHAINS_512 = 24, CHAINS_256 = 12, CHAINS_128 = 12, TURNS = 4096 };

/* One function for each width of registers; `sink` keeps the work from being dropped. */
#define CHAIN_KERNEL(name, bytes, chains, isa)                                                               \
    typedef float name##_vector __attribute__((vector_size(bytes)));                                         \
    isa static double name(float factor, float *sink)                                                        \
    {                                                                                                        \
        const int width = bytes / (int)sizeof(float);                                                        \
        name##_vector chain[chains], f, a;                                                                   \
        for (int i = 0; i < width; i++)                                                                      \
            f[i] = a[i] = factor;                                                                            \
        for (int c = 0; c < chains; c++)                                                                     \
            chain[c] = a * (float)c;                                                                         \
        for (int turn = 0; turn < TURNS; turn++) {                                                           \
            _Pragma("GCC unroll 24") for (int c = 0; c < chains; c++) chain[c] = chain[c] * f + a;           \
        }                                                                                                    \
        for (int c = 0; c < chains; c++)                                                                     \
            *sink += chain[c][0];                                                                            \
        return 2.0 * width * chains * TURNS;                                                                 \
    }

#if defined(__x86_64__)
CHAIN_KERNEL(chain_512, 64, CHAINS_512, __attribute__((target("avx512f"))))
CHAIN_KERNEL(chain_256, 32, CHAINS_256, __attribute__((target("avx2,fma"))))
#endif
CHAIN_KERNEL(chain_128, 16, CHAINS_128, )

typedef double (*chain_function)(float factor, float *sink);

static chain_function best_chain(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return chain_512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return chain_256;
#endif
    return chain_128;
}

typedef struct peak_job {
    chain_function chain;
    double seconds;
    double *speeds; /* (workers) */
} peak_job;

static void run_chains(void *user, int64_t i, int worker)
{
    (void)worker;
    const peak_job *j = user;
    float sink = 0.0f;
    volatile float factor = 0.999f;
    double operations = 0.0, start = clock_seconds(), now = start;
    while (now - start < j->seconds) {
        operations += j->chain(factor, &sink);
        now = clock_seconds();
    }
    /* The sum is used, so that no compiler may leave the chains out. */
    j->speeds[i] = operations / (now - start) / 1e9 + (sink == 12345.0f ? 1e-9 : 0.0);
}

double peak_measure(work *w, double milliseconds)
{
    double speeds[1024] = {0}, sum = 0.0;
    peak_job j = {best_chain(), milliseconds / 1000.0, speeds};
    const int workers = w->workers < 1024 ? w->workers : 1024;
    team_run(w->team, workers, run_chains, &j);
    for (int i = 0; i < workers; i++)
        sum += speeds[i];
    return sum;
}
