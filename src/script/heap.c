/* Owns the blocks of one Lua state. Whichever thread runs the state. */
#include "script/heap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP = 16, /* sizes are rounded up to a multiple of this */
    LARGEST_SMALL = STEP * HEAP_CLASSES,
    SLAB_BYTES = 16 * 1024,
};

struct heap_slab {
    struct heap_slab *next;
    _Alignas(STEP) char bytes[SLAB_BYTES];
};

/* AddressSanitizer sees a use after free only where free is really called. */
#ifdef __SANITIZE_ADDRESS__
static const bool pooled = false;
#else
static const bool pooled = true;
#endif

static bool is_small(size_t size)
{
    return pooled && size > 0 && size <= LARGEST_SMALL;
}

static size_t class_of(size_t size)
{
    return (size - 1) / STEP;
}

void heap_init(struct heap *heap, size_t limit)
{
    *heap = (struct heap){.limit = limit};
}

void heap_fini(struct heap *heap)
{
    while (heap->slabs) {
        struct heap_slab *slab = heap->slabs;
        heap->slabs = slab->next;
        free(slab);
    }
}

/* Cuts a new slab into blocks of one class. */
static bool refill(struct heap *heap, size_t class)
{
    struct heap_slab *slab = malloc(sizeof(*slab));
    if (!slab)
        return false;
    slab->next = heap->slabs;
    heap->slabs = slab;
    size_t size = (class + 1) * STEP;
    for (size_t at = 0; at + size <= SLAB_BYTES; at += size) {
        void *block = slab->bytes + at;
        memcpy(block, &heap->free[class], sizeof(void *));
        heap->free[class] = block;
    }
    return true;
}

static void *take_small(struct heap *heap, size_t size)
{
    size_t class = class_of(size);
    if (!heap->free[class] && !refill(heap, class))
        return NULL;
    void *block = heap->free[class];
    memcpy(&heap->free[class], block, sizeof(void *));
    return block;
}

static void give_small(struct heap *heap, void *block, size_t size)
{
    size_t class = class_of(size);
    memcpy(block, &heap->free[class], sizeof(void *));
    heap->free[class] = block;
}

static void release(struct heap *heap, void *block, size_t size)
{
    if (!block)
        return;
    if (is_small(size))
        give_small(heap, block, size);
    else
        free(block);
}

static void *resize(struct heap *heap, void *block, size_t old_size, size_t new_size)
{
    if (block && is_small(old_size) && is_small(new_size) &&
        class_of(old_size) == class_of(new_size))
        return block;
    if (!is_small(new_size) && !(block && is_small(old_size)))
        return realloc(block, new_size);
    void *moved = is_small(new_size) ? take_small(heap, new_size) : malloc(new_size);
    if (!moved && new_size <= old_size)
        return block; /* Lua counts on it: making a block smaller never fails */
    if (moved && block) {
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
        release(heap, block, old_size);
    }
    return moved;
}

void *heap_alloc(void *data, void *block, size_t old_size, size_t new_size)
{
    struct heap *heap = data;
    size_t before = block ? old_size : 0; /* without a block, old_size is a type tag */
    if (new_size == 0) {
        release(heap, block, before);
        heap->used -= before;
        return NULL;
    }
    if (new_size > before && new_size - before > heap->limit - heap->used)
        return NULL;
    void *result = resize(heap, block, before, new_size);
    if (result)
        heap->used += new_size - before;
    return result;
}
