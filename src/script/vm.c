/* Owns the Lua state and what a script answers. Loop thread, from vm_new to vm_free. */
#include "script/vm.h"

#include "script/load.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static const char builtin[] = "identity.lua"; /* served when there is no script */

/* Slots of the main thread's stack that failure.c and task.c may use outside a protected call. */
enum { MAIN_STACK = 16 };

/* lua_pcall's function: all that may fail for want of memory while a state is made. */
static int open_state(lua_State *L)
{
    sandbox_open(L);
    require_open(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    csi_open(L);
    lua_setfield(L, -2, "csi"); /* for require */
    luaL_checkstack(L, MAIN_STACK, NULL);
    return 0;
}

static int no_memory(struct err *err)
{
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a Lua state");
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
    return load_embedded(vm, "defaults.lua", false, err);
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

int vm_load(struct vm *vm, const char *path, struct err *err)
{
    int failed;
    vm->script = path ? path : builtin;
    if (path) {
        vm->folder = folder_of(path);
        failed = vm->folder ? load_file(vm, path, err) : no_memory(err);
    } else {
        failed = load_embedded(vm, builtin, true, err);
    }
    arena_fini(&vm->arena);
    arena_init(&vm->arena, vm->options.memory);
    return failed;
}

void vm_free(struct vm *vm)
{
    if (vm->L)
        lua_close(vm->L);
    for (size_t i = 0; i < CATALOG_METHODS; i++)
        prepared_unref(vm->handlers[i].prepared);
    heap_fini(&vm->heap);
    arena_fini(&vm->arena);
    free(vm->folder);
    free(vm);
}

const struct handler *vm_handler(const struct vm *vm, const struct method *method)
{
    return &vm->handlers[method->index];
}

void vm_tell_violation(struct vm *vm, const struct method *method, const struct err *err)
{
    const struct vm_problem problem = {
        .severity = VM_VIOLATION,
        .file = vm->script,
        .line = vm->handlers[method->index].line,
        .text = err->text,
    };
    vm->options.problem(vm->options.data, &problem);
}

size_t vm_memory(const struct vm *vm)
{
    return vm->heap.used;
}
