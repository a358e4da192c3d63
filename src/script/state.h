/* The inside of a vm, for the files of script/ alone. */
#ifndef LUACSI_SCRIPT_STATE_H
#define LUACSI_SCRIPT_STATE_H

#include "base/arena.h"
#include "script/heap.h"
#include "script/prepared.h"
#include "script/task.h"
#include "script/vm.h"

#include <lua.h>

struct dial_target;

enum {
    VM_IDLE_COROUTINES = 16,
    STATUS_MESSAGE_BYTES = 1024, /* gRPC carries it in a header, of which all may be 8 KiB */
};

struct coroutine {
    lua_State *co;
    int ref; /* registry reference that keeps it alive */
};

struct vm {
    lua_State *L; /* the main thread: loads, describes errors; runs no handler */
    struct heap heap;
    struct vm_options options; /* a copy; what it points to is the owner's */
    struct handler handlers[CATALOG_METHODS];
    struct handler defaults[CATALOG_METHODS]; /* what answers where the script does not */
    struct task *running;   /* whose coroutine Lua is in; NULL while the script loads */
    struct budget *budget;  /* of the task or load that Lua code runs for; NULL: none runs */
    struct budget loading;  /* of the load */
    struct task *suspended; /* tasks that wait, or were preempted; newest first */
    size_t n_suspended;
    struct job *jobs;            /* background work, oldest first */
    bool is_started;             /* vm_start was called: jobs run */
    bool is_stopping;            /* of the jobs, only those that run once are started */
    bool is_lost;                /* vm_abandon was called: L is another thread's for ever */
    int64_t cpu;                 /* nanoseconds that tasks have computed */
    size_t n_checks;             /* of csi.check */
    size_t n_checks_up;          /* of these */
    uint64_t failures;           /* runs of jobs that failed */
    size_t n_tasks;              /* started and not done */
    void (*on_idle)(void *data); /* of vm_retire, with its data; NULL before */
    void *data;
    int64_t seed;              /* of random numbers: --seed, or one that was drawn */
    uint64_t random;           /* state of random_next: the host's own dice */
    unsigned ticks;            /* calls of the hook and of library functions that may take long */
    unsigned closing;          /* levels of coroutine.close that are open */
    struct arena arena;        /* of the load; empty afterwards */
    struct codec_names *names; /* for replies of handlers */
    const char *script;        /* its path, for messages; borrowed from vm_load's caller, or name */
    char *name;                /* of vm_load_text; NULL: it was vm_load */
    char **files;              /* what vm_files gives */
    struct stat *stats;        /* what vm_file_stats gives */
    size_t n_files;
    uint64_t digest; /* of their contents */
    char *folder;    /* of the script: where require looks. NULL: there is none */
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

/* task.c: whether the host may suspend the running task where L is. */
bool task_may_yield(const struct vm *vm, lua_State *L);

/* task.c: suspends the running task, which computes, until its next turn. From the count hook; the
 * last thing it does. */
void task_preempt(struct vm *vm, lua_State *L);

/* task.c: the running task (NULL: the load) goes from L into its own coroutine co, or goes on in it
 * after a yield of the host. Returns whether the host's yields can pass; task_leave wants to know.
 */
bool task_enter(struct task *task, lua_State *L, lua_State *co);
void task_leave(struct task *task, lua_State *co, bool can_pass);

/* task.c: whether a suspended task is inside of co. */
bool task_holds(const struct vm *vm, const lua_State *co);

/* task.c: goes on with a suspended task. */
void task_resume(struct task *task);

/* vm.c: adds path, which is about to be read, to vm_files; forgets it when memory is short or they
 * are too many. */
void vm_note_file(struct vm *vm, const char *path);

/* vm.c: takes the content of a file of vm_files into vm_digest. */
void vm_digest_file(struct vm *vm, const char *text, size_t size);

/* vm.c: a task is done; the vm may be gone afterwards. */
void vm_task_done(struct vm *vm);

/* vm.c: counts n bytes outside of Lua as memory of the script, until heap_discharge; false when
 * that is too much, even after the garbage was collected.  [-0, +0, -] */
bool vm_charge(struct vm *vm, size_t n);

/* vm.c: see guard.h. */
void vm_guard_enter(struct vm *vm);
void vm_guard_leave(struct vm *vm);
void vm_guard_check(struct vm *vm);
bool vm_guard_is_reminded(struct vm *vm);

/* vm.c: tells that the reply to method breaks a rule of CSI; err says which. */
void vm_tell_violation(struct vm *vm, const struct method *method, const struct err *err);

/* sandbox.c: the libraries that a script gets, without those it must not have.  [-0, +0, e] */
void sandbox_open(lua_State *L);

/* sandbox.c: lets those functions called names (ends with NULL) of the table on top look at the
 * clock first: those that may take long. Not for functions with upvalues.  [-0, +0, e] */
void sandbox_heavy(lua_State *L, const char *const *names);

/* protect.c, coroutines.c, require.c: set the globals of that name.  [-0, +0, e] */
void protect_open(lua_State *L);
void coroutines_open(lua_State *L);
void require_open(lua_State *L);

/* require.c: the table on top is the module of that name from now on.  [-1, +0, e] */
void require_add(lua_State *L, const char *name);

/* csi_module.c: pushes the csi module.  [-0, +1, e] */
int csi_open(lua_State *L);

/* One topic of the csi module each; they set fields of the table on top.  [-0, +0, e] */
void csi_status_open(lua_State *L);
void csi_reply_open(lua_State *L);
void csi_pass_open(lua_State *L);
void csi_request_open(lua_State *L);
void csi_log_open(lua_State *L);
void csi_files_open(lua_State *L);
void csi_env_open(lua_State *L);
void csi_store_open(lua_State *L);
void csi_clock_open(lua_State *L);
void csi_every_open(lua_State *L);
void csi_check_open(lua_State *L);
void csi_sleep_open(lua_State *L);
void csi_exec_open(lua_State *L);
void csi_net_open(lua_State *L);
void csi_http_open(lua_State *L);
void csi_call_open(lua_State *L);
void csi_mounts_open(lua_State *L);

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

/* csi_status.c: a failure of the world, what its function returns: nil, message, code.  [-0, +3, m]
 */
int csi_status_failure(lua_State *L, int code, const char *message);

/* csi_status.c: the same for what did not even begin; a mistake of the script's
 * (STATUS_INVALID_ARGUMENT) raises instead. function: for that message, "csi.http".  [-0, +3, e] */
int csi_status_refused(lua_State *L, const char *function, const struct err *err);

/* csi_status.c: a driver's answer that is no reply, in the order in which a handler may return it:
 * nil, code, message.  [-0, +3, m] */
int csi_status_answer(lua_State *L, int code, const char *message);

/* csi_status.c: whether n bytes are a message that a status can carry. */
bool csi_status_text(const char *message, size_t n);

/* context_upstream.c: pushes context.upstream for task's call.  [-0, +1, m] */
void context_upstream_push(lua_State *L, const struct task *task);

/* csi_net.c: the address at index, if the script may connect to it; else raises.  [-0, +0, e] */
void csi_net_check(lua_State *L, int index, const char *function, struct dial_target *target);

/* csi_reply.c: the prepared reply at index, or NULL when something else is there.  [-0, +0, -] */
struct prepared *csi_reply_get(lua_State *L, int index);

/* csi_pass.c: whether csi.pass is at index.  [-0, +0, -] */
bool csi_pass_is(lua_State *L, int index);

/* csi_reply.c: pushes the table at index as a prepared reply of method; -1 and err when it does not
 * convert, or breaks one of the rules.  [-0, +1, me] */
int csi_reply_make(lua_State *L, int index, const struct method *method, enum rules_mode rules,
                   struct err *err);

/* chunk.c: compiles text as a chunk called name; pushes the function, or raises the syntax error.
 * Text only, never bytecode. A first line that begins with # is skipped.  [-0, +1, e] */
void chunk_load(lua_State *L, const char *text, size_t size, const char *name);

/* failure.c: pushes text (NULL: none) and the stack of co, as luaL_traceback does; of a deep one
 * only the top, because to find its bottom Lua walks all of it, many times.  [-0, +1, m] */
void failure_trace(lua_State *L, lua_State *co, const char *text);

/* failure.c: makes task's status of the error object on top of co and logs a script's mistakes with
 * their traceback.  [-1, +0, -] on co */
void failure_describe(struct task *task, lua_State *co, int lua_status);

#endif
