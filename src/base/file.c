/* Reads files into arenas, and replaces files. Holds a descriptor only inside its functions. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_status(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
        return STATUS_PERMISSION_DENIED;
    case ENAMETOOLONG:
    case EINVAL:
        return STATUS_INVALID_ARGUMENT;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return STATUS_RESOURCE_EXHAUSTED;
    default:
        return STATUS_UNAVAILABLE;
    }
}

/* Reads to the end, in pieces: the size that the kernel tells is 0 in /proc and 4096 in /sys. */
static int read_all(int fd, const char *path, size_t limit, struct arena *arena, char **text,
                    size_t *size, struct err *err)
{
    size_t room = 4096;
    char *buffer = arena_alloc(arena, room);
    *size = 0;
    while (buffer) {
        ssize_t n = read(fd, buffer + *size, room - *size - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, file_status(errno), "%s", path);
        *size += (size_t)n;
        if (*size > limit)
            return err_set(err, STATUS_RESOURCE_EXHAUSTED,
                           "%s: expected at most %zu bytes, got more", path, limit);
        if (n == 0) {
            buffer[*size] = '\0';
            *text = buffer;
            return 0;
        }
        if (room - *size == 1) {
            char *bigger = arena_alloc(arena, room * 2);
            if (bigger)
                memcpy(bigger, buffer, *size);
            buffer = bigger;
            room *= 2;
        }
    }
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "%s: no memory to read it", path);
}

int file_read(const char *path, size_t limit, struct arena *arena, char **text, size_t *size,
              struct err *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, file_status(errno), "%s", path);
    struct stat st;
    int failed;
    if (fstat(fd, &st) != 0)
        failed = err_errno(err, file_status(errno), "%s", path);
    else if (!S_ISREG(st.st_mode))
        failed = err_set(err, STATUS_FAILED_PRECONDITION, "%s: expected a regular file, got a %s",
                         path, S_ISDIR(st.st_mode) ? "directory" : "special file");
    else
        failed = read_all(fd, path, limit, arena, text, size, err);
    close(fd);
    return failed;
}

static int write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno != EINTR)
            return -1;
        text += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd);
}

int file_replace(const char *path, const char *text, size_t size, struct err *err)
{
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary))
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s: the path is too long", path);
    mode_t mask = umask(0);
    umask(mask);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, file_status(errno), "%s", temporary);
    int failed = write_all(fd, text, size) || fchmod(fd, 0666 & ~mask);
    failed = close(fd) || failed || rename(temporary, path);
    if (!failed)
        return 0;
    err_errno(err, file_status(errno), "%s", path);
    unlink(temporary);
    return -1;
}
