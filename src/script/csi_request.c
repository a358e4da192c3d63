/* csi.request: a request as a handler would get it. */
#include "script/state.h"

#include "script/codec.h"

#include <lauxlib.h>
#include <string.h>

/* Takes what CSI marks as secret out of the table on top, a message of schema.  [-0, +0, m] */
static void strip(lua_State *L, const struct schema *schema)
{
    for (unsigned i = 0; i < schema->n_fields; i++) {
        if (!schema->fields[i].secret)
            continue;
        lua_pushstring(L, schema->fields[i].pb->name);
        lua_pushnil(L);
        lua_rawset(L, -3);
    }
}

/* csi.request(method, table): the request of that RPC as a handler gets it: checked, with the
 * defaults of what is not set, but without what CSI marks as secret. Raises for what is no request.
 * @param method csi.method
 * @param table table
 * @return table
 */
static int request(lua_State *L)
{
    size_t n;
    const char *name = luaL_checklstring(L, 1, &n);
    luaL_checktype(L, 2, LUA_TTABLE);
    budget_look(L);
    const struct method *method = strlen(name) == n ? catalog_method(name) : NULL;
    if (!method)
        return luaL_argerror(L, 1, "expected the name of a CSI method");
    const struct codec_options options = {.arena = vm_arena(vm_of(L)), .rules = RULES_OFF};
    struct bytes bytes;
    struct err err;
    if (codec_pull(L, 2, method->request, &options, &bytes, &err))
        return luaL_error(L, "%s", err.text);
    const ProtobufCMessage *message =
        codec_unpack(method->request, bytes.data, bytes.size, options.arena, &err);
    if (!message)
        return luaL_error(L, "%s", err.text);
    codec_push(L, method->request, message, false);
    strip(L, method->request);
    return 1;
}

void csi_request_open(lua_State *L)
{
    lua_pushcfunction(L, request);
    lua_setfield(L, -2, "request");
}
