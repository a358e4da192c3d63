/* The module luacsi.testing: its text lies in scripts/testing.lua and scripts/testing/, its C half
 * is here. Lua finds it in luacsi.so by the name of luaopen_luacsi_testing. Runs on the thread of
 * its Lua state. */
#include "base/embedded.h"
#include "base/status.h"
#include "client/child.h"
#include "csi/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char parts[] = "testing/"; /* where the parts of the module are embedded */

enum { LONGEST_SLEEP = 60 /* seconds */, PATH_ROOM = 256 };

/* ---- the C half ---- */

/* embedded(name) -> the text of a file of scripts/, or nil. */
static int embedded(lua_State *L)
{
    const struct embedded *file = embedded_find(luaL_checkstring(L, 1));
    if (file)
        lua_pushlstring(L, (const char *)file->data, file->size);
    else
        lua_pushnil(L);
    return 1;
}

/* status(code) -> the name of a gRPC status other than OK, from its name or number; else nil. */
static int status(lua_State *L)
{
    int code = -1;
    if (lua_type(L, 1) == LUA_TSTRING) {
        size_t n;
        const char *name = lua_tolstring(L, 1, &n);
        code = status_from_name(name, n);
    } else if (lua_isinteger(L, 1) && status_valid(lua_tointeger(L, 1))) {
        code = (int)lua_tointeger(L, 1);
    }
    lua_pushstring(L, code > STATUS_OK ? status_name(code) : NULL);
    return 1;
}

/* number(name) -> the number of a status. */
static int number(lua_State *L)
{
    size_t n;
    const char *name = luaL_checklstring(L, 1, &n);
    lua_pushinteger(L, status_from_name(name, n));
    return 1;
}

/* nearest(name) -> the method that was meant, or nil. */
static int nearest(lua_State *L)
{
    lua_pushstring(L, catalog_nearest_method(luaL_checkstring(L, 1)));
    return 1;
}

/* make_folder() -> the path of a new one, or nil and a message. */
static int make_folder(lua_State *L)
{
    const char *tmp = getenv("TMPDIR");
    char path[PATH_ROOM];
    int n = snprintf(path, sizeof(path), "%s/luacsi-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (n >= PATH_ROOM)
        errno = ENAMETOOLONG;
    if (n >= PATH_ROOM || !mkdtemp(path))
        return luaL_fileresult(L, 0, path);
    lua_pushstring(L, path);
    return 1;
}

/* The number of sockets in a folder; -1 and errno when it cannot be read. */
static lua_Integer count_sockets(const char *path)
{
    lua_Integer n = 0;
    struct stat st;
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISSOCK(st.st_mode);
    closedir(dir);
    return n;
}

/* sockets(pid) -> how many sockets a process has open, or nil and a message. */
static int sockets(lua_State *L)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof(path), "/proc/%lld/fd", (long long)luaL_checkinteger(L, 1));
    lua_Integer n = count_sockets(path);
    if (n < 0)
        return luaL_fileresult(L, 0, path);
    lua_pushinteger(L, n);
    return 1;
}

/* clock() -> seconds of a clock that nobody sets. */
static int monotonic(lua_State *L)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    lua_pushnumber(L, (lua_Number)time.tv_sec + (lua_Number)time.tv_nsec / 1e9);
    return 1;
}

/* sleep(seconds): real ones, at most 60. */
static int sleep_for(lua_State *L)
{
    double seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= LONGEST_SLEEP, 1, "expected at most 60 seconds");
    double whole = floor(seconds);
    const struct timespec time = {(time_t)whole, (long)((seconds - whole) * 1e9)};
    nanosleep(&time, NULL);
    return 0;
}

/* box(metatable) -> a userdata that has it, since only C can make one. */
static int box(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_newuserdatauv(L, 0, 0);
    lua_pushvalue(L, 1);
    lua_setmetatable(L, -2);
    return 1;
}

/* What the parts of the module require as "luacsi.testing.host". */
static int open_host(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"embedded", embedded}, {"status", status},
        {"nearest", nearest},   {"make_folder", make_folder},
        {"sockets", sockets},   {"clock", monotonic},
        {"sleep", sleep_for},   {"box", box},
        {"number", number},     {NULL, NULL},
    };
    luaL_newlib(L, functions);
    child_push_spawn(L);
    lua_setfield(L, -2, "spawn");
    return 1;
}

/* ---- the module ---- */

static void load_text(lua_State *L, const struct embedded *file)
{
    lua_pushfstring(L, "=[luacsi]/%s", file->name);
    if (luaL_loadbufferx(L, (const char *)file->data, file->size, lua_tostring(L, -1), "t"))
        lua_error(L);
    lua_remove(L, -2);
}

/* Loader of a part, for require: the file is upvalue 1, the name of the module the argument. */
static int open_part(lua_State *L)
{
    load_text(L, lua_touserdata(L, lua_upvalueindex(1)));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Puts "testing/NAME.lua" into the table on top, package.preload, as luacsi.testing.NAME. */
static void preload_part(lua_State *L, const struct embedded *file)
{
    const char *name = file->name + strlen(parts);
    lua_pushfstring(L, "luacsi.testing.%s", name);
    lua_pushlstring(L, lua_tostring(L, -1), lua_rawlen(L, -1) - strlen(".lua"));
    lua_pushlightuserdata(L, (void *)(uintptr_t)file);
    lua_pushcclosure(L, open_part, 1);
    lua_rawset(L, -4);
    lua_pop(L, 1);
}

int luaopen_luacsi_testing(lua_State *L);

int luaopen_luacsi_testing(lua_State *L)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "luacsi"); /* the catalog is filled there */
    lua_call(L, 1, 0);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_host);
    lua_setfield(L, -2, "luacsi.testing.host");
    for (const struct embedded *file = embedded_files; file->name; file++) {
        if (strncmp(file->name, parts, strlen(parts)) == 0)
            preload_part(L, file);
    }
    lua_pop(L, 1);
    load_text(L, embedded_find("testing.lua"));
    lua_call(L, 0, 1);
    return 1;
}
