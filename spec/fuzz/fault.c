/* Owns the count of allocations. */
#include "fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool armed;
static enum fault_mode mode;
static unsigned nth;
static atomic_uint asked;
static atomic_uint failed;
static _Thread_local bool is_spared;

void fault_arm(enum fault_mode new_mode, unsigned n)
{
    mode = new_mode;
    nth = n;
    atomic_store(&asked, 0);
    atomic_store(&failed, 0);
    atomic_store(&armed, true);
}

unsigned fault_disarm(void)
{
    atomic_store(&armed, false);
    return atomic_load(&asked);
}

unsigned fault_count(void)
{
    return atomic_load(&failed);
}

void fault_spare_thread(bool spared)
{
    is_spared = spared;
}

static bool is_chosen(unsigned number)
{
    switch (mode) {
    case FAULT_ONCE:
        return number == nth;
    case FAULT_BURST:
        return number >= nth && number < nth + FAULT_BURST_LENGTH;
    case FAULT_EVERY:
    case FAULT_MODES:
        break;
    }
    return number % nth == 0;
}

static bool fails(void)
{
    if (is_spared || !atomic_load(&armed) || !is_chosen(atomic_fetch_add(&asked, 1) + 1))
        return false;
    if (atomic_fetch_add(&failed, 1) >= FAULT_MOST)
        return false;
    errno = ENOMEM;
    return true;
}

void *fault_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

void *fault_calloc(size_t n, size_t size)
{
    return fails() ? NULL : calloc(n, size);
}

void *fault_realloc(void *block, size_t size)
{
    return fails() ? NULL : realloc(block, size);
}

char *fault_strdup(const char *s)
{
    return fails() ? NULL : strdup(s);
}

char *fault_strndup(const char *s, size_t n)
{
    return fails() ? NULL : strndup(s, n);
}

int fault_posix_memalign(void **block, size_t alignment, size_t size)
{
    return fails() ? ENOMEM : posix_memalign(block, alignment, size);
}
