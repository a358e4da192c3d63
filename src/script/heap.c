/* Owns the blocks of one Lua state. Whichever thread runs the state.
 *
 * Blocks of one size come from slabs. A slab that has become empty is given back, so that what one
 * size does not need any more another one can have: the limit holds for all sizes together. */
#include "script/heap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP = 16, /* sizes are rounded up to a multiple of this */
    LARGEST_SMALL = STEP * HEAP_CLASSES,
    SLAB_BYTES = 16 * 1024, /* also what a slab is aligned to: a block finds its slab */
    LARGE = 128 * 1024,     /* takes long to fill */
    MALLOC_HEADER = 16,     /* left out of each slab, so that malloc can put them side by side */
};

struct heap_slab {
    struct heap_slab *next; /* in heap->open; unused while all blocks are taken */
    struct heap_slab **place;
    void *free;      /* blocks that came back; each begins with a pointer to the next */
    unsigned n_used; /* blocks taken */
    unsigned fresh;  /* offset of the first block that was never taken */
    _Alignas(STEP) char bytes[];
};

enum { SLAB_END = SLAB_BYTES - MALLOC_HEADER - (int)sizeof(struct heap_slab) };

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

static size_t size_of_class(size_t class)
{
    return (class + 1) * STEP;
}

void heap_init(struct heap *heap, size_t limit)
{
    *heap = (struct heap){.limit = limit};
}

void heap_fini(struct heap *heap)
{
    for (size_t class = 0; class < HEAP_CLASSES; class ++) {
        while (heap->open[class]) {
            struct heap_slab *slab = heap->open[class];
            heap->open[class] = slab->next;
            free(slab);
        }
    }
}

bool heap_charge(struct heap *heap, size_t n)
{
    if (n > heap->limit - heap->used)
        return false;
    heap->used += n;
    return true;
}

void heap_discharge(struct heap *heap, size_t n)
{
    heap->used -= n;
}

/* ---- slabs ---- */

static void link_slab(struct heap_slab **list, struct heap_slab *slab)
{
    slab->next = *list;
    slab->place = list;
    if (slab->next)
        slab->next->place = &slab->next;
    *list = slab;
}

static void unlink_slab(struct heap_slab *slab)
{
    *slab->place = slab->next;
    if (slab->next)
        slab->next->place = slab->place;
}

static struct heap_slab *new_slab(struct heap_slab **list)
{
    void *memory;
    if (posix_memalign(&memory, SLAB_BYTES, SLAB_BYTES - MALLOC_HEADER) != 0)
        return NULL;
    struct heap_slab *slab = memory;
    *slab = (struct heap_slab){0};
    link_slab(list, slab);
    return slab;
}

static bool is_full(const struct heap_slab *slab, size_t size)
{
    return !slab->free && slab->fresh + size > SLAB_END;
}

static void *take_small(struct heap *heap, size_t class)
{
    size_t size = size_of_class(class);
    struct heap_slab *slab = heap->open[class];
    if (!slab && !(slab = new_slab(&heap->open[class])))
        return NULL;
    void *block = slab->free;
    if (block) {
        memcpy(&slab->free, block, sizeof(void *));
    } else {
        block = slab->bytes + slab->fresh;
        slab->fresh += (unsigned)size;
    }
    slab->n_used++;
    if (is_full(slab, size))
        unlink_slab(slab);
    return block;
}

static struct heap_slab *slab_of(void *block)
{
    return (struct heap_slab *)((uintptr_t)block & ~(uintptr_t)(SLAB_BYTES - 1));
}

/* An empty slab is kept when it is the last one that has a block to give: the next call needs it.
 */
static void give_small(struct heap *heap, void *block, size_t class)
{
    struct heap_slab *slab = slab_of(block);
    if (is_full(slab, size_of_class(class)))
        link_slab(&heap->open[class], slab);
    memcpy(block, &slab->free, sizeof(void *));
    slab->free = block;
    if (--slab->n_used == 0 && (heap->open[class] != slab || slab->next)) {
        unlink_slab(slab);
        free(slab);
    }
}

/* ---- blocks of any size ---- */

static void release(struct heap *heap, void *block, size_t size)
{
    if (is_small(size))
        give_small(heap, block, class_of(size));
    else
        free(block);
}

/* NULL when memory is short, also to make a block smaller: from its size alone one knows later
 * where it lies. Lua 5.4 copes with that. */
static void *resize(struct heap *heap, void *block, size_t old_size, size_t new_size)
{
    if (block && is_small(old_size) && is_small(new_size) &&
        class_of(old_size) == class_of(new_size))
        return block;
    if (!is_small(new_size) && !(block && is_small(old_size)))
        return realloc(block, new_size);
    void *moved = is_small(new_size) ? take_small(heap, class_of(new_size)) : malloc(new_size);
    if (moved && block) {
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
        release(heap, block, old_size);
    }
    return moved;
}

/* Not inline: it would have heap_alloc save registers that its quick ways do not use. */
static __attribute__((noinline)) void *alloc_slowly(struct heap *heap, void *block, size_t old_size,
                                                    size_t new_size)
{
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
    if (new_size >= LARGE)
        heap->made_large = true;
    return result;
}

/* ---- what Lua asks for nearly always ---- */

/* A small block from a slab that stays linked; NULL: not this way. */
static void *take_quickly(struct heap *heap, size_t size)
{
    if (!is_small(size) || size > heap->limit - heap->used)
        return NULL;
    struct heap_slab *slab = heap->open[class_of(size)];
    if (!slab || !slab->free)
        return NULL;
    void *block = slab->free;
    void *next;
    memcpy(&next, block, sizeof(next));
    if (!next && slab->fresh + size_of_class(class_of(size)) > SLAB_END)
        return NULL;
    slab->free = next;
    slab->n_used++;
    heap->used += size;
    return block;
}

/* Back to a slab that is neither full nor will be empty; false: not this way. */
static bool give_quickly(struct heap *heap, void *block, size_t size)
{
    if (!is_small(size))
        return false;
    struct heap_slab *slab = slab_of(block);
    if (!slab->free || slab->n_used == 1)
        return false;
    memcpy(block, &slab->free, sizeof(void *));
    slab->free = block;
    slab->n_used--;
    heap->used -= size;
    return true;
}

void *heap_alloc(void *data, void *block, size_t old_size, size_t new_size)
{
    struct heap *heap = data;
    if (new_size == 0) {
        if (!block || give_quickly(heap, block, old_size)) /* a table without an array frees NULL */
            return NULL;
    } else if (!block) { /* old_size is a type tag */
        void *taken = take_quickly(heap, new_size);
        if (taken)
            return taken;
    }
    return alloc_slowly(heap, block, old_size, new_size);
}
