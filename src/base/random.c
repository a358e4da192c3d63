/* SplitMix64: one word of state, which any seed is good for. No state of its own; any thread. */
#include "base/random.h"

#include <sys/random.h>
#include <time.h>

uint32_t random_seed(void)
{
    uint32_t seed;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) /* early in a boot */
        seed = (uint32_t)time(NULL);
    return seed;
}

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
