/* Reading small files, and replacing them. No state; any thread. */
#ifndef LUACSI_BASE_FILE_H
#define LUACSI_BASE_FILE_H

#include "base/arena.h"
#include "base/err.h"

/* Reads the regular file at path (of /proc and /sys too) into arena, with a NUL behind. Never waits
 * for a writer, as opening a FIFO would. Fails with NOT_FOUND, PERMISSION_DENIED,
 * FAILED_PRECONDITION (not a regular file), RESOURCE_EXHAUSTED (over limit bytes, or no memory) or
 * UNAVAILABLE (read error). */
int file_read(const char *path, size_t limit, struct arena *arena, char **text, size_t *size,
              struct err *err);

/* Puts size bytes of text into the file at path: readers see what was there before, or all of it.
 * -1 and err when it cannot be written; nothing is left behind then. Not while another thread makes
 * files: the umask is looked at. */
int file_replace(const char *path, const char *text, size_t size, struct err *err);

/* The status that errno stands for: ENOENT is NOT_FOUND, EACCES is PERMISSION_DENIED, and so on. */
int file_status(int error);

#endif
