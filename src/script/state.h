/* The inside of a vm, for the files of script/ alone. */
#ifndef LUACSI_SCRIPT_STATE_H
#define LUACSI_SCRIPT_STATE_H

#include "base/arena.h"
#include "script/heap.h"
#include "script/prepared.h"
#include "script/task.h"
#include "script/vm.h"

#include <lua.h>

enum { VM_IDLE_COROUTINES = 16 };

struct coroutine {
    lua_State *co;
    int ref; /* registry reference that keeps it alive */
};

struct vm {
    lua_State *L; /* the main thread: loads, describes errors; runs no handler */
    struct heap heap;
    struct vm_options options; /* a copy; what it points to is the owner's */
    struct handler handlers[CATALOG_METHODS];
    struct task *running; /* whose coroutine Lua is in; NULL while the script loads */
    struct arena arena;   /* of the load; empty afterwards */
    const char *script;   /* its path, for messages; borrowed from vm_load's caller */
    char *folder;         /* of the script: where require looks. NULL: the built-in identity */
    struct coroutine idle[VM_IDLE_COROUTINES];
    size_t n_idle;
};

/* The vm that L belongs to, whichever of its threads L is. */
static inline struct vm *vm_of(lua_State *L)
{
    return *(struct vm **)lua_getextraspace(L);
}

/* Where C code called by Lua may put memory: the arena of the running call, or of the load. */
static inline struct arena *vm_arena(struct vm *vm)
{
    return vm->running ? vm->running->arena : &vm->arena;
}

/* vm.c: tells that the reply to method breaks a rule of CSI; err says which. */
void vm_tell_violation(struct vm *vm, const struct method *method, const struct err *err);

/* sandbox.c: the libraries that a script gets, without those it must not have.  [-0, +0, e] */
void sandbox_open(lua_State *L);

/* require.c: sets the global require.  [-0, +0, e] */
void require_open(lua_State *L);

/* csi_module.c: pushes the csi module.  [-0, +1, e] */
int csi_open(lua_State *L);

/* One topic of the csi module each; they set fields of the table on top.  [-0, +0, e] */
void csi_status_open(lua_State *L);
void csi_reply_open(lua_State *L);
void csi_log_open(lua_State *L);
void csi_files_open(lua_State *L);
void csi_clock_open(lua_State *L);

/* csi_status.c: reads the status object at index (what csi.fail raises). False when it is none, or
 * a script made nonsense of it. message is the Lua string's own.  [-0, +0, -] */
bool csi_status_get(lua_State *L, int index, int *code, const char **message);

/* csi_status.c: the status code at index, a name or a number; -1 when it is none. OK is none: it is
 * no failure.  [-0, +0, -] */
int csi_status_code(lua_State *L, int index);

/* csi_status.c: the message at index, if it is one that a status can carry; else NULL.  [-0, +0, -]
 */
const char *csi_status_message(lua_State *L, int index);

/* csi_status.c: raises a status object, as csi.fail does. Never returns.  [-0, +0, e] */
int csi_status_raise(lua_State *L, int code, const char *message);

/* csi_reply.c: the prepared reply at index, or NULL when something else is there.  [-0, +0, -] */
struct prepared *csi_reply_get(lua_State *L, int index);

/* chunk.c: compiles text as a chunk called name; pushes the function, or raises the syntax error.
 * Text only, never bytecode. A first line that begins with # is skipped.  [-0, +1, e] */
void chunk_load(lua_State *L, const char *text, size_t size, const char *name);

/* failure.c: makes task's status of the error object on top of co and logs a script's mistakes with
 * their traceback.  [-1, +0, -] on co */
void failure_describe(struct task *task, lua_State *co, int lua_status);

#endif
