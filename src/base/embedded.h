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

/* Every file that luacsi itself reads; the last entry has the name NULL. */
extern const struct embedded embedded_files[];

/* What the luacsi program writes for authors of scripts, as "definitions/csi.lua". Ends in the same
 * way; not in luacsi.so. */
extern const struct embedded embedded_starter[];

/* The file called name in a table; NULL: there is none. */
static inline const struct embedded *embedded_in(const struct embedded *files, const char *name)
{
    while (files->name && strcmp(files->name, name) != 0)
        files++;
    return files->name ? files : NULL;
}

static inline const struct embedded *embedded_find(const char *name)
{
    return embedded_in(embedded_files, name);
}

#endif
