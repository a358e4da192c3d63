/* Looking at files without waiting for them: a file system that hangs holds up nobody. Loop thread.
 */
#ifndef LUACSI_IO_FILES_H
#define LUACSI_IO_FILES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct files;
struct iothread;

struct files_result {
    struct stat stat; /* of files_stat */
    const char *text; /* of files_read */
    size_t size;      /* bytes */
};

/* Called once, later, unless the operation is cancelled. result: borrowed for the call. NULL and
 * err: as file_read and file_status have it; DEADLINE_EXCEEDED, the work then goes on without
 * anyone. */
typedef void files_done(void *data, const struct files_result *result, const struct err *err);

/* As stat(2): symbolic links are followed. timeout: nanoseconds. NULL and err:
 * STATUS_RESOURCE_EXHAUSTED. */
struct files *files_stat(struct iothread *io, const char *path, int64_t timeout, files_done *done,
                         void *data, struct err *err);

/* As file_read: a regular file of at most limit bytes. Otherwise as files_stat. */
struct files *files_read(struct iothread *io, const char *path, size_t limit, int64_t timeout,
                         files_done *done, void *data, struct err *err);

/* done is not called; not after done. */
void files_cancel(struct files *files);

#endif
