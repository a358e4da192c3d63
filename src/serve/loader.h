/* Loads a script on a thread of its own, while the loop thread serves the one before. */
#ifndef LUACSI_SERVE_LOADER_H
#define LUACSI_SERVE_LOADER_H

#include "io/loop.h"
#include "serve/source.h"

struct loader;

/* Loads source into a new vm. Then loaded(data, vm, err) is called on the loop thread: vm is the
 * caller's; err is NULL, or says why vm (NULL without memory for one) is of no use. NULL when the
 * system has no thread or memory for it. What options point to must live until then, for ever if
 * the script never ends. Loop thread. */
struct loader *loader_start(struct loop *loop, const struct vm_options *options,
                            struct source *source,
                            void (*loaded)(void *data, struct vm *vm, const struct err *err),
                            void *data);

/* Nobody waits any more: loaded is not called, and what comes out is thrown away. Waits for the
 * thread only when it has finished; one that is stuck is left to itself. Loop thread. */
void loader_abandon(struct loader *loader);

#endif
