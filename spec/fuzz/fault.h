/* Allocations that fail when told to. The objects of luacsi are linked so that their malloc, calloc
 * and so on are these (see fuzz.mk); the libraries keep their own, but for jansson. Any thread. */
#ifndef LUACSI_SPEC_FAULT_H
#define LUACSI_SPEC_FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum fault_mode {
    FAULT_ONCE,  /* the n-th allocation fails */
    FAULT_BURST, /* the n-th and some behind it: Lua collects garbage and asks again */
    FAULT_EVERY, /* every n-th fails */
    FAULT_MODES,
};

/* Counts from now on. After MOST failures nothing fails any more: a server that recovers has to be
 * able to. */
enum { FAULT_MOST = 300, FAULT_BURST_LENGTH = 40 };
void fault_arm(enum fault_mode mode, unsigned n);

/* Nothing fails from now on. How many allocations there were since fault_arm. */
unsigned fault_disarm(void);

/* How many have failed since fault_arm. */
unsigned fault_count(void);

/* Whether the calling thread is left in peace: it tests, and is not tested. */
void fault_spare_thread(bool spared);

void *fault_malloc(size_t size);
void *fault_calloc(size_t n, size_t size);
void *fault_realloc(void *block, size_t size);
char *fault_strdup(const char *s);
char *fault_strndup(const char *s, size_t n);
int fault_posix_memalign(void **block, size_t alignment, size_t size);

#endif
