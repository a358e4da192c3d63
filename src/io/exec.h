/* Child processes: a program with its arguments (no shell), in a session and process group of its
 * own, with nothing of ours but what is given here. Loop thread. */
#ifndef LUACSI_IO_EXEC_H
#define LUACSI_IO_EXEC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exec;
struct iothread;

/* All borrowed for the call of exec_start. */
struct exec_request {
    const char *const *argv; /* ends with NULL; argv[0] is what messages name */
    const char *file;        /* path of the program; NULL: argv[0] is looked for in PATH */
    const char *const *env;  /* "NAME=value", ends with NULL: all that the child gets besides PATH,
                                which is ours unless it is given here; NULL: nothing more */
    const void *input;       /* for standard input, which ends behind it */
    size_t input_size;
    size_t
        limit; /* bytes kept of standard output and of standard error each; the rest is dropped */
    int64_t timeout; /* nanoseconds; then the whole process group is killed */
};

struct exec_output {
    const char *data;
    size_t size;
    bool truncated; /* there was more */
};

struct exec_result {
    int status;                   /* of exit */
    int signal;                   /* that ended the child, else 0 */
    struct exec_output output[2]; /* standard output, standard error */
};

/* Called once, later, unless the operation is cancelled. result: borrowed for the call, of a child
 * that ended; what it started and left behind is not waited for. NULL and err: NOT_FOUND,
 * PERMISSION_DENIED and so on when there is no such program; DEADLINE_EXCEEDED. */
typedef void exec_done(void *data, const struct exec_result *result, const struct err *err);

/* NULL and err: STATUS_RESOURCE_EXHAUSTED. */
struct exec *exec_start(struct iothread *io, const struct exec_request *request, exec_done *done,
                        void *data, struct err *err);

/* Kills the process group; done is not called. Not after done. */
void exec_cancel(struct exec *exec);

#endif
