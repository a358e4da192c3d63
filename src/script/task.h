/* One running handler: a coroutine, the request that goes in, the reply that comes out. Conversions
 * and handler run inside lua_resume, the only protected boundary of a call. Loop thread. */
#ifndef LUACSI_SCRIPT_TASK_H
#define LUACSI_SCRIPT_TASK_H

#include "base/arena.h"
#include "io/loop.h"
#include "script/budget.h"
#include "script/codec.h"
#include "script/vm.h"

#include <stdint.h>

struct wait;

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
    int64_t deadline; /* nanoseconds since the epoch; 0: none */
    const struct task_metadata *metadata;
    size_t n_metadata;
};

/* Coroutines of the script's own that a handler may be inside of when it waits. */
enum { TASK_DEPTH = 16 };

/* What a handler wants to be cut off instead of an answer. */
enum task_cut { TASK_CUT_NONE, TASK_CUT_CONNECTION, TASK_CUT_SOCKET };

struct task {
    /* set by the owner before task_start */
    struct vm *vm;
    const struct method *method; /* NULL for background work: no request, no reply */
    bool judged;                 /* background work that returns a verdict, see handler.c */
    const char *name;            /* for messages: the method's, or that of the background work */
    int function;                /* registry reference of what to run */
    bool wants_request;          /* as in struct handler */
    bool wants_context;
    bool has_caller; /* who says how long it waits: a fault may go beyond budget.wall */
    const ProtobufCMessage *request; /* lies in arena */
    struct bytes bytes;              /* the request as it came, in arena */
    struct arena *arena;  /* of the call: the reply and the message of an error lie in it */
    struct budget budget; /* wall and cpu; all else zero */
    /* The call's id, for logs; lives as long as the call. NULL: there is none. Must not fail. */
    const char *(*id)(struct task *task);
    /* Fills context; asked only when the handler has a parameter for it. Must not fail. */
    void (*context)(struct task *task, struct task_context *context);
    /* Called when the handler is suspended for the first time; may narrow budget.wall. */
    void (*suspended)(struct task *task);
    /* Called once, when the fields below are set. */
    void (*done)(struct task *task);

    /* the answer, valid in done and until the arena is reset */
    int status;                /* enum status */
    const char *message;       /* of the status; empty when OK */
    struct bytes reply;        /* when OK and prepared is NULL */
    struct prepared *prepared; /* when one was returned: a reference for the owner to give back */
    bool passes;               /* csi.pass was returned: vm_default answers, all else is empty */
    struct bytes details;      /* of a status that has some: a google.rpc.Status, serialized */
    enum task_cut cut;         /* what the owner is asked to cut off before it sends the status */
    int64_t cut_for;           /* for how many nanoseconds */

    /* task.c's own */
    struct lua_State *co; /* NULL before start and after done */
    int co_ref;           /* keeps co alive while it runs */
    bool is_abandoned; /* in done: the thread that ran it was given up, and may still touch arena */
    size_t held; /* bytes of arena that count as memory of the script: while it is suspended */
    bool is_suspended;  /* in vm's list: between a yield of the host and the next resume */
    bool was_suspended; /* suspended was called */
    bool host_yields;   /* the yield under way is the host's, not the script's */
    struct wait *wait;  /* what it waits for; NULL when it was preempted */
    struct ready ready; /* set while it was preempted and waits for its next turn */
    struct timer timer; /* set while suspended: the end of budget.wall */
    unsigned blocked;   /* levels that the host's yields cannot pass: 0 where it may wait */
    unsigned depth;     /* of inside */
    struct lua_State
        *inside[TASK_DEPTH]; /* coroutines of the script that it is in, outermost first */
    struct task *next;       /* in vm's list of suspended tasks */
    struct task **place;     /* where that list points to it */
};

/* The id of the call that runs it; NULL for background work, and for task NULL. */
const char *task_id(struct task *task);

/* Runs the handler; calls task->done before it returns or, when the handler waits, later. Whatever
 * the script does ends in done: an error of the script is STATUS_INTERNAL, with the traceback in
 * the log. */
void task_start(struct task *task);

/* Ends a suspended task: what it waits for is cancelled, its coroutine never runs again (not even
 * its <close> variables), and done is called with this status. message must outlive the call. */
void task_cancel(struct task *task, int status, const char *message);

#endif
