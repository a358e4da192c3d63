/* Asks perms.h for the script that runs, and raises what it refuses. Whichever thread runs the
 * state. */
#include "script/allow.h"

#include "script/perms.h"
#include "script/state.h"

#include <lauxlib.h>
#include <string.h>

static void raise(lua_State *L, const char *function, const struct err *err)
{
    luaL_error(L, "%s: %s", function, err->text);
}

static const struct perms *perms_of(lua_State *L)
{
    return vm_of(L)->options.perms;
}

void allow_read(lua_State *L, const char *function, const char *path)
{
    struct err err;
    if (perms_check_read(perms_of(L), path, &err))
        raise(L, function, &err);
}

void allow_env(lua_State *L, const char *function, const char *name)
{
    struct err err;
    if (perms_check_env(perms_of(L), name, &err))
        raise(L, function, &err);
}

void allow_unix(lua_State *L, const char *function, const char *path)
{
    struct err err;
    if (perms_check_unix(perms_of(L), path, &err))
        raise(L, function, &err);
}

void allow_net(lua_State *L, const char *function, const char *host, unsigned port)
{
    struct err err;
    if (perms_check_net(perms_of(L), host, port, &err))
        raise(L, function, &err);
}

const char *allow_exec(lua_State *L, const char *function, const char *program, struct err *err)
{
    char path[PATH_MAX];
    if (perms_check_exec(perms_of(L), program, path, err) == 0) {
        const char *copy = arena_copy(vm_arena(vm_of(L)), path, strlen(path));
        if (copy)
            return copy;
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the program's path");
    }
    if (err->code != STATUS_NOT_FOUND)
        raise(L, function, err);
    return NULL;
}
