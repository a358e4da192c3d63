/* csi.call: calls of other gRPC services, through the same conversions as ours. Loop thread. */
#include "io/loop.h"
#include "io/outbound.h"
#include "script/options_table.h"
#include "script/state.h"
#include "script/wait.h"

#include <lauxlib.h>
#include <string.h>

struct own {
    struct wait wait;
    struct outbound *outbound;
    const struct schema *response;
    struct bytes reply;
};

/* ---- waiting ---- */

static void keep_reply(struct own *own, const struct client_reply *reply)
{
    struct err err;
    if (reply->code != STATUS_OK) {
        err_set(&err, reply->code, "%s", reply->message);
        wait_fail(&own->wait, &err);
        return;
    }
    own->reply.size = reply->size;
    own->reply.data = (const uint8_t *)wait_keep(&own->wait, reply->data, reply->size);
}

static void wake(void *data, const struct client_reply *reply, const struct err *err)
{
    struct own *own = data;
    if (err)
        wait_fail(&own->wait, err);
    else
        keep_reply(own, reply);
    wait_done(&own->wait);
}

static void cancel(struct wait *wait)
{
    outbound_cancel(container_of(wait, struct own, wait)->outbound);
}

static int push(lua_State *L, struct wait *wait)
{
    const struct own *own = container_of(wait, struct own, wait);
    struct err err;
    const ProtobufCMessage *message =
        codec_unpack(own->response, own->reply.data, own->reply.size, vm_arena(vm_of(L)), &err);
    if (!message)
        return csi_status_failure(L, err.code, err.text);
    codec_push(L, own->response, message, false);
    return 1;
}

/* ---- arguments ---- */

static const struct method *check_method(lua_State *L, int index)
{
    const char *name = luaL_checkstring(L, index);
    const struct method *method = catalog_callable(name);
    if (!method) {
        const char *near = catalog_nearest_method(name);
        luaL_argerror(L, index,
                      near ? lua_pushfstring(L, "unknown method %s (did you mean %s?)", name, near)
                           : lua_pushfstring(L, "unknown method %s", name));
        return NULL;
    }
    luaL_argcheck(L, !method->server_streaming, index, "its replies are a stream");
    return method;
}

/* The table at index as the message of the request, in the arena. */
static struct bytes check_request(lua_State *L, int index, const struct schema *schema)
{
    const struct codec_options options = {.arena = vm_arena(vm_of(L)), .rules = RULES_OFF};
    struct bytes bytes = {0};
    struct err err;
    if (lua_isnil(L, index)) {
        lua_newtable(L);
        lua_replace(L, index);
    }
    if (codec_pull(L, index, schema, &options, &bytes, &err))
        luaL_argerror(L, index, err.text);
    return bytes;
}

/* Sets the metadata of request from the option; its strings are those of the table. */
static void check_metadata(lua_State *L, int index, struct client_request *request)
{
    size_t n = options_table_pairs(L, index, "metadata");
    if (n > 0) {
        struct client_pair *pairs = arena_alloc(vm_arena(vm_of(L)), n * sizeof(struct client_pair));
        if (!pairs) {
            luaL_error(L, "not enough memory");
            return;
        }
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            struct client_pair *pair = &pairs[request->n_metadata++];
            pair->key = lua_tostring(L, -2);
            pair->value = lua_tolstring(L, -1, &pair->value_size);
        }
        request->metadata = pairs;
    }
    lua_pop(L, 1);
}

/* csi.call(endpoint, method [, request [, { timeout =, metadata = }]]): calls a method of CSI
 * ("Probe", "csi.v1.Identity/Probe") or grpc.health.v1.Health/Check of another server, on a
 * connection of its own. endpoint: "unix:///path" or "tcp://host:port". request: a table, empty
 * unless given. timeout: seconds for all of it, 5 unless given. metadata: a table from key to
 * value. Returns the reply, a table. Or nil, message, code: whatever status the server gave;
 * "UNAVAILABLE" when nobody listens, "NOT_FOUND" for a name or a socket that does not exist,
 * "DEADLINE_EXCEEDED". Needs --allow-net. Only in a handler.
 * @param endpoint string
 * @param method csi.method|string
 * @param request? table
 * @param options? { timeout?: number, metadata?: table<string, string> }
 * @return table? reply
 * @return string? message
 * @return csi.code? code
 */
static int call(lua_State *L)
{
    static const char *const names[] = {"timeout", "metadata", NULL};
    struct dial_target target;
    struct err err;
    lua_settop(L, 4);
    csi_net_check(L, 1, "csi.call", &target);
    const struct method *method = check_method(L, 2);
    options_table_check(L, 4, names);
    wait_check(L, "csi.call");
    struct client_request request = {.path = method->path, .timeout = options_table_timeout(L, 4)};
    check_metadata(L, 4, &request);
    const struct bytes message = check_request(L, 3, method->request);
    request.data = message.data;
    request.size = message.size;
    struct own *own = wait_new(L, sizeof(*own));
    own->wait.cancel = cancel;
    own->wait.push = push;
    own->response = method->response;
    own->outbound = outbound_start(vm_of(L)->options.io, &target, &request, wake, own, &err);
    if (!own->outbound)
        return csi_status_refused(L, "csi.call", &err);
    return wait_suspend(L, &own->wait);
}

void csi_call_open(lua_State *L)
{
    lua_pushcfunction(L, call);
    lua_setfield(L, -2, "call");
}
