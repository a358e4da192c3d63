/* The memory of one Lua state: small blocks from free lists, because a call makes and drops the
 * same few sizes over and over, large ones from malloc; all of it counted against a limit. */
#ifndef LUACSI_SCRIPT_HEAP_H
#define LUACSI_SCRIPT_HEAP_H

#include <stddef.h>

enum { HEAP_CLASSES = 32 };

struct heap {
    size_t used;  /* bytes that Lua holds now */
    size_t limit; /* most that used may become */
    void *free[HEAP_CLASSES];
    struct heap_slab *slabs; /* where small blocks come from; kept until heap_fini */
};

/* limit in bytes. Takes no memory yet. */
void heap_init(struct heap *heap, size_t limit);

/* Gives back every slab; call it after lua_close. */
void heap_fini(struct heap *heap);

/* The lua_Alloc of the state; data is the heap. At the limit it says NULL, and Lua collects garbage
 * and asks again before it raises. */
void *heap_alloc(void *data, void *block, size_t old_size, size_t new_size);

#endif
