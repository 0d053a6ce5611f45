/* A fast hash of 64 bits, to notice that bytes have changed. Not against somebody who wants it not to. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(0x9e3779b97f4a7c15)

/* Goes on from `state`. The same bytes in other pieces have another hash. */
uint64_t hash_bytes(uint64_t state, const void *bytes, size_t size);

#endif
