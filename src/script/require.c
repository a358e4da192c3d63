/* require for scripts: "csi", the modules inside the binary ("csi.name" is scripts/csi/name.lua),
 * and Lua text files beside the script ("a.b" is a/b.lua). Each is run once for a state. */
#include "base/embedded.h"
#include "base/file.h"
#include "script/csi_fault.h"
#include "script/state.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MODULE_BYTES = 1 << 20, NAME_BYTES = 200 };

static const char modules[] = "luacsi.modules"; /* in the registry: from name to module */
static const char loading; /* its address stands for a module that is being loaded */

/* True for names of letters, digits, _ and -, with single dots between: what can leave no folder.
 */
static bool is_module_name(const char *name, size_t n)
{
    if (strlen(name) != n || n > NAME_BYTES)
        return false;
    bool part = false; /* the part since the last dot has a letter */
    for (const char *c = name; *c; c++) {
        if (*c == '.' && !part)
            return false;
        if (*c != '.' && !isalnum((unsigned char)*c) && *c != '_' && *c != '-')
            return false;
        part = *c != '.';
    }
    return part;
}

/* "a.b" to "a/b.lua". */
static void file_name(const char *module, char *text, size_t size)
{
    snprintf(text, size, "%s.lua", module);
    size_t n = strlen(module);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '.')
            text[i] = '/';
    }
}

/* Pushes the compiled module from inside the binary; false when there is none. What else is in
 * there is not for scripts.  [-0, +(0|1), e] */
static bool load_embedded(lua_State *L, const char *file)
{
    static const char folder[] = "csi/";
    const bool ours = strncmp(file, folder, strlen(folder)) == 0;
    const struct embedded *found = ours ? embedded_find(file) : NULL;
    if (!found)
        return false;
    chunk_load(L, (const char *)found->data, found->size, lua_pushfstring(L, "=[luacsi]/%s", file));
    lua_remove(L, -2);
    return true;
}

/* Raises with the position of the require: two levels up, behind require's own pcall.  [-0, +0, e]
 */
static void not_found(lua_State *L, const char *module, const char *why)
{
    luaL_where(L, 2);
    lua_pushfstring(L, "module '%s' not found: %s", module, why);
    lua_concat(L, 2);
    lua_error(L);
}

static void load_beside(lua_State *L, const char *module, const char *file)
{
    struct vm *vm = vm_of(L);
    struct err err;
    char *text;
    size_t size;
    if (!vm->folder)
        not_found(L, module, "no script, no folder to look in");
    const char *path = lua_pushfstring(L, "%s/%s", vm->folder, file);
    vm_note_file(vm, path);
    if (file_read(path, MODULE_BYTES, vm_arena(vm), &text, &size, &err))
        not_found(L, module, err.text);
    vm_digest_file(vm, text, size);
    chunk_load(L, text, size, lua_pushfstring(L, "@%s", path));
}

/* Pushes what a module of ours gets as its second argument, the half of it that is C; nil where
 * there is none.  [-0, +1, e] */
static void push_half(lua_State *L, const char *file)
{
    if (strcmp(file, "csi/fault.lua") != 0) {
        lua_pushnil(L);
        return;
    }
    lua_newtable(L);
    csi_fault_open(L);
}

/* lua_pcall's function: runs the module whose name is the argument, returns what it is. */
static int run_module(lua_State *L)
{
    const char *module = lua_tostring(L, 1);
    char file[NAME_BYTES + 8];
    file_name(module, file, sizeof(file));
    bool is_ours = load_embedded(L, file);
    if (!is_ours)
        load_beside(L, module, file);
    lua_pushvalue(L, 1);
    if (is_ours)
        push_half(L, file);
    lua_call(L, is_ours ? 2 : 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    return 1;
}

static int require(lua_State *L)
{
    size_t n;
    const char *module = luaL_checklstring(L, 1, &n);
    luaL_argcheck(L, is_module_name(module, n), 1,
                  "expected a module name such as \"checks\" or \"lib.tcp\"");
    lua_settop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, modules); /* stack: name modules */
    lua_getfield(L, 2, module);
    if (lua_touserdata(L, -1) == &loading)
        return luaL_error(L, "module '%s' requires itself, perhaps by way of others", module);
    if (!lua_isnil(L, -1))
        return 1;
    lua_pushlightuserdata(L, (void *)(uintptr_t)&loading);
    lua_setfield(L, 2, module);
    lua_pushcfunction(L, run_module);
    lua_pushvalue(L, 1);
    int status = lua_pcall(L, 1, 1, 0);
    if (status == LUA_OK)
        lua_pushvalue(L, -1);
    else
        lua_pushnil(L); /* the next require tries again */
    lua_setfield(L, 2, module);
    return status == LUA_OK ? 1 : lua_error(L);
}

/* Lua takes the names of functions for its messages from LUA_LOADED_TABLE, and walks all of it. So
 * a copy of the module lies there, which no script can make longer. */
void require_add(lua_State *L, const char *name)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_newtable(L); /* stack: module loaded copy */
    for (lua_pushnil(L); lua_next(L, -4); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_setfield(L, -2, name);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, modules);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, name);
    lua_pop(L, 3);
}

void require_open(lua_State *L)
{
    lua_pushcfunction(L, require);
    lua_setglobal(L, "require");
}
