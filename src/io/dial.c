/* Owns sockets that are being connected. dial_start and dial_cancel run on the loop thread, the
 * rest on the I/O thread, but for finish.
 *
 * One handle of libuv is open at most: of the socket that is watched while it connects, or of the
 * pause before a UNIX socket with a full backlog is tried again. What comes next is decided when it
 * is closed. */
#include "io/dial.h"

#include "base/file.h"
#include "io/ioop.h"
#include "io/lookup.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { RETRY_MS = 5 };

struct dial {
    struct ioop op;
    struct dial_target target;
    int64_t timeout;
    dial_done *done;
    void *data;

    /* I/O thread only, until the end. */
    struct lookup *lookup;      /* under way, or NULL */
    struct addrinfo *addresses; /* ours */
    const struct addrinfo *at;  /* the address that is tried; NULL: all were, or it is the path's */
    bool stopped;
    bool retry; /* the same address again */
    int trying; /* the socket that is being connected, or -1 */
    union {
        uv_poll_t poll;
        uv_timer_t pause;
    } handle;

    int fd;         /* the result; -1: err says why */
    struct err err; /* of the last address that was tried */
};

static struct dial *dial_of(struct ioop *op)
{
    return container_of(op, struct dial, op);
}

int dial_parse(struct dial_target *target, const char *text, struct err *err)
{
    static const char tcp[] = "tcp://";
    memset(target, 0, sizeof(*target));
    if (strncasecmp(text, tcp, strlen(tcp)) != 0) {
        if (endpoint_parse(&target->endpoint, text, err))
            return -1;
        snprintf(target->text, sizeof(target->text), "%s", target->endpoint.text);
        return 0;
    }
    const char *rest = text + strlen(tcp);
    if (!hostport_parse(&target->tcp, rest, strlen(rest), 0))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected tcp://host:port with a port from 1 to 65535, got \"%s\"", text);
    snprintf(target->text, sizeof(target->text), "tcp://%s", target->tcp.text);
    return 0;
}

/* ---- I/O thread ---- */

static void try_address(struct dial *dial);

static void fail(struct dial *dial, int error)
{
    errno = error;
    err_errno(&dial->err, file_status(error), "%s", dial->target.text);
}

/* The socket did not connect, and will not. */
static void give_up(struct dial *dial, int error)
{
    fail(dial, error);
    if (dial->trying >= 0)
        close(dial->trying);
    dial->trying = -1;
    if (dial->at)
        dial->at = dial->at->ai_next;
}

static void connected(struct dial *dial)
{
    dial->fd = dial->trying;
    dial->trying = -1;
}

static void next(struct dial *dial)
{
    if (dial->fd < 0 && !dial->stopped && (dial->at || dial->retry)) {
        try_address(dial);
        return;
    }
    if (dial->trying >= 0)
        close(dial->trying);
    dial->trying = -1;
    ioop_end(&dial->op);
}

static void on_closed(uv_handle_t *handle)
{
    next(handle->data);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static void on_connected(uv_poll_t *poll, int status, int events)
{
    struct dial *dial = poll->data;
    int error = 0;
    socklen_t size = sizeof(error);
    (void)events;
    /* libuv calls every failure EBADF; the socket knows better */
    getsockopt(dial->trying, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error || status)
        give_up(dial, error ? error : -status);
    else
        connected(dial);
    close_handle((uv_handle_t *)poll);
}

static void on_pause(uv_timer_t *timer)
{
    close_handle((uv_handle_t *)timer);
}

static void watch(struct dial *dial)
{
    uv_poll_t *poll = &dial->handle.poll;
    int failed = uv_poll_init(iothread_uv(dial->op.io), poll, dial->trying);
    if (failed) {
        give_up(dial, -failed);
        next(dial);
        return;
    }
    poll->data = dial;
    uv_poll_start(poll, UV_WRITABLE, on_connected);
}

/* The backlog of a UNIX socket is full, and nothing tells when it is not any more. */
static void pause_first(struct dial *dial)
{
    uv_timer_t *timer = &dial->handle.pause;
    close(dial->trying);
    dial->trying = -1;
    dial->retry = true;
    uv_timer_init(iothread_uv(dial->op.io), timer);
    timer->data = dial;
    uv_timer_start(timer, on_pause, RETRY_MS, 0);
}

/* A socket for the address, not connected yet; -1 with errno. */
static int new_socket(const struct sockaddr *address)
{
    const int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void try_connect(struct dial *dial, const struct sockaddr *address, socklen_t size)
{
    dial->retry = false;
    dial->trying = new_socket(address);
    if (dial->trying < 0 || connect(dial->trying, address, size)) {
        if (errno == EINPROGRESS) {
            watch(dial);
            return;
        }
        if (errno == EAGAIN && address->sa_family == AF_UNIX) {
            pause_first(dial);
            return;
        }
        give_up(dial, errno);
    } else {
        connected(dial);
    }
    next(dial);
}

static void try_address(struct dial *dial)
{
    if (dial->at)
        try_connect(dial, dial->at->ai_addr, dial->at->ai_addrlen);
    else
        try_connect(dial, (const struct sockaddr *)&dial->target.endpoint.address,
                    dial->target.endpoint.size);
}

/* addresses are ours from now on. */
static void try_all(struct dial *dial, struct addrinfo *addresses)
{
    dial->addresses = addresses;
    dial->at = addresses;
    try_address(dial);
}

static void on_lookup(void *data, struct addrinfo *addresses, const struct err *err)
{
    struct dial *dial = data;
    dial->lookup = NULL;
    if (addresses) {
        try_all(dial, addresses);
        return;
    }
    dial->err = *err;
    ioop_end(&dial->op);
}

static void begin(struct ioop *op)
{
    struct dial *dial = dial_of(op);
    const struct hostport *tcp = &dial->target.tcp;
    if (dial->target.endpoint.path[0]) {
        try_address(dial);
        return;
    }
    struct addrinfo *numeric = lookup_numeric(tcp->host, tcp->port);
    if (numeric) {
        try_all(dial, numeric);
        return;
    }
    dial->lookup = lookup_start(op->io, tcp->host, tcp->port, on_lookup, dial, &dial->err);
    if (!dial->lookup)
        ioop_end(op);
}

static void stop(struct ioop *op)
{
    struct dial *dial = dial_of(op);
    dial->stopped = true;
    if (dial->lookup) {
        lookup_cancel(dial->lookup);
        ioop_end(op);
    } else {
        close_handle((uv_handle_t *)&dial->handle);
    }
}

/* ---- loop thread ---- */

static void finish(struct ioop *op, bool timed_out)
{
    struct dial *dial = dial_of(op);
    struct err err;
    if (timed_out) {
        ioop_timed_out(dial->target.text, dial->timeout, &err);
        dial->done(dial->data, -1, &err);
        return;
    }
    int fd = dial->fd;
    dial->fd = -1;
    dial->done(dial->data, fd, fd < 0 ? &dial->err : NULL);
}

static void free_dial(struct ioop *op)
{
    struct dial *dial = dial_of(op);
    if (dial->fd >= 0)
        close(dial->fd);
    if (dial->addresses)
        freeaddrinfo(dial->addresses);
    free(dial);
}

struct dial *dial_start(struct iothread *io, const struct dial_target *target, int64_t timeout,
                        dial_done *done, void *data, struct err *err)
{
    static const struct ioop_kind kind = {begin, stop, finish, free_dial};
    struct dial *dial = calloc(1, sizeof(*dial));
    if (!dial) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to connect to %s", target->text);
        return NULL;
    }
    dial->target = *target;
    dial->timeout = timeout;
    dial->done = done;
    dial->data = data;
    dial->trying = -1;
    dial->fd = -1;
    ioop_start(&dial->op, &kind, io, timeout);
    return dial;
}

void dial_cancel(struct dial *dial)
{
    ioop_cancel(&dial->op);
}
