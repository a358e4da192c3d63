/* Where a path leads, for comparing places rather than names. No state; any thread. */
#ifndef LUACSI_BASE_PATH_H
#define LUACSI_BASE_PATH_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>

/* The absolute path without ".", ".." and symbolic links that path leads to now. What does not
 * exist (yet) is taken as it is written, so the result need not exist; a link to nothing is
 * followed all the same. A relative path begins at the working directory. Fails with
 * INVALID_ARGUMENT: too long, too many links. */
int path_resolve(const char *path, char resolved[PATH_MAX], struct err *err);

/* As path_resolve, but the last part stays as it is: the place of a link, not of what it leads to.
 */
int path_resolve_folder(const char *path, char resolved[PATH_MAX], struct err *err);

/* As path_resolve. link(data, place) is told of each symbolic link on the way, in order: place is
 * where it lies, itself without links, borrowed for the call. */
int path_resolve_links(const char *path, char resolved[PATH_MAX],
                       void (*link)(void *data, const char *place), void *data, struct err *err);

/* True when path is folder or lies below it; both as path_resolve gives them. */
bool path_is_within(const char *path, const char *folder);

/* Cuts the last part off a resolved path: "/run/csi.sock" to "/run", "/run" and "/" to "/". */
void path_to_folder(char *path);

#endif
