/* One Lua state with one loaded script: the sandbox, the csi module, and for each RPC what the
 * script (or the defaults that ship in scripts/) answers. Handlers run as tasks: see task.h. Loop
 * thread. */
#ifndef LUACSI_SCRIPT_VM_H
#define LUACSI_SCRIPT_VM_H

#include "base/err.h"
#include "csi/catalog.h"
#include "csi/rules.h"
#include "script/budget.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard;
struct iothread;
struct loop;
struct lua_State;
struct perms;
struct prepared;
struct store;
struct stat;
struct upstream;
struct vm;

/* key=value for csi.config; not NUL-terminated. */
struct vm_setting {
    const char *key;
    const char *value;
    size_t key_size;
    size_t value_size;
};

enum vm_severity {
    VM_WARNING,   /* it works, but some caller will not like it */
    VM_VIOLATION, /* a reply breaks a rule of CSI, and is sent: only under RULES_WARN */
    VM_ERROR,     /* the script cannot be used */
};

/* Something to tell about a script. */
struct vm_problem {
    enum vm_severity severity;
    const char *file; /* as it was given; borrowed for the call, as text */
    int line;         /* 0: unknown */
    const char *text; /* what is wrong, with the path in the message where there is one */
    const char *id;   /* of the call that it is found in; NULL: none */
};

struct vm_options {
    const struct vm_setting *settings; /* csi.config; a later one with the same key wins. Read by
                                          vm_new alone */
    size_t n_settings;
    const char *nodeid;        /* csi.config.nodeid */
    const int64_t *seed;       /* of random numbers, for each state the same; NULL: one is drawn */
    enum rules_mode rules;     /* for every reply, constants among them */
    size_t memory;             /* most bytes that Lua may hold */
    int64_t handler_wall;      /* most nanoseconds that a handler, or the load, may take */
    int64_t handler_cpu;       /* most nanoseconds that it may compute */
    bool measure_cpu;          /* vm_report's cpu has short turns of handlers, too */
    struct guard *guard;       /* these three: vm_start sets them */
    struct loop *loop;         /* where handlers wait */
    struct iothread *io;       /* who does what they wait for */
    struct store *store;       /* csi.store; outlives a reload. Required */
    const struct perms *perms; /* what the script may touch; NULL: everything */
    /* The driver that answers what the script does not; open before vm_start. NULL: none, the
     * defaults answer. */
    struct upstream *upstream;
    /* Told of each problem while the script loads, and of violations while handlers run. Required.
     */
    void (*problem)(void *data, const struct vm_problem *problem);
    void *data; /* for problem */
};

enum handler_kind {
    HANDLER_NONE,     /* UNIMPLEMENTED */
    HANDLER_PREPARED, /* a constant */
    HANDLER_FUNCTION,
    HANDLER_UPSTREAM, /* the driver behind this one */
};

struct handler {
    enum handler_kind kind;
    struct prepared *prepared; /* HANDLER_PREPARED: owned by the vm */
    int function;              /* HANDLER_FUNCTION: registry reference, else LUA_NOREF */
    bool wants_request;        /* the function has a first parameter */
    bool wants_context;        /* the function has a second parameter */
    bool from_script;          /* not from the defaults */
    int line;                  /* where it stands in the script; 0: unknown */
};

/* A state with nothing loaded but the defaults, if there is no upstream. options and what it points
 * to must outlive the vm. NULL with err when memory is short (or, a bug, when the defaults do not
 * load). */
struct vm *vm_new(const struct vm_options *options, struct err *err);

/* Loads the script at path over the defaults. NULL: the built-in identity; nothing when there is an
 * upstream. -1 with err when it
 * cannot be used; problems were told before. Call it once. */
int vm_load(struct vm *vm, const char *path, struct err *err);

/* As vm_load, of a text that is in no file: size bytes with a NUL behind. name stands for it in
 * messages; modules are looked for in the folder of beside, a path (NULL: there is none). name and
 * text are borrowed for the call. */
int vm_load_text(struct vm *vm, const char *name, const char *beside, const char *text, size_t size,
                 struct err *err);

/* Frees state, replies and memory. No task may be under way. */
void vm_free(struct vm *vm);

/* Ends every suspended task with this status. */
void vm_cancel_tasks(struct vm *vm, int status, const char *message);

/* For a vm whose thread was given up inside of it or another: ends all its tasks without touching
 * Lua. The running one, if any, is the culprit: it ends in STATUS_DEADLINE_EXCEEDED and is marked
 * is_abandoned. Nothing else may be done with the vm afterwards; its memory is lost. */
void vm_abandon(struct vm *vm);

/* What a vm knows of itself; counts since it was made. */
struct vm_report {
    int64_t tasks;     /* not done */
    int64_t suspended; /* of these, those that wait */
    int64_t failures;  /* runs of background work that failed */
    int64_t memory;    /* bytes that the Lua state holds */
    int64_t cpu;       /* nanoseconds of tasks; without short turns unless measure_cpu */
    int64_t checks;
    int64_t checks_up;
};

struct vm_report vm_report(const struct vm *vm);

/* The seed of its random numbers. */
int64_t vm_seed(const struct vm *vm);

/* From now on the calling thread, the loop thread, runs the handlers, and background work begins.
 * guard: NULL when nobody watches the thread. */
void vm_start(struct vm *vm, struct loop *loop, struct iothread *io, struct guard *guard);

/* What answers method; borrowed, valid until vm_free. */
const struct handler *vm_handler(const struct vm *vm, const struct method *method);

/* What answers method where the script leaves it out or passes: never a function. As vm_handler. */
const struct handler *vm_default(const struct vm *vm, const struct method *method);

/* Its path or name, as messages have it. Borrowed, valid until vm_free. */
const char *vm_script(const struct vm *vm);

/* A number that is another one when any of those files had another content. */
uint64_t vm_digest(const struct vm *vm);

/* The budget of one handler, to be put into its task. */
struct budget vm_budget(const struct vm *vm);

/* No further call will be answered: background work ends, but for csi.run. Calls idle(data) once
 * the last task is done, perhaps at once; idle may free the vm. */
void vm_retire(struct vm *vm, void (*idle)(void *data), void *data);

/* The files that the script was made of, itself first, then the modules that it required; also
 * those of a script that did not load. Borrowed, valid until vm_free. */
const char *const *vm_files(const struct vm *vm, size_t *n);

/* What each of them was just before it was read; all zero where there was nothing. */
const struct stat *vm_file_stats(const struct vm *vm);

#endif
