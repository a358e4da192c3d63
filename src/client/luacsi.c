/* luacsi.so: the CSI client for a plain Lua 5.4, and the codec by itself. Runs on the thread of its
 * Lua state; a call blocks it.
 *
 * Lua may raise anywhere here, so nothing on the heap is held by a C variable alone: connections
 * and what a call makes belong to userdata. */
#include "client/reflect.h"
#include "csi/catalog.h"
#include "io/client.h"
#include "script/codec.h"
#include "script/json.h"

#include <grpc/grpc.h>
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <string.h>

static const char connection_type[] = "luacsi.connection";
static const char scratch_type[] = "luacsi.scratch";
static const char library_type[] = "luacsi.library";
static const char library_key[] = "luacsi.grpc"; /* of its only value, in the registry */

enum { MAX_TIMEOUT = 365 * 24 * 3600 }; /* seconds */

struct connection {
    struct client *client; /* NULL once closed */
};

/* What one function call makes on the C side. */
struct scratch {
    struct arena arena;
    struct client_reply reply;
};

/* ---- owners ---- */

static void scratch_fini(struct scratch *scratch)
{
    client_reply_fini(&scratch->reply);
    arena_fini(&scratch->arena);
}

static int scratch_gc(lua_State *L)
{
    scratch_fini(luaL_checkudata(L, 1, scratch_type));
    return 0;
}

/* Pushes a scratch; scratch_fini frees it at once, else the collector does.  [-0, +1, m] */
static struct scratch *push_scratch(lua_State *L)
{
    struct scratch *scratch = lua_newuserdatauv(L, sizeof(*scratch), 0);
    memset(scratch, 0, sizeof(*scratch));
    arena_init(&scratch->arena, SIZE_MAX);
    luaL_setmetatable(L, scratch_type);
    return scratch;
}

static int connection_close(lua_State *L)
{
    struct connection *connection = luaL_checkudata(L, 1, connection_type);
    client_free(connection->client);
    connection->client = NULL;
    return 0;
}

static struct client *check_client(lua_State *L)
{
    struct connection *connection = luaL_checkudata(L, 1, connection_type);
    luaL_argcheck(L, connection->client, 1, "the connection is closed");
    return connection->client;
}

static int library_gc(lua_State *L)
{
    (void)L;
    grpc_shutdown_blocking(); /* its threads must be gone before this library can be unloaded */
    return 0;
}

/* ---- arguments ---- */

static const struct schema *check_message(lua_State *L, int arg)
{
    const char *name = luaL_checkstring(L, arg);
    const struct schema *schema = catalog_message(name);
    if (!schema)
        luaL_argerror(L, arg, lua_pushfstring(L, "unknown message %s", name));
    return schema;
}

static const struct method *check_method(lua_State *L, int arg)
{
    const char *name = luaL_checkstring(L, arg);
    const struct method *method = catalog_callable(name);
    if (method)
        return method;
    const char *nearest = catalog_nearest_method(name);
    luaL_argerror(
        L, arg,
        lua_pushfstring(L, nearest ? "unknown method %s (did you mean %s?)" : "unknown method %s",
                        name, nearest));
    return NULL;
}

/* The value on top in seconds, as nanoseconds. */
static int64_t check_timeout(lua_State *L, int arg)
{
    double seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    luaL_argcheck(L, seconds > 0 && seconds <= MAX_TIMEOUT, arg,
                  "timeout: expected seconds above 0, at most a year");
    return (int64_t)ceil(seconds * 1e9);
}

/* Fills request with the metadata table on top; its strings stay anchored there. */
static void check_metadata(lua_State *L, int arg, struct client_request *request,
                           struct arena *arena)
{
    luaL_argcheck(L, lua_istable(L, -1), arg, "metadata: expected table");
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING, arg,
                      "metadata: expected strings only");
        n++;
    }
    struct client_pair *pairs = arena_alloc(arena, n * sizeof(*pairs));
    if (!pairs) {
        luaL_error(L, "not enough memory");
        return;
    }
    request->metadata = pairs;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        struct client_pair *pair = &pairs[request->n_metadata++];
        pair->key = lua_tostring(L, -2);
        pair->value = lua_tolstring(L, -1, &pair->value_size);
    }
}

/* Reads the optional table of options at arg: timeout and, where arena is given, metadata. */
static void check_options(lua_State *L, int arg, struct client_request *request,
                          struct arena *arena)
{
    if (lua_isnoneornil(L, arg))
        return;
    luaL_checktype(L, arg, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        if (strcmp(name, "timeout") == 0)
            request->timeout = check_timeout(L, arg);
        else if (arena && strcmp(name, "metadata") == 0)
            check_metadata(L, arg, request, arena);
        else
            luaL_argerror(L, arg,
                          lua_pushfstring(L, "unknown option %s", luaL_tolstring(L, -2, NULL)));
    }
}

/* ---- connections ---- */

/* luacsi.connect(endpoint [, {timeout = seconds}]) -> connection, or nil and a message.
 * @param endpoint string
 * @param options? { timeout?: number }
 * @return luacsi.connection? connection
 * @return string? message
 */
static int connect_endpoint(lua_State *L)
{
    const char *endpoint = luaL_checkstring(L, 1);
    struct client_request request = {0};
    check_options(L, 2, &request, NULL);
    struct connection *connection = lua_newuserdatauv(L, sizeof(*connection), 0);
    connection->client = NULL;
    luaL_setmetatable(L, connection_type);
    struct err err;
    connection->client = client_new(endpoint, request.timeout, &err);
    if (connection->client)
        return 1;
    luaL_pushfail(L);
    lua_pushstring(L, err.text);
    return 2;
}

static int push_failure(lua_State *L, int code, const char *message)
{
    luaL_pushfail(L);
    lua_pushstring(L, status_name(code));
    lua_pushstring(L, message);
    return 3;
}

/* Makes the call. 0 and scratch->reply (status OK), or the number of results pushed. */
static int exchange(lua_State *L, struct client *client, const struct client_request *request,
                    struct scratch *scratch)
{
    struct err err;
    if (client_call(client, request, &scratch->reply, &err))
        return push_failure(L, err.code, err.text);
    if (scratch->reply.code != STATUS_OK)
        return push_failure(L, scratch->reply.code, scratch->reply.message);
    return 0;
}

/* connection:call(method [, request [, {timeout = seconds, metadata = {key = value}}]])
 * -> reply, or nil, code, message. Raises for a request that does not convert.
 * @param method csi.method|string
 * @param request? table
 * @param options? { timeout?: number, metadata?: table<string, string> }
 * @return table? reply
 * @return csi.code? code
 * @return string? message
 */
static int connection_call(lua_State *L)
{
    struct client *client = check_client(L);
    const struct method *method = check_method(L, 2);
    lua_settop(L, 4);
    if (lua_isnil(L, 3)) {
        lua_newtable(L);
        lua_replace(L, 3);
    }
    struct scratch *scratch = push_scratch(L);
    struct client_request request = {.path = method->path};
    check_options(L, 4, &request, &scratch->arena);

    const struct codec_options options = {.arena = &scratch->arena, .rules = RULES_OFF};
    struct bytes bytes;
    struct err err;
    if (codec_pull(L, 3, method->request, &options, &bytes, &err))
        return luaL_argerror(L, 3, err.text);
    request.data = bytes.data;
    request.size = bytes.size;
    int results = exchange(L, client, &request, scratch);
    if (results == 0) {
        const ProtobufCMessage *reply = codec_unpack(method->response, scratch->reply.data,
                                                     scratch->reply.size, &scratch->arena, &err);
        results = reply ? 1 : push_failure(L, err.code, err.text);
        if (reply)
            codec_push(L, method->response, reply, true);
    }
    scratch_fini(scratch);
    return results;
}

/* connection:raw(path, bytes [, options as call]) -> bytes, or nil, code, message: any method and
 * any bytes, as they are.
 * @param path string
 * @param bytes string
 * @param options? { timeout?: number, metadata?: table<string, string> }
 * @return string? bytes
 * @return csi.code? code
 * @return string? message
 */
static int connection_raw(lua_State *L)
{
    struct client *client = check_client(L);
    struct client_request request = {.path = luaL_checkstring(L, 2)};
    request.data = (const uint8_t *)luaL_checklstring(L, 3, &request.size);
    lua_settop(L, 4);
    struct scratch *scratch = push_scratch(L);
    check_options(L, 4, &request, &scratch->arena);
    int results = exchange(L, client, &request, scratch);
    if (results == 0) {
        lua_pushlstring(L, (const char *)scratch->reply.data, scratch->reply.size);
        results = 1;
    }
    scratch_fini(scratch);
    return results;
}

/* ---- the codec ---- */

/* The option validate of the table at arg: what becomes of rules of CSI; off unless given. */
static enum rules_mode check_validate(lua_State *L, int arg)
{
    static const char *const modes[] = {
        [RULES_STRICT] = "strict", [RULES_WARN] = "warn", [RULES_OFF] = "off", NULL};
    if (lua_isnoneornil(L, arg))
        return RULES_OFF;
    luaL_checktype(L, arg, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
        bool known = lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "validate") == 0;
        luaL_argcheck(L, known, arg, "the only option is validate");
    }
    const char *name = lua_getfield(L, arg, "validate") == LUA_TSTRING ? lua_tostring(L, -1) : "";
    lua_pop(L, 1); /* the table keeps it */
    for (int mode = 0; modes[mode]; mode++) {
        if (strcmp(modes[mode], name) == 0)
            return (enum rules_mode)mode;
    }
    luaL_argerror(L, arg, "validate: expected strict, warn or off");
    return RULES_OFF;
}

/* Where violations of rules are listed. */
struct warnings {
    lua_State *L;
    int list; /* index of a table */
};

/* Raises for lack of memory. */
static void note_warning(void *data, const struct err *err)
{
    const struct warnings *warnings = data;
    lua_State *L = warnings->L;
    lua_pushstring(L, err->text);
    lua_rawseti(L, warnings->list, (lua_Integer)lua_rawlen(L, warnings->list) + 1);
}

/* luacsi.encode(message, table) -> bytes, or nil and a message.
 * luacsi.encode(message, table, {validate = "strict" | "warn" | "off"}) -> bytes and a list of
 * warnings, or nil, a message and a code: as a server that holds a reply against CSI's rules.
 * @param message string
 * @param table table
 * @param options? { validate?: "strict"|"warn"|"off" }
 * @return string? bytes
 * @return string|string[]? warnings
 * @return csi.code? code
 */
static int encode(lua_State *L)
{
    const struct schema *schema = check_message(L, 1);
    luaL_checkany(L, 2);
    const enum rules_mode rules = check_validate(L, 3);
    const bool plain = lua_isnoneornil(L, 3);
    lua_settop(L, 3);
    struct scratch *scratch = push_scratch(L);
    lua_newtable(L);
    struct warnings warnings = {.L = L, .list = lua_gettop(L)};
    const struct codec_options options = {
        .arena = &scratch->arena, .rules = rules, .warn = note_warning, .data = &warnings};
    struct bytes bytes;
    struct err err;
    if (codec_pull(L, 2, schema, &options, &bytes, &err)) {
        luaL_pushfail(L);
        lua_pushstring(L, err.text);
        lua_pushstring(L, status_name(err.code));
        lua_pop(L, plain ? 1 : 0);
    } else {
        lua_pushlstring(L, (const char *)bytes.data, bytes.size);
        lua_pushvalue(L, warnings.list);
        lua_pop(L, plain ? 1 : 0);
    }
    scratch_fini(scratch);
    return lua_gettop(L) - warnings.list;
}

/* luacsi.decode(message, bytes) -> table, or nil and a message.
 * @param message string
 * @param bytes string
 * @return table? table
 * @return string? message
 */
static int decode(lua_State *L)
{
    const struct schema *schema = check_message(L, 1);
    size_t size;
    const uint8_t *data = (const uint8_t *)luaL_checklstring(L, 2, &size);
    struct scratch *scratch = push_scratch(L);
    struct err err;
    int results = 1;
    const ProtobufCMessage *message = codec_unpack(schema, data, size, &scratch->arena, &err);
    if (message) {
        codec_push(L, schema, message, true);
    } else {
        luaL_pushfail(L);
        lua_pushstring(L, err.text);
        results = 2;
    }
    scratch_fini(scratch);
    return results;
}

/* ---- registration ---- */

static void make_type(lua_State *L, const char *name, const luaL_Reg *metamethods)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, metamethods, 0);
    lua_pop(L, 1);
}

static void make_types(lua_State *L)
{
    static const luaL_Reg library[] = {{"__gc", library_gc}, {NULL, NULL}};
    static const luaL_Reg scratch[] = {{"__gc", scratch_gc}, {NULL, NULL}};
    static const luaL_Reg connection[] = {
        {"__gc", connection_close}, {"__close", connection_close}, {NULL, NULL}};
    static const luaL_Reg connection_methods[] = {{"call", connection_call},
                                                  {"raw", connection_raw},
                                                  {"close", connection_close},
                                                  {NULL, NULL}};
    make_type(L, library_type, library);
    make_type(L, scratch_type, scratch);
    make_type(L, connection_type, connection);
    luaL_getmetatable(L, connection_type);
    luaL_newlib(L, connection_methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

/* Keeps gRPC core running as long as the Lua state lives: a connection need not start it. */
static void hold_grpc(lua_State *L)
{
    lua_newuserdatauv(L, 0, 0);
    grpc_init();
    luaL_setmetatable(L, library_type);
    lua_setfield(L, LUA_REGISTRYINDEX, library_key);
}

int luaopen_luacsi(lua_State *L);

int luaopen_luacsi(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"connect", connect_endpoint}, {"encode", encode}, {"decode", decode}, {NULL, NULL}};
    struct err err;
    if (catalog_init(&err))
        return luaL_error(L, "luacsi: %s", err.text);
    client_quiet_grpc();
    make_types(L);
    hold_grpc(L);
    luaL_newlib(L, functions);
    reflect_add(L);
    json_open(L);
    lua_setfield(L, -2, "json");
    lua_pushliteral(L, LUACSI_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}
