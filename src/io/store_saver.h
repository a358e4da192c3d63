/* Keeps a store in a file: read at the start, written on a thread of its own soon after each
 * change, never on the way of a call. */
#ifndef LUACSI_IO_STORE_SAVER_H
#define LUACSI_IO_STORE_SAVER_H

#include "io/store.h"

struct store_saver;

/* Fills store, which is empty and is borrowed until store_saver_stop, from the file at path, if
 * there is one. A file that cannot be understood fails, unless reset is set: then it is renamed to
 * path.corrupt, and the store begins empty. NULL with err also when the folder is missing or must
 * not be written (whoever may write there at all). No thread yet. */
struct store_saver *store_saver_new(struct store *store, const char *path, bool reset,
                                    struct err *err);

/* The absolute path of the file, without links in it; borrowed. */
const char *store_saver_path(const struct store_saver *saver);

/* Begins to save changes: within 100 ms of each other at most once. A save that fails is logged
 * when it is the first, and tried again each second. The thread takes over the caller's signal
 * mask. -1 with err when the system has no thread. */
int store_saver_start(struct store_saver *saver, struct err *err);

/* Saves what has changed since, once, ends the thread and frees the saver; NULL is allowed. */
void store_saver_stop(struct store_saver *saver);

#endif
