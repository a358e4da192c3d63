/* Random numbers that a seed repeats. Not for secrets. */
#ifndef LUACSI_BASE_RANDOM_H
#define LUACSI_BASE_RANDOM_H

#include <stdint.h>

/* A seed that nobody chose, short enough to be typed. */
uint32_t random_seed(void);

/* The next number of the sequence that *state began with, all 64 bits of it random. */
uint64_t random_next(uint64_t *state);

#endif
