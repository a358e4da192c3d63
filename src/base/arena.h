/* Memory of one call: taken piece by piece, given back in one step. Not thread-safe; each arena
 * belongs to one call (or one load). An error on the way cannot leak what lies in it. */
#ifndef LUACSI_BASE_ARENA_H
#define LUACSI_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
    uint8_t *at;                /* next free byte, aligned for any type */
    uint8_t *end;               /* behind the last byte of the current chunk */
    struct arena_chunk *chunks; /* newest first; the oldest is kept by arena_reset */
    size_t size;                /* bytes of all chunks together */
    size_t limit;               /* most that size may become; SIZE_MAX for none */
};

/* Takes no memory before the first arena_alloc. limit: bytes, SIZE_MAX for none. */
void arena_init(struct arena *arena, size_t limit);

/* Returns size bytes (also for size 0), aligned for any type and not cleared; NULL at the limit or
 * when the system has none. Valid until arena_reset or arena_fini. */
void *arena_alloc(struct arena *arena, size_t size);

/* Forgets every piece and keeps one chunk, if it is not large, for the next call. */
void arena_reset(struct arena *arena);

/* Gives everything back. The arena may be used again after arena_init. */
void arena_fini(struct arena *arena);

/* A copy of n bytes with a NUL behind; NULL as arena_alloc. */
char *arena_copy(struct arena *arena, const void *bytes, size_t n);

#endif
