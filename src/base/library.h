/* Shared libraries that are loaded when they are needed first. */
#ifndef LUACSI_BASE_LIBRARY_H
#define LUACSI_BASE_LIBRARY_H

#include "base/err.h"

#include <stddef.h>

/* Where the address of a function goes. */
struct library_function {
    const char *name;
    size_t place; /* in the table */
};

/* Fills table with the addresses of n functions of a library, which is never unloaded. -1 and err
 * (STATUS_UNIMPLEMENTED) when it is not installed, or has not all of them. */
int library_load(const char *name, const struct library_function *functions, size_t n, void *table,
                 struct err *err);

#endif
