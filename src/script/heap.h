/* The memory of one Lua state: small blocks from free lists, because a call makes and drops the
 * same few sizes over and over, large ones from malloc; all of it counted against a limit. */
#ifndef LUACSI_SCRIPT_HEAP_H
#define LUACSI_SCRIPT_HEAP_H

#include <stdbool.h>
#include <stddef.h>

enum { HEAP_CLASSES = 32 };

struct heap_slab;

struct heap {
    size_t used;                          /* bytes that Lua holds now, and what was charged */
    size_t limit;                         /* most that used may become */
    bool made_large;                      /* a block that takes long to fill; others reset it */
    struct heap_slab *open[HEAP_CLASSES]; /* for each size the slabs that have a block to give */
};

/* limit in bytes. Takes no memory yet. */
void heap_init(struct heap *heap, size_t limit);

/* Gives back what is left; call it after lua_close. */
void heap_fini(struct heap *heap);

/* Counts n bytes that lie elsewhere, but that the script holds; false at the limit. */
bool heap_charge(struct heap *heap, size_t n);
void heap_discharge(struct heap *heap, size_t n);

/* The lua_Alloc of the state; data is the heap. At the limit it says NULL, and Lua collects garbage
 * and asks again before it raises. */
void *heap_alloc(void *data, void *block, size_t old_size, size_t new_size);

#endif
