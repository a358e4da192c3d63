/* Owns the listening socket and the descriptors that were accepted but not handed over yet. The I/O
 * thread accepts into a short queue; a post has the loop thread empty it, a few at a turn, so that
 * a flood of connections does not keep calls waiting. */
#include "serve/listener.h"

#include "base/log.h"
#include "serve/bound.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ACCEPTS_AT_ONCE = 64, /* then other work of the I/O thread gets its turn */
    QUEUE_SIZE = 256,
    HANDED_OVER_AT_ONCE = 8,
    RETRY_MS = 50,
};

struct listener {
    struct bound bound;
    void (*accepted)(void *data, int fd); /* with its data: set by listener_start, constant then */
    void *data;
    struct loop *loop;   /* borrowed */
    struct iothread *io; /* borrowed; NULL until listener_start */
    mode_t mode;         /* of a UNIX socket */

    /* Loop thread only. */
    bool is_watched;   /* the I/O thread knows the socket */
    bool stopped;      /* nothing is to be accepted, for now or for good */
    int highest;       /* descriptor that was ever handed over */
    struct ready rest; /* waits for a turn while the queue is not empty */

    /* I/O thread only. */
    uv_poll_t poll;
    uv_timer_t retry;
    unsigned open_handles; /* of poll and retry, not yet closed by libuv */
    bool starved;          /* accepting failed and the backlog has not been emptied since */

    /* listener_start, listener_stop and listener_resume wait for the I/O thread's part. */
    struct iocall call;
    uv_sem_t done;
    int start_error;      /* of libuv, or 0 */
    int bind_result;      /* of bound_open, when listener_resume asked for it */
    struct err *bind_err; /* of the same */

    struct iocall resume; /* under way only between full and the next accept */
    struct post deliver;  /* under way while posted */

    pthread_mutex_t mutex; /* guards what follows */
    int queue[QUEUE_SIZE]; /* accepted, not handed over; oldest first */
    size_t queued;
    bool posted; /* deliver lies in the loop's queue, or rest waits for its turn */
    bool full;   /* the I/O thread stopped polling until the queue has been emptied */
};

/* ---- Loop thread: handing over ---- */

/* Takes the oldest descriptors out of the queue; gives how many. */
static size_t take(struct listener *listener, int fds[HANDED_OVER_AT_ONCE])
{
    pthread_mutex_lock(&listener->mutex);
    size_t n = listener->queued;
    if (n > HANDED_OVER_AT_ONCE)
        n = HANDED_OVER_AT_ONCE;
    memcpy(fds, listener->queue, n * sizeof(fds[0]));
    listener->queued -= n;
    memmove(listener->queue, listener->queue + n, listener->queued * sizeof(fds[0]));
    listener->posted = listener->queued > 0;
    if (listener->posted)
        loop_ready(listener->loop, &listener->rest);
    bool full = listener->full;
    listener->full = false;
    pthread_mutex_unlock(&listener->mutex);

    if (full && !listener->stopped)
        iothread_call(listener->io, &listener->resume);
    return n;
}

static void hand_over(struct listener *listener)
{
    int fds[HANDED_OVER_AT_ONCE];
    size_t n = take(listener, fds);
    for (size_t i = 0; i < n; i++) {
        if (listener->stopped) { /* also by accepted, on the way */
            close(fds[i]);
            continue;
        }
        if (fds[i] > listener->highest)
            listener->highest = fds[i];
        listener->accepted(listener->data, fds[i]);
    }
}

static void deliver(struct post *post)
{
    hand_over(container_of(post, struct listener, deliver));
}

static void deliver_rest(struct ready *ready)
{
    hand_over(container_of(ready, struct listener, rest));
}

/* ---- I/O thread: accepting ---- */

/* Whether one more descriptor can be queued; if not, deliver will call resume. */
static bool has_room(struct listener *listener)
{
    pthread_mutex_lock(&listener->mutex);
    bool room = listener->queued < QUEUE_SIZE;
    listener->full = !room;
    pthread_mutex_unlock(&listener->mutex);
    return room;
}

static void enqueue(struct listener *listener, int fd)
{
    pthread_mutex_lock(&listener->mutex);
    listener->queue[listener->queued++] = fd;
    bool post = !listener->posted;
    listener->posted = true;
    pthread_mutex_unlock(&listener->mutex);
    if (post)
        loop_post(listener->loop, &listener->deliver);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void start_polling(struct listener *listener)
{
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void on_resume(struct iocall *call)
{
    start_polling(container_of(call, struct listener, resume));
}

static void on_retry(uv_timer_t *timer)
{
    start_polling(container_of(timer, struct listener, retry));
}

/* Accepting failed in a way that would fail again at once, and the socket stays readable. */
static void try_later(struct listener *listener, const char *reason)
{
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->retry, on_retry, RETRY_MS, 0);
    if (!listener->starved)
        log_warning("Cannot accept connections; clients wait",
                    log_str("endpoint", listener->bound.endpoint.text), log_str("error", reason));
    listener->starved = true;
}

static void backlog_is_empty(struct listener *listener)
{
    if (listener->starved)
        log_info("Accepting connections again", log_str("endpoint", listener->bound.endpoint.text));
    listener->starved = false;
}

/* Accepts one connection; false when it is no use to go on now. */
static bool accept_one(struct listener *listener)
{
    int fd = accept4(listener->bound.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        int on = 1;
        if (listener->bound.endpoint.address.ss_family != AF_UNIX)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        enqueue(listener, fd);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        backlog_is_empty(listener);
        return false;
    case EINTR:
    case ECONNABORTED: /* this client has gone; the next one may not */
    case EPROTO:
        return true;
    default:
        try_later(listener, strerror(errno));
        return false;
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct listener *listener = container_of(poll, struct listener, poll);
    if (status < 0) {
        try_later(listener, uv_strerror(status));
        return;
    }
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        if (!has_room(listener)) {
            uv_poll_stop(poll);
            return;
        }
        if (!accept_one(listener))
            return;
    }
}

static void start_on_io(struct iocall *call)
{
    struct listener *listener = container_of(call, struct listener, call);
    uv_loop_t *uv = iothread_uv(listener->io);
    listener->start_error = uv_poll_init(uv, &listener->poll, listener->bound.fd);
    if (!listener->start_error) {
        uv_timer_init(uv, &listener->retry);
        listener->open_handles = 2;
        start_polling(listener);
    }
    uv_sem_post(&listener->done);
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    if (--listener->open_handles == 0)
        uv_sem_post(&listener->done);
}

static void stop_on_io(struct iocall *call)
{
    struct listener *listener = container_of(call, struct listener, call);
    listener->poll.data = listener;
    listener->retry.data = listener;
    uv_close((uv_handle_t *)&listener->poll, on_closed);
    uv_close((uv_handle_t *)&listener->retry, on_closed);
}

/* ---- Loop thread: from open to free ---- */

static void run_on_io(struct listener *listener, void (*fn)(struct iocall *call))
{
    listener->call.fn = fn;
    iothread_call(listener->io, &listener->call);
    uv_sem_wait(&listener->done);
}

struct listener *listener_open(const struct endpoint *endpoint, mode_t mode, struct err *err)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    if (!listener) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a listener");
        return NULL;
    }
    if (bound_open(&listener->bound, endpoint, mode, err) != 0) {
        free(listener);
        return NULL;
    }
    listener->mode = mode;
    pthread_mutex_init(&listener->mutex, NULL);
    uv_sem_init(&listener->done, 0);
    listener->resume.fn = on_resume;
    listener->deliver.fn = deliver;
    listener->rest.fn = deliver_rest;
    return listener;
}

/* Has the I/O thread accept from the socket. */
static int watch(struct listener *listener, struct err *err)
{
    run_on_io(listener, start_on_io);
    listener->is_watched = listener->start_error == 0;
    if (listener->is_watched)
        return 0;
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "cannot watch %s for connections: %s",
                   listener->bound.endpoint.text, uv_strerror(listener->start_error));
}

static void unwatch(struct listener *listener)
{
    if (listener->is_watched)
        run_on_io(listener, stop_on_io);
    listener->is_watched = false;
    listener->stopped = true;
}

int listener_start(struct listener *listener, struct iothread *io, struct loop *loop,
                   void (*accepted)(void *data, int fd), void *data, struct err *err)
{
    listener->accepted = accepted;
    listener->data = data;
    listener->loop = loop;
    listener->io = io;
    return watch(listener, err);
}

/* Turns away who was accepted and not handed over. */
static void close_queue(struct listener *listener)
{
    pthread_mutex_lock(&listener->mutex);
    for (size_t i = 0; i < listener->queued; i++)
        close(listener->queue[i]);
    listener->queued = 0;
    pthread_mutex_unlock(&listener->mutex);
}

/* gRPC core does not tell which connections there are. The kernel does. */
static void cut_connections(const struct listener *listener)
{
    for (int fd = 0; fd <= listener->highest; fd++) {
        if (bound_accepted(&listener->bound, fd))
            shutdown(fd, SHUT_RDWR);
    }
}

void listener_pause(struct listener *listener)
{
    unwatch(listener);
    close_queue(listener);
    bound_close(&listener->bound); /* whose connection is cut may look for the socket at once */
    cut_connections(listener);
}

/* Here, because the umask that bound_open sets for a moment must not get into a program that is
 * started just then: they are started on this thread. */
static void bind_on_io(struct iocall *call)
{
    struct listener *listener = container_of(call, struct listener, call);
    const struct endpoint endpoint = listener->bound.endpoint;
    listener->bind_result =
        bound_open(&listener->bound, &endpoint, listener->mode, listener->bind_err);
    uv_sem_post(&listener->done);
}

int listener_resume(struct listener *listener, struct err *err)
{
    listener->bind_err = err;
    run_on_io(listener, bind_on_io);
    if (listener->bind_result != 0)
        return -1;
    if (watch(listener, err)) {
        bound_close(&listener->bound);
        return -1;
    }
    listener->stopped = false;
    return 0;
}

void listener_stop(struct listener *listener)
{
    unwatch(listener);
    bound_close(&listener->bound);
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    close_queue(listener);
    uv_sem_destroy(&listener->done);
    pthread_mutex_destroy(&listener->mutex);
    free(listener);
}
