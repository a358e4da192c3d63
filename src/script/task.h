/* One running handler: a coroutine, the request that goes in, the reply that comes out. Conversions
 * and handler run inside one lua_resume, the only protected boundary of a call. Loop thread. */
#ifndef LUACSI_SCRIPT_TASK_H
#define LUACSI_SCRIPT_TASK_H

#include "base/arena.h"
#include "script/codec.h"
#include "script/vm.h"

#include <stdint.h>

/* One entry of the call's metadata; not terminated. */
struct task_metadata {
    const char *key;
    const char *value;
    size_t key_size;
    size_t value_size;
};

/* What a handler may ask of its call through `context`. Everything lies in the task's arena. */
struct task_context {
    const char *peer; /* "unix:" or "ipv4:127.0.0.1:1234" */
    const char *id;   /* of the call, for logs */
    int64_t deadline; /* nanoseconds since the epoch; 0: none */
    const struct task_metadata *metadata;
    size_t n_metadata;
};

struct task {
    /* set by the owner before task_start */
    struct vm *vm;
    const struct method *method;
    const struct handler *handler;   /* HANDLER_FUNCTION */
    const ProtobufCMessage *request; /* lies in arena */
    struct arena *arena; /* of the call: the reply and the message of an error lie in it */
    /* Fills context; asked only when the handler has a parameter for it. Must not fail. */
    void (*context)(struct task *task, struct task_context *context);
    /* Called once, when the fields below are set. */
    void (*done)(struct task *task);

    /* the answer, valid in done and until the arena is reset */
    int status;          /* enum status */
    const char *message; /* of the status; empty when OK */
    struct bytes reply;  /* when OK and prepared is NULL */
    struct prepared
        *prepared; /* when the handler returned one: a reference for the owner to give back */

    /* task.c's own */
    struct lua_State *co; /* NULL before start and after done */
    int co_ref;           /* keeps co alive while it runs */
};

/* Runs the handler; calls task->done before it returns or, when the handler waits, later. Whatever
 * the script does ends in done: an error of the script is STATUS_INTERNAL, with the traceback in
 * the log. */
void task_start(struct task *task);

#endif
