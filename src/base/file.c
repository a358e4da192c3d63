/* Reads files into arenas. Holds a descriptor only inside file_read. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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
