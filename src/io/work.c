/* Owns the threads for blocking work and the queue in front of them: one pool for the process. Its
 * threads stay until the I/O thread ends; those that hang are left behind then. work_start and
 * work_abandon are called by the I/O thread; what a thread delivers, it delivers under the lock, so
 * that after work_abandon it never touches anything but the work itself. */
#include "io/work.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

enum {
    MOST_THREADS = 64,
    MOST_WAITING = 1024,
    STACK_BYTES = 512 * 1024, /* name service modules want some */
};

struct thread {
    pthread_t id;
    unsigned generation; /* of the pool, when it was started */
    bool busy;           /* runs a work */
};

static struct {
    struct iopart part; /* of the I/O thread, while there are threads */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct work *first; /* waiting for a thread, oldest first */
    struct work **last;
    unsigned n_waiting; /* works */
    unsigned n_idle;    /* threads that wait for work */
    unsigned n_threads;
    struct thread threads[MOST_THREADS];
    unsigned generation; /* threads of an older one shall end */
} pool = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .last = &pool.first,
};

static struct work *take_work(void)
{
    struct work *work = pool.first;
    pool.first = work->next;
    if (!pool.first)
        pool.last = &pool.first;
    pool.n_waiting--;
    return work;
}

/* ---- in a thread of the pool; the lock is held where it begins and ends ---- */

static void run_work(struct work *work)
{
    if (!work->abandoned) {
        pthread_mutex_unlock(&pool.mutex);
        work->run(work);
        pthread_mutex_lock(&pool.mutex);
    }
    if (work->abandoned)
        work->free(work);
    else
        iothread_call(work->io, &work->call);
}

static void wait_for_work(void)
{
    pool.n_idle++;
    pthread_cond_wait(&pool.wake, &pool.mutex);
    pool.n_idle--;
}

static void *run_thread(void *data)
{
    struct thread *self = data; /* another's as soon as the generation has changed */
    pthread_setname_np(pthread_self(), "luacsi-work");
    pthread_mutex_lock(&pool.mutex);
    unsigned generation = self->generation;
    while (generation == pool.generation) {
        if (!pool.first) {
            wait_for_work();
            continue;
        }
        self->busy = true;
        run_work(take_work());
        if (generation == pool.generation)
            self->busy = false;
    }
    pthread_mutex_unlock(&pool.mutex);
    return NULL;
}

/* ---- I/O thread ---- */

/* The I/O thread ends. All that waits has been abandoned. */
static void end(struct iopart *part)
{
    pthread_t idle[MOST_THREADS];
    unsigned n = 0;
    (void)part;
    pthread_mutex_lock(&pool.mutex);
    while (pool.first) {
        struct work *work = take_work();
        work->free(work);
    }
    for (unsigned i = 0; i < pool.n_threads; i++) {
        if (pool.threads[i].busy)
            pthread_detach(pool.threads[i].id);
        else
            idle[n++] = pool.threads[i].id;
    }
    pool.n_threads = 0;
    pool.generation++;
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);
    for (unsigned i = 0; i < n; i++)
        pthread_join(idle[i], NULL);
}

/* Signals are for the I/O thread. 0 or an error number. */
static int start_thread(struct thread *thread)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    thread->generation = pool.generation;
    thread->busy = false;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread->id, &attributes, run_thread, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

static int add_thread(struct iothread *io)
{
    int failed = start_thread(&pool.threads[pool.n_threads]);
    if (failed)
        return failed;
    if (pool.n_threads++ == 0) {
        pool.part = (struct iopart){.kind = &pool, .end = end};
        iothread_add_part(io, &pool.part);
    }
    return 0;
}

/* Sees to it that somebody will take one more work. */
static int find_thread(struct iothread *io, struct err *err)
{
    int failed = 0;
    if (pool.n_waiting < pool.n_idle)
        return 0;
    if (pool.n_threads < MOST_THREADS)
        failed = add_thread(io);
    if (pool.n_threads == 0)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no thread for blocking work: %s",
                       strerror(failed));
    if (pool.n_waiting >= MOST_WAITING)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "%u threads hang and %u works wait for one",
                       pool.n_threads, pool.n_waiting);
    return 0;
}

static void on_delivered(struct iocall *call)
{
    struct work *work = container_of(call, struct work, call);
    if (!work->abandoned)
        work->done(work);
    work->free(work);
}

int work_start(struct work *work, struct iothread *io, struct err *err)
{
    work->io = io;
    work->call.fn = on_delivered;
    work->next = NULL;
    work->abandoned = false;
    pthread_mutex_lock(&pool.mutex);
    int failed = find_thread(io, err);
    if (!failed) {
        *pool.last = work;
        pool.last = &work->next;
        pool.n_waiting++;
        pthread_cond_signal(&pool.wake);
    }
    pthread_mutex_unlock(&pool.mutex);
    return failed;
}

void work_abandon(struct work *work)
{
    pthread_mutex_lock(&pool.mutex);
    work->abandoned = true;
    pthread_mutex_unlock(&pool.mutex);
}
