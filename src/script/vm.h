/* One Lua state with one loaded script: the sandbox, the csi module, and for each RPC what the
 * script (or the defaults that ship in scripts/) answers. Handlers run as tasks: see task.h. Loop
 * thread. */
#ifndef LUACSI_SCRIPT_VM_H
#define LUACSI_SCRIPT_VM_H

#include "base/err.h"
#include "csi/catalog.h"
#include "csi/rules.h"

#include <stdbool.h>
#include <stddef.h>

struct lua_State;
struct prepared;
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
};

struct vm_options {
    const struct vm_setting *settings; /* csi.config; a later one with the same key wins */
    size_t n_settings;
    const char *nodeid;    /* csi.config.nodeid */
    enum rules_mode rules; /* for every reply, constants among them */
    size_t memory;         /* most bytes that Lua may hold */
    /* Told of each problem while the script loads, and of violations while handlers run. Required.
     */
    void (*problem)(void *data, const struct vm_problem *problem);
    void *data; /* for problem */
};

enum handler_kind {
    HANDLER_NONE,     /* UNIMPLEMENTED */
    HANDLER_PREPARED, /* a constant */
    HANDLER_FUNCTION,
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

/* A state with nothing loaded but the defaults. options and what it points to must outlive the vm.
 * NULL with err when memory is short (or, a bug, when the defaults do not load). */
struct vm *vm_new(const struct vm_options *options, struct err *err);

/* Loads the script at path (NULL: the built-in identity) over the defaults. -1 with err when it
 * cannot be used; problems were told before. Call it once. */
int vm_load(struct vm *vm, const char *path, struct err *err);

/* Frees state, replies and memory. No task may be under way. */
void vm_free(struct vm *vm);

/* What answers method; borrowed, valid until vm_free. */
const struct handler *vm_handler(const struct vm *vm, const struct method *method);

/* Bytes that the Lua state holds now. */
size_t vm_memory(const struct vm *vm);

#endif
