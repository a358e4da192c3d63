/* csi.connect: does anybody listen there? Loop thread. */
#include "io/dial.h"
#include "io/loop.h"
#include "script/allow.h"
#include "script/options_table.h"
#include "script/state.h"
#include "script/wait.h"

#include <lauxlib.h>
#include <string.h>
#include <unistd.h>

struct own {
    struct wait wait;
    struct dial *dial;
};

static void wake(void *data, int fd, const struct err *err)
{
    struct own *own = data;
    if (fd < 0)
        wait_fail(&own->wait, err);
    else
        close(fd);
    wait_done(&own->wait);
}

static void cancel(struct wait *wait)
{
    dial_cancel(container_of(wait, struct own, wait)->dial);
}

static int push(lua_State *L, struct wait *wait)
{
    (void)wait;
    lua_pushboolean(L, true);
    return 1;
}

/* csi.connect(address [, { timeout = }]): connects and hangs up. address: "tcp://host:port" or
 * "unix:///path". timeout: seconds, 5 unless given. Returns true. Or nil, message, code:
 * "NOT_FOUND" for a name or a socket that does not exist, "UNAVAILABLE" when nobody listens,
 * "PERMISSION_DENIED", "DEADLINE_EXCEEDED". Needs --allow-net. Only in a handler.
 * @param address string
 * @param options? { timeout?: number }
 * @return true? connected
 * @return string? message
 * @return csi.code? code
 */
static int connect_to(lua_State *L)
{
    static const char *const names[] = {"timeout", NULL};
    struct dial_target target;
    struct err err;
    lua_settop(L, 2);
    csi_net_check(L, 1, "csi.connect", &target);
    options_table_check(L, 2, names);
    int64_t timeout = options_table_timeout(L, 2);
    wait_check(L, "csi.connect");
    struct own *own = wait_new(L, sizeof(*own));
    own->wait.cancel = cancel;
    own->wait.push = push;
    own->dial = dial_start(vm_of(L)->options.io, &target, timeout, wake, own, &err);
    if (!own->dial)
        return csi_status_refused(L, "csi.connect", &err);
    return wait_suspend(L, &own->wait);
}

void csi_net_check(lua_State *L, int index, const char *function, struct dial_target *target)
{
    size_t n;
    struct err err;
    const char *text = luaL_checklstring(L, index, &n);
    luaL_argcheck(L, n == strlen(text), index, "expected an address without NUL");
    if (dial_parse(target, text, &err))
        luaL_argerror(L, index, err.text);
    if (target->endpoint.path[0])
        allow_unix(L, function, target->endpoint.path);
    else
        allow_net(L, function, target->tcp.host, target->tcp.port);
}

void csi_net_open(lua_State *L)
{
    lua_pushcfunction(L, connect_to);
    lua_setfield(L, -2, "connect");
}
