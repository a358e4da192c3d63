/* Files that lie inside the binary: the Lua of scripts/ and the descriptor set of proto/. The build
 * makes the table. Constant; any thread. */
#ifndef LUACSI_BASE_EMBEDDED_H
#define LUACSI_BASE_EMBEDDED_H

#include <stddef.h>
#include <string.h>

struct embedded {
    const char *name; /* "defaults.lua", "csi.desc" */
    const unsigned char *data;
    size_t size;
};

/* Every file; the last entry has the name NULL. */
extern const struct embedded embedded_files[];

/* The file called name; NULL: there is none. */
static inline const struct embedded *embedded_find(const char *name)
{
    const struct embedded *file = embedded_files;
    while (file->name && strcmp(file->name, name) != 0)
        file++;
    return file->name ? file : NULL;
}

#endif
