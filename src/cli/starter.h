/* Writes files that lie inside the binary for authors of scripts. */
#ifndef LUACSI_CLI_STARTER_H
#define LUACSI_CLI_STARTER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct starter_file {
    const char *embedded; /* its name in embedded_starter */
    const char *target;   /* where it goes, below the folder */
};

/* Calls found(data, target) for each of the n files that is there already. Returns how many. */
size_t starter_existing(const char *folder, const struct starter_file *files, size_t n,
                        void (*found)(void *data, const char *target), void *data);

/* Writes the n files, makes the folders that are missing. replace: what is there is written over,
 * else it is an error. -1 and err names the file. */
int starter_write(const char *folder, const struct starter_file *files, size_t n, bool replace,
                  struct err *err);

#endif
