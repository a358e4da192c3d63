/* Owns the chunks of arenas: a list of malloc blocks, each twice as large as the one before. */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum {
    FIRST_CHUNK = 2048,
    LARGEST_KEPT = 64 * 1024, /* by arena_reset: one large call must not hold memory for good */
};

#define ALIGNMENT _Alignof(max_align_t)

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* of bytes */
    _Alignas(max_align_t) uint8_t bytes[];
};

static void use_chunk(struct arena *arena, struct arena_chunk *chunk)
{
    arena->at = chunk->bytes;
    arena->end = chunk->bytes + chunk->size;
    ASAN_POISON_MEMORY_REGION(chunk->bytes, chunk->size);
}

static void free_chunk(struct arena *arena, struct arena_chunk *chunk)
{
    arena->size -= chunk->size;
    ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, chunk->size);
    free(chunk);
}

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit};
}

static void *alloc_in_new_chunk(struct arena *arena, size_t size)
{
    size_t chunk_size = arena->chunks ? arena->chunks->size * 2 : FIRST_CHUNK;
    if (chunk_size < size)
        chunk_size = size;
    if (chunk_size > arena->limit - arena->size)
        chunk_size = size; /* near the limit: just what is asked */
    if (chunk_size > arena->limit - arena->size ||
        chunk_size > SIZE_MAX - sizeof(struct arena_chunk))
        return NULL;
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + chunk_size);
    if (!chunk)
        return NULL;
    *chunk = (struct arena_chunk){.older = arena->chunks, .size = chunk_size};
    arena->chunks = chunk;
    arena->size += chunk_size;
    use_chunk(arena, chunk);
    return arena_alloc(arena, size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT)
        return NULL;
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (!arena->chunks || size > (size_t)(arena->end - arena->at))
        return alloc_in_new_chunk(arena, size);
    void *piece = arena->at;
    arena->at += size;
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
}

void arena_reset(struct arena *arena)
{
    if (!arena->chunks)
        return;
    while (arena->chunks->older) {
        struct arena_chunk *newest = arena->chunks;
        arena->chunks = newest->older;
        free_chunk(arena, newest);
    }
    if (arena->chunks->size > LARGEST_KEPT)
        arena_fini(arena);
    else
        use_chunk(arena, arena->chunks);
}

void arena_fini(struct arena *arena)
{
    while (arena->chunks) {
        struct arena_chunk *newest = arena->chunks;
        arena->chunks = newest->older;
        free_chunk(arena, newest);
    }
    arena->at = arena->end = NULL;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t n)
{
    char *copy = n < SIZE_MAX ? arena_alloc(arena, n + 1) : NULL;
    if (!copy)
        return NULL;
    if (n > 0)
        memcpy(copy, bytes, n);
    copy[n] = '\0';
    return copy;
}
