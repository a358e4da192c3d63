/* What a file looked like: whether its content may have changed is seen without reading it. No
 * state; any thread. */
#ifndef LUACSI_SERVE_SIGNATURE_H
#define LUACSI_SERVE_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct signature {
    bool exists;
    struct stat stat; /* of what the path leads to, links followed; all zero where nothing is */
};

struct signature signature_of(const char *path);

/* False when there may be another content: a write and a touch count, a chmod alone does not. */
bool signature_same(const struct signature *before, const struct signature *after);

/* True when less than age nanoseconds have passed since the file was changed: its writer may not
 * have finished. */
bool signature_younger(const struct signature *signature, int64_t age);

#endif
