/* csi.http: HTTP requests. Loop thread. */
#include "io/http.h"

#include "io/loop.h"
#include "script/allow.h"
#include "script/options_table.h"
#include "script/state.h"
#include "script/wait.h"

#include <lauxlib.h>
#include <string.h>

struct own {
    struct wait wait;
    struct http *http;
    int status;
    const char *body;
    size_t body_size;
    const char *headers; /* as struct http_response has them */
    size_t n_headers;
};

/* ---- waiting ---- */

/* Bytes of n packed pairs of strings. */
static size_t packed_size(const char *packed, size_t n)
{
    const char *at = packed;
    for (size_t i = 0; i < 2 * n; i++)
        at += strlen(at) + 1;
    return (size_t)(at - packed);
}

static void wake(void *data, const struct http_response *response, const struct err *err)
{
    struct own *own = data;
    if (err) {
        wait_fail(&own->wait, err);
    } else {
        own->status = response->status;
        own->body_size = response->body_size;
        own->body = wait_keep(&own->wait, response->body, response->body_size);
        own->n_headers = response->n_headers;
        own->headers = wait_keep(&own->wait, response->headers,
                                 packed_size(response->headers, response->n_headers));
    }
    wait_done(&own->wait);
}

static void cancel(struct wait *wait)
{
    http_cancel(container_of(wait, struct own, wait)->http);
}

/* Adds a header to the table on top; values of one that is there already are joined by a comma. */
static void add_header(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, name);
    lua_pushvalue(L, -1); /* stack: headers name name */
    if (lua_rawget(L, -3) == LUA_TSTRING) {
        lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
        lua_replace(L, -2);
    } else {
        lua_pop(L, 1);
        lua_pushstring(L, value);
    }
    lua_rawset(L, -3);
}

static int push(lua_State *L, struct wait *wait)
{
    const struct own *own = container_of(wait, struct own, wait);
    lua_pushinteger(L, own->status);
    lua_pushlstring(L, own->body, own->body_size);
    lua_newtable(L);
    const char *at = own->headers;
    for (size_t i = 0; i < own->n_headers; i++) {
        const char *value = at + strlen(at) + 1;
        add_header(L, at, value);
        at = value + strlen(value) + 1;
    }
    return 3;
}

/* ---- arguments ---- */

/* Sets the headers of request from the option; their strings are those of the table. */
static void check_headers(lua_State *L, int index, struct http_request *request)
{
    size_t n = options_table_pairs(L, index, "headers");
    if (n > 0) {
        struct http_header *headers =
            arena_alloc(vm_arena(vm_of(L)), n * sizeof(struct http_header));
        if (!headers) {
            luaL_error(L, "not enough memory");
            return;
        }
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
            headers[request->n_headers++] =
                (struct http_header){lua_tostring(L, -2), lua_tostring(L, -1)};
        request->headers = headers;
    }
    lua_pop(L, 1);
}

static void check_allowed(lua_State *L, const struct http_request *request)
{
    struct hostport hostport;
    struct err err;
    if (http_parse_url(&hostport, request->url, &err))
        luaL_argerror(L, 1, err.text);
    if (request->unix_socket)
        allow_unix(L, "csi.http", request->unix_socket);
    else
        allow_net(L, "csi.http", hostport.host, hostport.port);
    if (request->cacert)
        allow_read(L, "csi.http", request->cacert);
}

/* csi.http(url [, { method =, headers =, body =, timeout =, cacert =, unix_socket = }]): one HTTP
 * request; redirects are not followed, no proxy is used. Returns the status (an integer, whatever
 * it says), the body (a string of at most 1 MiB), the headers (a table, names in lower case).
 * method: "GET" unless given, "POST" when there is a body. headers: a table from name to value.
 * timeout: seconds for all of it, 5 unless given. cacert: path of a PEM file with the certificates
 * to trust, those of the system unless given. unix_socket: path of a socket to connect to in place
 * of the URL's host. Or nil, message, code: "NOT_FOUND" for a name that does not exist,
 * "UNAVAILABLE", "DEADLINE_EXCEEDED", "FAILED_PRECONDITION" for a certificate that is not trusted,
 * "RESOURCE_EXHAUSTED" for a response that is too large. Needs --allow-net, with cacert
 * --allow-read. Only in a handler.
 * @class csi.http_options
 * @field method? string
 * @field headers? table<string, string>
 * @field body? string
 * @field timeout? number seconds for all of it, 5 unless given
 * @field cacert? string
 * @field unix_socket? string
 * @param url string
 * @param options? csi.http_options
 * @return integer? status
 * @return string body
 * @return table<string, string> headers
 */
static int http(lua_State *L)
{
    static const char *const names[] = {"method", "headers",     "body", "timeout",
                                        "cacert", "unix_socket", NULL};
    struct err err;
    size_t n;
    lua_settop(L, 2);
    struct http_request request = {.url = luaL_checklstring(L, 1, &n)};
    luaL_argcheck(L, strlen(request.url) == n, 1, "expected a URL without NUL");
    options_table_check(L, 2, names);
    request.method = options_table_string(L, 2, "method", NULL);
    request.body = options_table_string(L, 2, "body", &request.body_size);
    request.timeout = options_table_timeout(L, 2);
    request.cacert = options_table_string(L, 2, "cacert", NULL);
    request.unix_socket = options_table_string(L, 2, "unix_socket", NULL);
    check_headers(L, 2, &request);
    check_allowed(L, &request);
    wait_check(L, "csi.http");
    struct own *own = wait_new(L, sizeof(*own));
    own->wait.cancel = cancel;
    own->wait.push = push;
    own->http = http_start(vm_of(L)->options.io, &request, wake, own, &err);
    if (!own->http)
        return csi_status_refused(L, "csi.http", &err);
    return wait_suspend(L, &own->wait);
}

void csi_http_open(lua_State *L)
{
    lua_pushcfunction(L, http);
    lua_setfield(L, -2, "http");
}
