/* Writes embedded files. Owns nothing; the main thread. */
#include "cli/starter.h"

#include "base/embedded.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int join(const char *folder, const char *target, char path[PATH_MAX], struct err *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", folder, target) >= PATH_MAX)
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s/%s: too long a path", folder, target);
    return 0;
}

size_t starter_existing(const char *folder, const struct starter_file *files, size_t n,
                        void (*found)(void *data, const char *target), void *data)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        char path[PATH_MAX];
        struct stat st;
        struct err err;
        if (join(folder, files[i].target, path, &err) || lstat(path, &st) != 0)
            continue;
        found(data, files[i].target);
        count++;
    }
    return count;
}

/* Makes all folders on the way to path. */
static int make_folders(char *path, struct err *err)
{
    for (char *at = path + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        int failed = mkdir(path, 0777) != 0 && errno != EEXIST;
        if (failed)
            return err_errno(err, file_status(errno), "%s", path);
        *at = '/';
    }
    return 0;
}

static int write_all(int fd, const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return -1;
        data += n < 0 ? 0 : n;
        size -= n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

static int write_file(const char *path, const struct embedded *file, bool replace, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL), 0666);
    if (fd < 0)
        return err_errno(err, file_status(errno), "%s", path);
    int failed = write_all(fd, file->data, file->size);
    if (failed)
        err_errno(err, file_status(errno), "%s", path);
    if (close(fd) != 0 && !failed)
        failed = err_errno(err, file_status(errno), "%s", path);
    return failed;
}

int starter_write(const char *folder, const struct starter_file *files, size_t n, bool replace,
                  struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        char path[PATH_MAX];
        const struct embedded *file = embedded_in(embedded_starter, files[i].embedded);
        if (!file)
            return err_set(err, STATUS_INTERNAL, "%s: not in the binary", files[i].embedded);
        if (join(folder, files[i].target, path, err) || make_folders(path, err) ||
            write_file(path, file, replace, err))
            return -1;
    }
    return 0;
}
