/* Owns the Lua state and what a script answers. Loop thread, from vm_new to vm_free. */
#include "script/vm.h"

#include "base/random.h"
#include "io/guard.h"
#include "script/codec_names.h"
#include "script/job.h"
#include "script/load.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char builtin[] = "identity.lua"; /* served when there is no script */

/* Slots of the main thread's stack that failure.c and task.c may use outside a protected call. */
enum { MAIN_STACK = 16 };

/* A script that asks for ever new modules, none of which is there, must not fill the memory. */
enum { MOST_FILES = 1000 };

/* Both random sequences of a state, Lua's and the host's, come from one number.  [-0, +0, e] */
static void seed_random(lua_State *L)
{
    struct vm *vm = vm_of(L);
    vm->seed = vm->options.seed ? *vm->options.seed : random_seed();
    vm->random = (uint64_t)vm->seed;
    lua_getglobal(L, LUA_MATHLIBNAME);
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, vm->seed);
    lua_call(L, 1, 0);
    lua_pop(L, 1);
}

/* lua_pcall's function: all that may fail for want of memory while a state is made. */
static int open_state(lua_State *L)
{
    budget_watch(L);
    sandbox_open(L);
    seed_random(L);
    require_open(L);
    vm_of(L)->names = codec_names_new(L);
    csi_open(L);
    require_add(L, "csi");
    luaL_checkstack(L, MAIN_STACK, NULL);
    return 0;
}

static int no_memory(struct err *err)
{
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a Lua state");
}

static int load_defaults(struct vm *vm, struct err *err)
{
    if (!vm->options.upstream)
        return load_embedded(vm, "defaults.lua", false, err);
    for (size_t i = 0; i < CATALOG_METHODS; i++)
        vm->handlers[i].kind = HANDLER_UPSTREAM;
    return 0;
}

/* The script will replace some of them; a handler may still pass to those. None is a function. */
static void keep_defaults(struct vm *vm)
{
    for (size_t i = 0; i < CATALOG_METHODS; i++) {
        vm->defaults[i] = vm->handlers[i];
        if (vm->defaults[i].prepared)
            prepared_ref(vm->defaults[i].prepared);
    }
}

static int open_vm(struct vm *vm, struct err *err)
{
    vm->L = lua_newstate(heap_alloc, &vm->heap);
    if (!vm->L)
        return no_memory(err);
    *(struct vm **)lua_getextraspace(vm->L) = vm;
    lua_pushcfunction(vm->L, open_state);
    if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK || !lua_checkstack(vm->L, MAIN_STACK))
        return no_memory(err);
    if (load_defaults(vm, err))
        return -1;
    keep_defaults(vm);
    return 0;
}

struct vm *vm_new(const struct vm_options *options, struct err *err)
{
    struct vm *vm = calloc(1, sizeof(*vm));
    if (!vm) {
        no_memory(err);
        return NULL;
    }
    vm->options = *options;
    heap_init(&vm->heap, options->memory);
    arena_init(&vm->arena, options->memory);
    for (size_t i = 0; i < CATALOG_METHODS; i++)
        vm->handlers[i].function = LUA_NOREF;
    if (open_vm(vm, err)) {
        vm_free(vm);
        return NULL;
    }
    return vm;
}

/* The folder that path lies in; NULL when memory is short. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Behind a load: what it needed is not needed any more. */
static int loaded(struct vm *vm, int failed)
{
    arena_fini(&vm->arena);
    arena_init(&vm->arena, vm->options.memory);
    return failed;
}

int vm_load(struct vm *vm, const char *path, struct err *err)
{
    vm->script = path ? path : builtin;
    if (!path)
        return loaded(vm, vm->options.upstream ? 0 : load_embedded(vm, builtin, true, err));
    vm->folder = folder_of(path);
    vm_note_file(vm, path);
    return loaded(vm, vm->folder ? load_file(vm, path, err) : no_memory(err));
}

int vm_load_text(struct vm *vm, const char *name, const char *beside, const char *text, size_t size,
                 struct err *err)
{
    vm->script = vm->name = strdup(name);
    vm->folder = beside ? folder_of(beside) : NULL;
    if (!vm->name || (beside && !vm->folder))
        return no_memory(err);
    return loaded(vm, load_text(vm, vm->name, text, size, err));
}

void vm_free(struct vm *vm)
{
    if (vm->L)
        lua_close(vm->L);
    jobs_free(vm);
    for (size_t i = 0; i < CATALOG_METHODS; i++) {
        prepared_unref(vm->handlers[i].prepared);
        prepared_unref(vm->defaults[i].prepared);
    }
    heap_fini(&vm->heap);
    arena_fini(&vm->arena);
    for (size_t i = 0; i < vm->n_files; i++)
        free(vm->files[i]);
    free(vm->files);
    free(vm->stats);
    free(vm->folder);
    free(vm->name);
    free(vm);
}

const struct handler *vm_default(const struct vm *vm, const struct method *method)
{
    return &vm->defaults[method->index];
}

const struct handler *vm_handler(const struct vm *vm, const struct method *method)
{
    return &vm->handlers[method->index];
}

const char *vm_script(const struct vm *vm)
{
    return vm->script;
}

void vm_tell_violation(struct vm *vm, const struct method *method, const struct err *err)
{
    const struct vm_problem problem = {
        .severity = VM_VIOLATION,
        .file = vm->script,
        .line = vm->handlers[method->index].line,
        .text = err->text,
        .id = task_id(vm->running),
    };
    vm->options.problem(vm->options.data, &problem);
}

int64_t vm_seed(const struct vm *vm)
{
    return vm->seed;
}

void vm_start(struct vm *vm, struct loop *loop, struct iothread *io, struct guard *guard)
{
    vm->options.loop = loop;
    vm->options.io = io;
    vm->options.guard = guard;
    jobs_start(vm);
}

bool vm_charge(struct vm *vm, size_t n)
{
    if (heap_charge(&vm->heap, n))
        return true;
    lua_gc(vm->L, LUA_GCCOLLECT);
    return heap_charge(&vm->heap, n);
}

void vm_guard_enter(struct vm *vm)
{
    if (vm->options.guard)
        guard_enter(vm->options.guard);
}

void vm_guard_leave(struct vm *vm)
{
    if (vm->options.guard)
        guard_leave(vm->options.guard);
}

void vm_guard_check(struct vm *vm)
{
    if (vm->options.guard)
        guard_check(vm->options.guard);
}

bool vm_guard_is_reminded(struct vm *vm)
{
    return vm->options.guard && guard_is_reminded(vm->options.guard);
}

struct budget vm_budget(const struct vm *vm)
{
    return (struct budget){.wall = vm->options.handler_wall, .cpu = vm->options.handler_cpu};
}

void vm_task_done(struct vm *vm)
{
    if (--vm->n_tasks == 0 && vm->on_idle)
        vm->on_idle(vm->data);
}

void vm_retire(struct vm *vm, void (*idle)(void *data), void *data)
{
    jobs_retire(vm);
    vm->on_idle = idle;
    vm->data = data;
    if (vm->n_tasks == 0)
        idle(data);
}

void vm_note_file(struct vm *vm, const char *path)
{
    if (vm->n_files == MOST_FILES)
        return;
    char **files = realloc(vm->files, (vm->n_files + 1) * sizeof(*files));
    if (!files)
        return;
    vm->files = files;
    struct stat *stats = realloc(vm->stats, (vm->n_files + 1) * sizeof(*stats));
    if (!stats)
        return;
    vm->stats = stats;
    if (stat(path, &stats[vm->n_files]) != 0)
        stats[vm->n_files] = (struct stat){0};
    files[vm->n_files] = strdup(path);
    vm->n_files += files[vm->n_files] != NULL;
}

const struct stat *vm_file_stats(const struct vm *vm)
{
    return vm->stats;
}

/* FNV-1a, 64 bits; files are told apart by their sizes in between. */
void vm_digest_file(struct vm *vm, const char *text, size_t size)
{
    static const uint64_t prime = 0x100000001b3;
    for (size_t i = 0; i < size; i++)
        vm->digest = (vm->digest ^ (unsigned char)text[i]) * prime;
    vm->digest = (vm->digest ^ size) * prime;
}

uint64_t vm_digest(const struct vm *vm)
{
    return vm->digest;
}

const char *const *vm_files(const struct vm *vm, size_t *n)
{
    *n = vm->n_files;
    return (const char *const *)vm->files;
}

struct vm_report vm_report(const struct vm *vm)
{
    return (struct vm_report){
        .tasks = (int64_t)vm->n_tasks,
        .suspended = (int64_t)vm->n_suspended,
        .failures = (int64_t)vm->failures,
        .memory = (int64_t)vm->heap.used,
        .cpu = vm->cpu,
        .checks = (int64_t)vm->n_checks,
        .checks_up = (int64_t)vm->n_checks_up,
    };
}
