/* Compares what stat tells of files. No state; any thread. */
#include "serve/signature.h"

#include <string.h>
#include <time.h>

static int64_t nanoseconds(struct timespec ts)
{
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct signature signature_of(const char *path)
{
    struct signature signature = {0};
    signature.exists = stat(path, &signature.stat) == 0;
    return signature;
}

static bool same_attributes(const struct stat *a, const struct stat *b)
{
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
           a->st_nlink == b->st_nlink;
}

/* Unpacking an archive may leave all as it was but the time of change, when the inode is used
 * again. That time also moves with the attributes, which are no reason to call the content another.
 */
bool signature_same(const struct signature *before, const struct signature *after)
{
    const struct stat *a = &before->stat;
    const struct stat *b = &after->stat;
    if (!before->exists || !after->exists)
        return before->exists == after->exists;
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           nanoseconds(a->st_mtim) == nanoseconds(b->st_mtim) &&
           (nanoseconds(a->st_ctim) == nanoseconds(b->st_ctim) || !same_attributes(a, b));
}

static int64_t signature_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME_COARSE, &ts);
    return nanoseconds(ts);
}

bool signature_younger(const struct signature *signature, int64_t age)
{
    return signature->exists && signature_now() - nanoseconds(signature->stat.st_ctim) < age;
}
