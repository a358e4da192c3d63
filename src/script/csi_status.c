/* csi.fail and the status object that it raises: a table with code (a name) and message. */
#include "base/text.h"
#include "script/state.h"

#include <lauxlib.h>

static const char status_key; /* its address: the metatable's place in the registry */

static const char message_wanted[] =
    "expected a message of 1 to 1024 bytes that says why, in UTF-8, without NUL";
static const char code_wanted[] = "expected the name or number of a gRPC status other than OK";

int csi_status_code(lua_State *L, int index)
{
    int code = -1;
    if (lua_type(L, index) == LUA_TSTRING) {
        size_t n;
        const char *name = lua_tolstring(L, index, &n);
        code = status_from_name(name, n);
    } else if (lua_isinteger(L, index) && status_valid(lua_tointeger(L, index))) {
        code = (int)lua_tointeger(L, index);
    }
    return code == STATUS_OK ? -1 : code;
}

bool csi_status_text(const char *message, size_t n)
{
    return n > 0 && n <= STATUS_MESSAGE_BYTES && text_is_utf8_without_nul(message, n);
}

const char *csi_status_message(lua_State *L, int index)
{
    size_t n;
    const char *message = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &n) : NULL;
    return message && csi_status_text(message, n) ? message : NULL;
}

bool csi_status_get(lua_State *L, int index, int *code, const char **message)
{
    index = lua_absindex(L, index);
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &status_key);
    bool ours = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (!ours)
        return false;
    lua_pushliteral(L, "code");
    lua_rawget(L, index);
    lua_pushliteral(L, "message");
    lua_rawget(L, index);
    *code = csi_status_code(L, -2);
    *message = csi_status_message(L, -1); /* the table keeps it */
    lua_pop(L, 2);
    return *code > 0 && *message;
}

int csi_status_raise(lua_State *L, int code, const char *message)
{
    lua_createtable(L, 0, 2);
    lua_pushstring(L, status_name(code));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &status_key);
    lua_setmetatable(L, -2);
    return lua_error(L);
}

int csi_status_failure(lua_State *L, int code, const char *message)
{
    lua_pushnil(L);
    lua_pushstring(L, message);
    lua_pushstring(L, status_name(code));
    return 3;
}

int csi_status_refused(lua_State *L, const char *function, const struct err *err)
{
    if (err->code == STATUS_INVALID_ARGUMENT)
        return luaL_error(L, "%s: %s", function, err->text);
    return csi_status_failure(L, err->code, err->text);
}

int csi_status_answer(lua_State *L, int code, const char *message)
{
    lua_pushnil(L);
    lua_pushstring(L, status_name(code));
    lua_pushstring(L, message);
    return 3;
}

/* csi.fail(code, message): ends the handler; the caller gets this status.
 * code: the name ("FAILED_PRECONDITION") or number of a gRPC status other than OK. message: what a
 * person should read, 1 to 1024 bytes. Never returns; pcall sees a table with code and message.
 * @param code csi.code|integer
 * @param message string
 * @return never
 */
static int fail(lua_State *L)
{
    int code = csi_status_code(L, 1);
    luaL_argcheck(L, code > 0, 1, code_wanted);
    luaL_checktype(L, 2, LUA_TSTRING);
    luaL_argcheck(L, csi_status_message(L, 2), 2, message_wanted);
    return csi_status_raise(L, code, lua_tostring(L, 2));
}

/* tostring(status): "FAILED_PRECONDITION: kernel module rbd is not loaded". */
static int status_tostring(lua_State *L)
{
    int code;
    const char *message;
    if (csi_status_get(L, 1, &code, &message))
        lua_pushfstring(L, "%s: %s", status_name(code), message);
    else
        lua_pushliteral(L, "status that a script changed");
    return 1;
}

void csi_status_open(lua_State *L)
{
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, status_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "csi.status");
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &status_key);
    lua_pushcfunction(L, fail);
    lua_setfield(L, -2, "fail");
}
