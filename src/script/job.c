/* Owns the background work of a vm: one struct a job, in the vm's list, oldest first. Who waits for
 * its first turn counts as a task of the vm, so that the vm stays until then. Loop thread. */
#include "script/job.h"

#include "base/log.h"
#include "base/random.h"
#include "io/clock.h"
#include "script/state.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_JOBS = 1000 };

struct job {
    struct job *next;
    struct vm *vm;
    struct job_options options; /* name is our copy */
    struct arena arena;         /* of a run */
    struct task task;           /* the run under way */
    bool is_running;
    uint64_t failures;  /* runs that failed */
    struct timer timer; /* set between runs */
    struct ready turn;  /* set before the first run */
};

/* ---- the list ---- */

static void free_job(struct job *job)
{
    arena_fini(&job->arena);
    free((char *)job->options.name);
    free(job);
}

/* A job that will not run again. The state of a lost vm must not be touched. */
static void end(struct job *job)
{
    struct vm *vm = job->vm;
    struct job **place = &vm->jobs;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    if (!vm->is_lost)
        luaL_unref(vm->L, LUA_REGISTRYINDEX, job->options.function);
    free_job(job);
}

/* Puts it behind the others; false when they are too many. */
static bool append(struct vm *vm, struct job *job)
{
    unsigned n = 0;
    struct job **place = &vm->jobs;
    for (; *place; place = &(*place)->next)
        n++;
    if (n < MOST_JOBS)
        *place = job;
    return n < MOST_JOBS;
}

/* ---- runs ---- */

static void run(struct job *job);

static void on_time(struct timer *timer)
{
    run(container_of(timer, struct job, timer));
}

static void on_turn(struct ready *ready)
{
    struct job *job = container_of(ready, struct job, turn);
    struct vm *vm = job->vm;
    run(job);
    vm_task_done(vm); /* for the turn */
}

/* period, up to a tenth shorter or longer, so that many drivers do not ask at once; as it is where
 * a test says what time it is. */
static int64_t jittered(struct vm *vm, int64_t period)
{
    if (clock_is_virtual())
        return period;
    return period - period / 10 + period / 5 / 1000 * (int64_t)(random_next(&vm->random) % 1000);
}

/* The next run is set only now: there are never two at once. */
static void rest(struct job *job)
{
    struct vm *vm = job->vm;
    arena_reset(&job->arena);
    if (!vm->is_stopping)
        loop_alarm_set(vm->options.loop, &job->timer, jittered(vm, job->options.period));
}

static void count_failure(struct job *job)
{
    job->vm->failures++;
    job->failures++;
    if (!job->options.done)
        log_error("Background work failed", log_str("name", job->options.name),
                  log_int("failures", (int64_t)job->failures),
                  log_str("code", status_name(job->task.status)),
                  log_str("message", job->task.message));
}

static void on_done(struct task *task)
{
    struct job *job = container_of(task, struct job, task);
    bool again = job->options.period > 0;
    bool was_stopped = again && job->vm->is_stopping;
    job->is_running = false;
    prepared_unref(task->prepared);
    if (task->status != STATUS_OK && again && !was_stopped)
        count_failure(job);
    if (job->options.done && !was_stopped)
        job->options.done(job->options.data, task->status, task->message);
    if (task->is_abandoned)
        return; /* a thread may still be in there */
    if (again)
        rest(job);
    else
        end(job);
}

static void run(struct job *job)
{
    job->is_running = true;
    job->task = (struct task){
        .vm = job->vm,
        .name = job->options.name,
        .judged = job->options.judged,
        .function = job->options.function,
        .arena = &job->arena,
        .budget = {.wall = job->options.wall, .cpu = job->vm->options.handler_cpu},
        .done = on_done,
    };
    task_start(&job->task);
}

/* ---- start and stop ---- */

static void start(struct job *job)
{
    job->turn.fn = on_turn;
    job->vm->n_tasks++;
    loop_ready(job->vm->options.loop, &job->turn);
}

/* Gives up the turn; false when it did not wait for one. */
static bool drop_turn(struct job *job)
{
    bool waited = job->turn.place != NULL;
    loop_unready(job->vm->options.loop, &job->turn);
    job->vm->n_tasks -= waited;
    return waited;
}

/* A job that runs once is gone afterwards. */
static void stop(struct job *job)
{
    static const char why[] = "the script is replaced, or the server stops";
    bool waited = drop_turn(job);
    loop_timer_clear(job->vm->options.loop, &job->timer);
    if (job->is_running && job->task.is_suspended) {
        task_cancel(&job->task, STATUS_CANCELLED, why);
    } else if (waited && job->options.period == 0) {
        job->options.done(job->options.data, STATUS_CANCELLED, why);
        end(job);
    }
}

static struct job *make(struct vm *vm, const struct job_options *options, struct err *err)
{
    struct job *job = calloc(1, sizeof(*job));
    char *name = strdup(options->name);
    if (!job || !name) {
        free(job);
        free(name);
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for background work");
        return NULL;
    }
    job->vm = vm;
    job->options = *options;
    job->options.name = name;
    job->timer.fn = on_time;
    arena_init(&job->arena, vm->options.memory);
    if (append(vm, job))
        return job;
    free_job(job);
    err_set(err, STATUS_RESOURCE_EXHAUSTED, "more than %d pieces of background work", MOST_JOBS);
    return NULL;
}

int job_new(struct vm *vm, const struct job_options *options, struct err *err)
{
    struct job *job = make(vm, options, err);
    if (!job) {
        luaL_unref(vm->L, LUA_REGISTRYINDEX, options->function);
        return -1;
    }
    if (vm->is_started && !(options->period > 0 && vm->is_stopping))
        start(job);
    return 0;
}

void jobs_start(struct vm *vm)
{
    vm->is_started = true;
    for (struct job *job = vm->jobs; job; job = job->next)
        start(job);
}

void jobs_retire(struct vm *vm)
{
    vm->is_stopping = true;
    for (struct job *job = vm->jobs; job; job = job->next) {
        if (job->options.period > 0)
            stop(job);
    }
}

void jobs_stop(struct vm *vm)
{
    vm->is_stopping = true;
    for (struct job *job = vm->is_started ? vm->jobs : NULL, *next; job; job = next) {
        next = job->next;
        stop(job);
    }
}

void jobs_forget(struct vm *vm)
{
    vm->is_stopping = true;
    for (struct job *job = vm->jobs; job; job = job->next) {
        loop_timer_clear(vm->options.loop, &job->timer);
        loop_unready(vm->options.loop, &job->turn);
    }
}

void jobs_free(struct vm *vm)
{
    for (struct job *job = vm->jobs, *next; job; job = next) {
        next = job->next;
        free_job(job);
    }
    vm->jobs = NULL;
}
