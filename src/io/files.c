/* Has files looked at in a thread for blocking work. files_stat, files_read and files_cancel run on
 * the loop thread, as finish; begin and stop on the I/O thread, run in a thread of the pool. */
#include "io/files.h"

#include "base/arena.h"
#include "base/file.h"
#include "io/ioop.h"
#include "io/work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct job;

/* What was found out. */
struct outcome {
    struct stat stat;
    struct arena arena; /* of text */
    char *text;
    size_t size;
    int failed;
    struct err err;
};

struct files {
    struct ioop op;
    void (*look)(struct job *job);
    size_t limit; /* of reading, bytes */
    int64_t timeout;
    files_done *done;
    void *data;
    struct job *job;        /* I/O thread only: under way, or NULL */
    struct outcome outcome; /* written on the I/O thread, read by finish */
    char path[];
};

/* What the thread has. It may hang, so its memory is its own. */
struct job {
    struct work work;
    struct files *files; /* who asked; not for the thread, which may outlive it */
    void (*look)(struct job *job);
    size_t limit;
    struct outcome outcome;
    char path[];
};

/* ---- in a thread of the pool ---- */

static void look_at(struct job *job)
{
    struct outcome *outcome = &job->outcome;
    outcome->failed = stat(job->path, &outcome->stat);
    if (outcome->failed)
        err_errno(&outcome->err, file_status(errno), "%s", job->path);
}

static void look_into(struct job *job)
{
    struct outcome *outcome = &job->outcome;
    outcome->failed = file_read(job->path, job->limit, &outcome->arena, &outcome->text,
                                &outcome->size, &outcome->err);
}

static void run(struct work *work)
{
    struct job *job = container_of(work, struct job, work);
    job->look(job);
}

static void free_job(struct work *work)
{
    struct job *job = container_of(work, struct job, work);
    arena_fini(&job->outcome.arena);
    free(job);
}

/* ---- I/O thread ---- */

static struct files *files_of(struct ioop *op)
{
    return container_of(op, struct files, op);
}

static void on_done(struct work *work)
{
    struct job *job = container_of(work, struct job, work);
    struct files *files = job->files;
    files->outcome = job->outcome; /* with the arena */
    arena_init(&job->outcome.arena, 0);
    files->job = NULL;
    ioop_end(&files->op);
}

static struct job *new_job(struct files *files)
{
    size_t path_size = strlen(files->path) + 1;
    struct job *job = calloc(1, sizeof(*job) + path_size);
    if (!job)
        return NULL;
    job->work.run = run;
    job->work.done = on_done;
    job->work.free = free_job;
    job->files = files;
    job->look = files->look;
    job->limit = files->limit;
    arena_init(&job->outcome.arena, SIZE_MAX);
    memcpy(job->path, files->path, path_size);
    return job;
}

static void begin(struct ioop *op)
{
    struct files *files = files_of(op);
    struct outcome *outcome = &files->outcome;
    files->job = new_job(files);
    if (!files->job) {
        outcome->failed =
            err_set(&outcome->err, STATUS_RESOURCE_EXHAUSTED, "%s: no memory", files->path);
        ioop_end(op);
    } else if (work_start(&files->job->work, op->io, &outcome->err)) {
        outcome->failed = err_prefix(&outcome->err, "%s: ", files->path);
        free_job(&files->job->work);
        files->job = NULL;
        ioop_end(op);
    }
}

static void stop(struct ioop *op)
{
    work_abandon(&files_of(op)->job->work);
    ioop_end(op);
}

/* ---- loop thread ---- */

static void finish(struct ioop *op, bool timed_out)
{
    struct files *files = files_of(op);
    const struct outcome *outcome = &files->outcome;
    struct err err;
    if (timed_out) {
        ioop_timed_out(files->path, files->timeout, &err);
        files->done(files->data, NULL, &err);
    } else if (outcome->failed) {
        files->done(files->data, NULL, &outcome->err);
    } else {
        const struct files_result result = {outcome->stat, outcome->text, outcome->size};
        files->done(files->data, &result, NULL);
    }
}

static void free_files(struct ioop *op)
{
    struct files *files = files_of(op);
    arena_fini(&files->outcome.arena);
    free(files);
}

/* NULL when memory is short. */
static struct files *new_files(void (*look)(struct job *job), const char *path, size_t limit,
                               int64_t timeout)
{
    size_t path_size = strlen(path) + 1;
    struct files *files = calloc(1, sizeof(*files) + path_size);
    if (!files)
        return NULL;
    files->look = look;
    files->limit = limit;
    files->timeout = timeout;
    memcpy(files->path, path, path_size);
    return files;
}

/* Takes files, which may be NULL. */
static struct files *start(struct iothread *io, struct files *files, files_done *done, void *data,
                           struct err *err)
{
    static const struct ioop_kind kind = {begin, stop, finish, free_files};
    if (!files) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to look at a file");
        return NULL;
    }
    files->done = done;
    files->data = data;
    ioop_start(&files->op, &kind, io, files->timeout);
    return files;
}

struct files *files_stat(struct iothread *io, const char *path, int64_t timeout, files_done *done,
                         void *data, struct err *err)
{
    return start(io, new_files(look_at, path, 0, timeout), done, data, err);
}

struct files *files_read(struct iothread *io, const char *path, size_t limit, int64_t timeout,
                         files_done *done, void *data, struct err *err)
{
    return start(io, new_files(look_into, path, limit, timeout), done, data, err);
}

void files_cancel(struct files *files)
{
    ioop_cancel(&files->op);
}
