/* Owns the file of a listening socket from bind to unlink. The caller's thread; no state.
 *
 * Two instances that start or stop at the same time are kept apart by flock(2) on the directory,
 * for CSI allows no other file beside the socket. The lock is a courtesy among instances: where the
 * directory may not be read, or someone holds its lock for long, it goes without. */
#include "serve/bound.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCK_TRIES = 200, /* one each 5 ms */
    BIND_TRIES = 3,   /* a second one after a stale socket; a third if others do not lock */
};

/* The directory of the socket, into directory (as large as endpoint.path). */
static const char *directory_of(const struct endpoint *endpoint, char *directory)
{
    size_t size = (size_t)(strrchr(endpoint->path, '/') - endpoint->path);
    size = size > 0 ? size : 1; /* "/" */
    memcpy(directory, endpoint->path, size);
    directory[size] = '\0';
    return directory;
}

/* Returns a descriptor to close when the lock may go, or -1. */
static int lock_directory(const struct endpoint *endpoint)
{
    char directory[sizeof(endpoint->path)];
    int fd = open(directory_of(endpoint, directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < LOCK_TRIES && fd >= 0; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR))
            break;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return fd;
}

static void unlock_directory(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* Connects to the socket: 0 or the errno that says why not. */
static int ask_listener(const struct endpoint *endpoint)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int answer = 0;
    if (connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->size) != 0)
        answer = errno;
    close(fd);
    return answer;
}

/* Looks at what stands at the path and removes it when it is a socket on which nobody listens.
 * Returns 0 when it is worth trying to bind again. */
static int clear_path(const struct endpoint *endpoint, struct err *err)
{
    const char *path = endpoint->path;
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : err_errno(err, STATUS_PERMISSION_DENIED, "%s", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, STATUS_FAILED_PRECONDITION, "%s exists and is not a socket", path);

    errno = ask_listener(endpoint);
    switch (errno) {
    case 0:
    case EAGAIN: /* its backlog is full */
        return err_set(err, STATUS_ALREADY_EXISTS, "another process is already listening on %s",
                       path);
    case ENOENT: /* gone since lstat */
        return 0;
    case ECONNREFUSED:
        if (unlink(path) != 0 && errno != ENOENT)
            return err_errno(err, STATUS_PERMISSION_DENIED, "cannot remove the stale socket %s",
                             path);
        log_info("Removed a stale socket", log_str("path", path));
        return 0;
    case EACCES:
        return err_errno(err, STATUS_PERMISSION_DENIED,
                         "cannot ask whether another process is listening on %s", path);
    default:
        return err_errno(err, STATUS_FAILED_PRECONDITION, "%s is a socket of another kind", path);
    }
}

/* The file gets the mode of the socket, less the umask. For our own user alone no umask is touched,
 * which the files of other threads would get, too. */
static int bind_with_mode(int fd, const struct endpoint *endpoint, mode_t mode)
{
    if (fchmod(fd, mode) == 0 && (mode & (S_IRWXG | S_IRWXO)) == 0)
        return bind(fd, (const struct sockaddr *)&endpoint->address, endpoint->size);
    mode_t before = umask(~mode & 0777);
    int result = bind(fd, (const struct sockaddr *)&endpoint->address, endpoint->size);
    int saved_errno = errno;
    umask(before);
    errno = saved_errno;
    return result;
}

/* Says of a bind(2) that failed what the user can do about it. */
static int bind_failed(const struct endpoint *endpoint, struct err *err)
{
    char directory[sizeof(endpoint->path)];
    directory_of(endpoint, directory);
    switch (errno) {
    case ENOENT: /* also what /proc says, where nobody may create anything */
        if (access(directory, F_OK) != 0)
            return err_set(err, STATUS_NOT_FOUND, "directory %s does not exist", directory);
        return err_set(err, STATUS_FAILED_PRECONDITION, "%s holds no sockets", directory);
    case ENOTDIR:
        return err_set(err, STATUS_FAILED_PRECONDITION, "%s is not a directory", directory);
    case EACCES:
    case EPERM:
    case EROFS:
        return err_errno(err, STATUS_PERMISSION_DENIED, "no permission to create a socket in %s",
                         directory);
    default:
        return err_errno(err, STATUS_FAILED_PRECONDITION, "bind");
    }
}

/* Under the lock of the directory. On failure nothing of ours is left at the path. */
static int listen_unix(struct bound *bound, mode_t mode, struct err *err)
{
    const struct endpoint *endpoint = &bound->endpoint;
    struct stat st;
    for (int i = 1; bind_with_mode(bound->fd, endpoint, mode) != 0; i++) {
        if (errno != EADDRINUSE || i == BIND_TRIES)
            return bind_failed(endpoint, err);
        if (clear_path(endpoint, err) != 0)
            return -1;
    }
    if (listen(bound->fd, SOMAXCONN) != 0 || lstat(endpoint->path, &st) != 0) {
        err_errno(err, STATUS_FAILED_PRECONDITION, "listen");
        unlink(endpoint->path);
        return -1;
    }
    if (st.st_mode & ~mode & (S_IRWXG | S_IRWXO)) {
        unlink(endpoint->path);
        return err_set(err, STATUS_FAILED_PRECONDITION, "the system gives the socket mode %03o",
                       (unsigned)st.st_mode & 0777);
    }
    bound->dev = st.st_dev;
    bound->ino = st.st_ino;
    return 0;
}

static int listen_tcp(struct bound *bound, struct err *err)
{
    const struct endpoint *endpoint = &bound->endpoint;
    int on = 1; /* else connections that a former instance closed keep the port for a minute */
    setsockopt(bound->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(bound->fd, (const struct sockaddr *)&endpoint->address, endpoint->size) == 0 &&
        listen(bound->fd, SOMAXCONN) == 0)
        return 0;
    switch (errno) {
    case EADDRINUSE:
        return err_set(err, STATUS_ALREADY_EXISTS, "another process is already listening on %s",
                       endpoint->text + strlen("tcp://"));
    case EADDRNOTAVAIL:
        return err_set(err, STATUS_FAILED_PRECONDITION, "%s is no address of this host",
                       endpoint->host);
    case EACCES:
        return err_set(err, STATUS_PERMISSION_DENIED, "no permission to use port %u",
                       endpoint->port);
    default:
        return err_errno(err, STATUS_FAILED_PRECONDITION, "bind");
    }
}

int bound_open(struct bound *bound, const struct endpoint *endpoint, mode_t mode, struct err *err)
{
    bool is_unix = endpoint->address.ss_family == AF_UNIX;
    int result;
    *bound = (struct bound){.endpoint = *endpoint};
    bound->fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bound->fd < 0) {
        result = err_errno(err, STATUS_FAILED_PRECONDITION, "socket");
    } else if (is_unix) {
        int lock = lock_directory(endpoint);
        result = listen_unix(bound, mode, err);
        unlock_directory(lock);
    } else {
        result = listen_tcp(bound, err);
    }
    if (result != 0) {
        err_prefix(err, "cannot listen on %s: ", endpoint->text);
        if (bound->fd >= 0)
            close(bound->fd);
        bound->fd = -1;
    }
    return result;
}

/* An address of any family that a socket may be bound to. */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

/* Of TCP the port says it: a socket of all addresses of the host has connections of one. */
bool bound_accepted(const struct bound *bound, int fd)
{
    union address ours, its;
    socklen_t size = sizeof(its);
    memset(&its, 0, sizeof(its));
    memcpy(&ours, &bound->endpoint.address, sizeof(ours));
    if (fd == bound->fd || getsockname(fd, &its.any, &size) != 0 ||
        ours.any.sa_family != its.any.sa_family)
        return false;
    switch (ours.any.sa_family) {
    case AF_INET:
        return ours.v4.sin_port == its.v4.sin_port;
    case AF_INET6:
        return ours.v6.sin6_port == its.v6.sin6_port;
    default:
        return strcmp(ours.un.sun_path, its.un.sun_path) == 0;
    }
}

/* As long as our descriptor is open, the kernel keeps the inode, so that no other file can have its
 * number: hence unlink before close. Until then other instances see a live listener. */
static void remove_file(const struct bound *bound)
{
    struct stat st;
    int lock = lock_directory(&bound->endpoint);
    if (lstat(bound->endpoint.path, &st) == 0 && st.st_dev == bound->dev &&
        st.st_ino == bound->ino && unlink(bound->endpoint.path) != 0)
        log_warning("Cannot remove the socket", log_str("path", bound->endpoint.path),
                    log_str("error", strerror(errno)));
    unlock_directory(lock);
}

void bound_close(struct bound *bound)
{
    if (bound->fd < 0)
        return;
    if (bound->endpoint.address.ss_family == AF_UNIX)
        remove_file(bound);
    close(bound->fd);
    bound->fd = -1;
}
