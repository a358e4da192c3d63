/* Owns the background I/O thread: its libuv loop, the queue of calls to it, and the process's
 * signals. The loop itself is only touched by the thread, except before it starts and after it
 * ended. */
#include "io/iothread.h"

#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static const int watched[] = {SIGTERM, SIGINT, SIGHUP};

enum { WATCHED = sizeof(watched) / sizeof(watched[0]) };

/* One signal on its way from libuv to the loop thread. */
struct signal_watch {
    uv_signal_t handle;
    struct post post;
    struct iothread *io;
    int number;
    atomic_bool posted; /* post lies in the loop's queue */
};

struct iothread {
    uv_loop_t uv;
    uv_async_t wake;
    struct signal_watch signals[WATCHED];
    struct loop *loop; /* borrowed; posted to until iothread_stop */
    pthread_t thread;
    struct iopart *parts; /* I/O thread only */

    pthread_mutex_t mutex; /* guards first and last */
    struct iocall *first;  /* calls not yet made, oldest first */
    struct iocall *last;

    struct iocall watch_call;                  /* iothread_on_signal */
    struct iocall stop_call;                   /* iothread_stop */
    void (*on_signal)(void *data, int number); /* set by iothread_on_signal, with its data */
    void *data;
};

void iothread_block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < WATCHED; i++)
        sigaddset(&set, watched[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file grew too large: an error of the write, as on a full disk */
}

static struct iocall *take_calls(struct iothread *io)
{
    pthread_mutex_lock(&io->mutex);
    struct iocall *calls = io->first;
    io->first = NULL;
    io->last = NULL;
    pthread_mutex_unlock(&io->mutex);
    return calls;
}

static void make_calls(struct iothread *io)
{
    struct iocall *call = take_calls(io);
    while (call) {
        struct iocall *next = call->next; /* fn may give the call's memory back */
        call->fn(call);
        call = next;
    }
}

static void on_wake(uv_async_t *wake)
{
    make_calls(container_of(wake, struct iothread, wake));
}

void iothread_call(struct iothread *io, struct iocall *call)
{
    call->next = NULL;
    pthread_mutex_lock(&io->mutex);
    if (io->last)
        io->last->next = call;
    else
        io->first = call;
    io->last = call;
    pthread_mutex_unlock(&io->mutex);
    uv_async_send(&io->wake);
}

uv_loop_t *iothread_uv(struct iothread *io)
{
    return &io->uv;
}

struct loop *iothread_loop(struct iothread *io)
{
    return io->loop;
}

struct iopart *iothread_part(struct iothread *io, const void *kind)
{
    struct iopart *part = io->parts;
    while (part && part->kind != kind)
        part = part->next;
    return part;
}

void iothread_add_part(struct iothread *io, struct iopart *part)
{
    part->next = io->parts;
    io->parts = part;
}

static void deliver_signal(struct post *post)
{
    struct signal_watch *watch = container_of(post, struct signal_watch, post);
    /* First free for the next signal, which fn may be waiting for. */
    atomic_store(&watch->posted, false);
    watch->io->on_signal(watch->io->data, watch->number);
}

static void on_uv_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct signal_watch *watch = container_of(handle, struct signal_watch, handle);
    if (!atomic_exchange(&watch->posted, true))
        loop_post(watch->io->loop, &watch->post);
}

static void watch_signals(struct iocall *call)
{
    struct iothread *io = container_of(call, struct iothread, watch_call);
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < WATCHED; i++) {
        int failed = uv_signal_start(&io->signals[i].handle, on_uv_signal, watched[i]);
        if (failed)
            log_error("Signal is not watched", log_int("signal", watched[i]),
                      log_str("error", uv_strerror(failed)));
        sigaddset(&set, watched[i]);
    }
    /* Only this thread takes them, also those that waited since iothread_block_signals. */
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void iothread_on_signal(struct iothread *io, void (*fn)(void *data, int number), void *data)
{
    io->on_signal = fn;
    io->data = data;
    io->watch_call.fn = watch_signals;
    iothread_call(io, &io->watch_call);
}

static void close_handle(uv_handle_t *handle, void *data)
{
    (void)data;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Once the handles of all operations are closed, too, uv_run returns and the thread ends. */
static void stop(struct iocall *call)
{
    struct iothread *io = container_of(call, struct iothread, stop_call);
    for (struct iopart *part = io->parts, *next; part; part = next) {
        next = part->next;
        part->end(part);
    }
    uv_close((uv_handle_t *)&io->wake, NULL);
    iothread_block_signals(); /* one that comes without its handle would be deadly again */
    for (int i = 0; i < WATCHED; i++)
        uv_close((uv_handle_t *)&io->signals[i].handle, NULL);
}

static void *run(void *data)
{
    struct iothread *io = data;
    pthread_setname_np(pthread_self(), "luacsi-io");
    uv_run(&io->uv, UV_RUN_DEFAULT);
    /* What is left holds up nobody: a killed process that the kernel does not let die. */
    uv_walk(&io->uv, close_handle, NULL);
    uv_run(&io->uv, UV_RUN_DEFAULT);
    make_calls(io); /* results that came when nobody wanted them any more */
    return NULL;
}

/* Makes the handles and starts the thread; returns 0 or an error of libuv. */
static int start(struct iothread *io)
{
    int failed = uv_async_init(&io->uv, &io->wake, on_wake);
    for (int i = 0; i < WATCHED && !failed; i++) {
        struct signal_watch *watch = &io->signals[i];
        watch->post.fn = deliver_signal;
        watch->io = io;
        watch->number = watched[i];
        failed = uv_signal_init(&io->uv, &watch->handle);
    }
    if (!failed) {
        iothread_block_signals();
        failed = uv_translate_sys_error(pthread_create(&io->thread, NULL, run, io));
    }
    return failed;
}

struct iothread *iothread_start(struct loop *loop, struct err *err)
{
    struct iothread *io = calloc(1, sizeof(*io));
    int failed = io ? uv_loop_init(&io->uv) : UV_ENOMEM;
    if (failed)
        goto out;
    io->loop = loop;
    pthread_mutex_init(&io->mutex, NULL);
    failed = start(io);
    if (failed) {
        uv_walk(&io->uv, close_handle, NULL);
        uv_run(&io->uv, UV_RUN_DEFAULT);
        uv_loop_close(&io->uv);
        pthread_mutex_destroy(&io->mutex);
    }
out:
    if (failed) {
        free(io);
        io = NULL;
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "the I/O thread does not start: %s",
                uv_strerror(failed));
    }
    return io;
}

void iothread_stop(struct iothread *io)
{
    io->stop_call.fn = stop;
    iothread_call(io, &io->stop_call);
    pthread_join(io->thread, NULL);
    uv_loop_close(&io->uv);
}

void iothread_free(struct iothread *io)
{
    if (!io)
        return;
    pthread_mutex_destroy(&io->mutex);
    free(io);
}
