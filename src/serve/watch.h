/* Watches files that are loaded: says when one of them may have another content. */
#ifndef LUACSI_SERVE_WATCH_H
#define LUACSI_SERVE_WATCH_H

#include "base/err.h"
#include "io/iothread.h"
#include "io/loop.h"

#include <stddef.h>
#include <stdint.h>

struct stat;
struct watch;

/* Watches nothing yet. changed(data) is called on the loop thread, once for all that was saved
 * together: some 25 ms after the last write, 100 ms after the first where they go on; 200 ms after
 * a file was deleted or emptied, and stayed so. io and loop are borrowed until watch_stop. NULL and
 * err when memory is short. Loop thread. */
struct watch *watch_start(struct iothread *io, struct loop *loop, void (*changed)(void *data),
                          void *data, struct err *err);

/* From now on these files count, instead of those before; they need not exist. stats: what each was
 * just before it was read, all zero where there was nothing; any change since then is told. All is
 * copied. Does nothing after watch_stop. Loop thread. */
void watch_files(struct watch *watch, const char *const *paths, const struct stat *stats, size_t n);

/* changed is not called any more; before iothread_stop. NULL is allowed. Loop thread. */
void watch_stop(struct watch *watch);

/* After loop_free. NULL is allowed. */
void watch_free(struct watch *watch);

#endif
