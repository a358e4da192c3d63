/* Background work of a script: a function that runs again and again, or once, in a task of its own
 * that no call waits for. Loop thread, but for job_new while a script loads. */
#ifndef LUACSI_SCRIPT_JOB_H
#define LUACSI_SCRIPT_JOB_H

#include "base/arena.h"
#include "script/task.h"

struct vm;

/* What a job is told to do. */
struct job_options {
    const char *name; /* for logs; copied */
    int function;     /* registry reference; the job's once job_new went well */
    int64_t
        period;   /* nanoseconds from the end of one run to the next, give or take 10 %; 0: once */
    int64_t wall; /* most nanoseconds of one run */
    bool judged;  /* the function returns a verdict, see struct task */
    /* Called after each run with its status, outside of Lua; NULL: failures are only logged. Not
     * for a run that was stopped, unless it is the only one. Required where period is 0. */
    void (*done)(void *data, int status, const char *message);
    void *data; /* for done */
};

/* Makes a job; it runs for the first time as soon as the vm is started. The vm owns it. -1 and err:
 * STATUS_RESOURCE_EXHAUSTED. The reference to the function is taken in any case. */
int job_new(struct vm *vm, const struct job_options *options, struct err *err);

/* Runs all jobs from now on. */
void jobs_start(struct vm *vm);

/* The vm answers no further call: only what runs once goes on. */
void jobs_retire(struct vm *vm);

/* Stops all jobs for good. */
void jobs_stop(struct vm *vm);

/* The same for a vm that is lost: nothing of it is run or freed any more. */
void jobs_forget(struct vm *vm);

/* When no task is left. */
void jobs_free(struct vm *vm);

#endif
