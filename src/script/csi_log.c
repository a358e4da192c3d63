/* csi.log: lines of the script in the host's log. */
#include "base/log.h"
#include "script/state.h"

#include <lauxlib.h>
#include <string.h>

enum { MOST_FIELDS = 16, DEBUG_VERBOSITY = 4 };

/* Fills fields from the table at index, strings for anything but integers; what text needs making
 * is left on the stack so that it lives until the line is written.  [-0, +n, e] */
static void collect_fields(lua_State *L, int index, struct log_field *fields)
{
    size_t n = 0;
    luaL_checkstack(L, MOST_FIELDS + 4, NULL);
    lua_pushnil(L);
    while (lua_next(L, index)) { /* stack: … key value */
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING, index, "expected strings as keys");
        luaL_argcheck(L, n < MOST_FIELDS, index, "expected at most 16 fields");
        const char *key = lua_tostring(L, -2);
        key = strcmp(key, "id") == 0 ? "id_" : key; /* that of the call is id */
        if (lua_isinteger(L, -1)) {
            fields[n++] = log_int(key, lua_tointeger(L, -1));
            lua_pop(L, 1);
        } else {
            fields[n++] = log_str(key, luaL_tolstring(L, -1, NULL)); /* stack: … key value text */
            lua_insert(L, -3);
            lua_pop(L, 1); /* stack: … text key */
        }
    }
    fields[n] = (struct log_field){.kind = LOG_END};
}

static int write_line(lua_State *L, enum log_severity severity)
{
    struct log_field fields[MOST_FIELDS + 2] = {log_if("id", task_id(vm_of(L)->running)),
                                                {.kind = LOG_END}};
    const char *message = luaL_checkstring(L, 1);
    lua_settop(L, 2);
    if (!lua_isnil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        collect_fields(L, 2, fields + 1);
    }
    lua_Debug at = {0};
    const char *file = "script";
    if (lua_getstack(L, 1, &at) && lua_getinfo(L, "Sl", &at))
        file = at.short_src;
    log_write(severity, file, at.currentline > 0 ? at.currentline : 0, message, fields);
    return 0;
}

/* csi.log.info(message [, fields]): a line of severity I. fields: a table from name to value.
 * @param message string
 * @param fields? table<string, any>
 */
static int info(lua_State *L)
{
    return write_line(L, LOG_INFO);
}

/* csi.log.warn(message [, fields]): a line of severity W.
 * @param message string
 * @param fields? table<string, any>
 */
static int warn(lua_State *L)
{
    return write_line(L, LOG_WARNING);
}

/* csi.log.error(message [, fields]): a line of severity E.
 * @param message string
 * @param fields? table<string, any>
 */
static int error(lua_State *L)
{
    return write_line(L, LOG_ERROR);
}

/* csi.log.debug(message [, fields]): a line of severity I, only from -v=4 on.
 * @param message string
 * @param fields? table<string, any>
 */
static int debug(lua_State *L)
{
    return log_v(DEBUG_VERBOSITY) ? write_line(L, LOG_INFO) : 0;
}

void csi_log_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"info", info}, {"warn", warn}, {"error", error}, {"debug", debug}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "log");
}
