/* How a loop over numbers is compiled for several instruction sets, and the best is chosen. */
#ifndef BASE_KERNEL_H
#define BASE_KERNEL_H

/* A kernel is compiled for AVX-512, AVX2 and the baseline, and the machine's best is chosen when the program
 * is loaded. Not under sanitizers: the choice runs before their runtime is ready. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

/* Part of every kernel that calls it, whatever the kernel is compiled for. */
#define INLINE static inline __attribute__((always_inline))

#endif
