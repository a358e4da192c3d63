/* csi.exec: commands. Loop thread. */
#include "io/exec.h"

#include "io/loop.h"
#include "script/allow.h"
#include "script/options_table.h"
#include "script/state.h"
#include "script/wait.h"

#include <lauxlib.h>
#include <string.h>

enum {
    MOST_ARGUMENTS = 1024,
    DEFAULT_LIMIT = 64 * 1024, /* bytes of each output */
    MOST_LIMIT = 16 * 1024 * 1024,
};

struct own {
    struct wait wait;
    struct exec *exec;
    const char *program;
    int status;
    bool truncated;
    const char *output[2];
    size_t size[2];
};

/* ---- waiting ---- */

static void keep_result(struct own *own, const struct exec_result *result)
{
    struct err err;
    if (result->signal) {
        err_set(&err, STATUS_ABORTED, "%s: killed by signal %d (%s)", own->program, result->signal,
                strsignal(result->signal));
        wait_fail(&own->wait, &err);
        return;
    }
    own->status = result->status;
    for (int i = 0; i < 2; i++) {
        const struct exec_output *output = &result->output[i];
        own->output[i] = wait_keep(&own->wait, output->data, output->size);
        own->size[i] = output->size;
        own->truncated = own->truncated || output->truncated;
    }
}

static void wake(void *data, const struct exec_result *result, const struct err *err)
{
    struct own *own = data;
    if (err)
        wait_fail(&own->wait, err);
    else
        keep_result(own, result);
    wait_done(&own->wait);
}

static void cancel(struct wait *wait)
{
    exec_cancel(container_of(wait, struct own, wait)->exec);
}

static int push(lua_State *L, struct wait *wait)
{
    const struct own *own = container_of(wait, struct own, wait);
    lua_pushinteger(L, own->status);
    for (int i = 0; i < 2; i++)
        lua_pushlstring(L, own->output[i], own->size[i]);
    lua_pushboolean(L, own->truncated);
    return 4;
}

/* ---- arguments ---- */

static void *allocate(lua_State *L, size_t size)
{
    void *memory = arena_alloc(vm_arena(vm_of(L)), size);
    if (!memory)
        luaL_error(L, "not enough memory");
    return memory;
}

/* Element i (from 1) of the list at index; the string is the table's. */
static const char *check_word(lua_State *L, int index, int i)
{
    size_t size = 0;
    const char *word = NULL;
    if (lua_rawgeti(L, index, i) == LUA_TSTRING)
        word = lua_tolstring(L, -1, &size);
    lua_pop(L, 1);
    if (word && strlen(word) == size)
        return word;
    luaL_argerror(L, index, lua_pushfstring(L, "[%d]: expected string without NUL", i));
    return "";
}

/* The list at index. */
static const char *const *check_argv(lua_State *L, int index)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t n = lua_rawlen(L, index);
    luaL_argcheck(L, n > 0 && n <= MOST_ARGUMENTS, index,
                  "expected a list of the program and its arguments, 1024 at most");
    luaL_argcheck(L, *check_word(L, index, 1), index, "[1]: expected the name of a program");
    const char **argv = allocate(L, (n + 1) * sizeof(char *));
    for (size_t i = 0; i < n; i++)
        argv[i] = check_word(L, index, (int)i + 1);
    argv[n] = NULL;
    return argv;
}

/* The option env as "NAME=value"; NULL when it is not there. */
static const char *const *check_env(lua_State *L, int index)
{
    size_t n = options_table_pairs(L, index, "env");
    const char **env = NULL;
    if (!lua_isnil(L, -1)) {
        env = allocate(L, (n + 1) * sizeof(char *));
        env[n] = NULL;
        n = 0;
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), n++) {
            const char *name = lua_tostring(L, -2), *value = lua_tostring(L, -1);
            luaL_argcheck(L, *name && !strchr(name, '='), index,
                          "env: expected the names of environment variables");
            size_t name_size = strlen(name), value_size = strlen(value);
            char *entry = allocate(L, name_size + value_size + 2);
            memcpy(entry, name, name_size);
            entry[name_size] = '=';
            memcpy(entry + name_size + 1, value, value_size + 1);
            env[n] = entry;
        }
    }
    lua_pop(L, 1);
    return env;
}

/* csi.exec({ program, arguments... } [, { timeout =, stdin =, env =, limit = }]): runs a program
 * and waits for its end; no shell is in between. Returns its exit status, its standard output, its
 * standard error, and whether one of them was cut at limit. timeout: seconds, 5 unless given; then
 * it is killed with all of its process group. stdin: a string; nothing unless given. env: what it
 * gets besides PATH, a table from name to value; nothing else is inherited. limit: bytes kept of
 * each output, 65536 unless given. Or nil, message, code: "NOT_FOUND", "PERMISSION_DENIED",
 * "DEADLINE_EXCEEDED", "ABORTED" for a program that a signal ended. Needs --allow-exec=PROGRAM.
 * Only in a handler.
 * @class csi.exec_options
 * @field timeout? number seconds, 5 unless given
 * @field stdin? string
 * @field env? table<string, string>
 * @field limit? integer bytes kept of each output, 65536 unless given
 * @param argv string[]
 * @param options? csi.exec_options
 * @return integer? status
 * @return string stdout
 * @return string stderr
 * @return boolean truncated
 */
static int exec(lua_State *L)
{
    static const char *const names[] = {"timeout", "stdin", "env", "limit", NULL};
    struct err err;
    lua_settop(L, 2);
    options_table_check(L, 2, names);
    struct exec_request request = {
        .argv = check_argv(L, 1),
        .env = check_env(L, 2),
        .limit = options_table_size(L, 2, "limit", MOST_LIMIT, DEFAULT_LIMIT),
        .timeout = options_table_timeout(L, 2),
    };
    request.input = options_table_string(L, 2, "stdin", &request.input_size);
    if (vm_of(L)->options.perms) {
        request.file = allow_exec(L, "csi.exec", request.argv[0], &err);
        if (!request.file)
            return csi_status_refused(L, "csi.exec", &err);
    }
    wait_check(L, "csi.exec");
    struct own *own = wait_new(L, sizeof(*own));
    own->wait.cancel = cancel;
    own->wait.push = push;
    own->program = strcpy(allocate(L, strlen(request.argv[0]) + 1), request.argv[0]);
    own->exec = exec_start(vm_of(L)->options.io, &request, wake, own, &err);
    if (!own->exec)
        return csi_status_refused(L, "csi.exec", &err);
    return wait_suspend(L, &own->wait);
}

void csi_exec_open(lua_State *L)
{
    lua_pushcfunction(L, exec);
    lua_setfield(L, -2, "exec");
}
