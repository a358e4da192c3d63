/* The answers of csi.fault that only C can give, as userdata that handlers return, and the wait
 * that does not count as a handler's time. Loop thread, as every handler, or a thread that loads.
 */
#include "script/csi_fault.h"

#include "io/clock.h"
#include "io/loop.h"
#include "script/codec.h"
#include "script/options_table.h"
#include "script/wait.h"

#include <lauxlib.h>
#include <string.h>

static const char type_name[] = "csi.fault";

static const char half_key; /* its address: where the registry has the table of both halves */

enum kind {
    STATUS,    /* a status with details */
    RAW,       /* bytes instead of a reply */
    UNCHECKED, /* a table that need not keep the rules of CSI */
    HANG,      /* no answer */
    DROP,      /* the connection is cut */
    VANISH,    /* the socket is gone for a while, and all connections with it */
};

/* The userdata. Its user values: the text, bytes or table, and for STATUS the details. */
struct fault {
    enum kind kind;
    int code;         /* of STATUS */
    int64_t duration; /* of VANISH: nanoseconds */
};

/* ---- making answers ---- */

/* Makes an answer of the two values on top.  [-2, +1, m] */
static struct fault *new_fault(lua_State *L, enum kind kind)
{
    struct fault *fault = lua_newuserdatauv(L, sizeof(*fault), 2);
    *fault = (struct fault){.kind = kind};
    luaL_setmetatable(L, type_name);
    lua_insert(L, -3);
    lua_setiuservalue(L, -3, 2);
    lua_setiuservalue(L, -2, 1);
    return fault;
}

/* An answer of the argument alone. */
static struct fault *new_of_argument(lua_State *L, enum kind kind)
{
    lua_settop(L, 1);
    lua_pushnil(L);
    return new_fault(L, kind);
}

static int push_problem(lua_State *L, const char *text)
{
    lua_pushnil(L);
    lua_pushstring(L, text);
    return 2;
}

/* status(code, message [, details]): the answer and the code's number, or nil and what is wrong. */
static int new_status(lua_State *L)
{
    int code = csi_status_code(L, 1);
    if (code < 0)
        return push_problem(L, "code must be the name or number of a gRPC status other than OK");
    if (!csi_status_message(L, 2))
        return push_problem(L, "message must be 1 to 1024 bytes of UTF-8 without NUL");
    lua_settop(L, 3);
    lua_remove(L, 1);
    new_fault(L, STATUS)->code = code;
    lua_pushinteger(L, code);
    return 2;
}

/* raw(bytes) */
static int new_raw(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    new_of_argument(L, RAW);
    return 1;
}

/* unchecked(table) */
static int new_unchecked(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    new_of_argument(L, UNCHECKED);
    return 1;
}

/* vanish(seconds) */
static int new_vanish(lua_State *L)
{
    int64_t duration = options_table_seconds(L, 1, 0);
    new_of_argument(L, VANISH)->duration = duration;
    return 1;
}

static const struct fault *get(lua_State *L, int index)
{
    return lua_isuserdata(L, index) ? luaL_testudata(L, index, type_name) : NULL;
}

bool csi_fault_is(lua_State *L, int index)
{
    return get(L, index) != NULL;
}

static int return_upvalue(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    return 1;
}

void csi_fault_to_handler(lua_State *L)
{
    lua_pushcclosure(L, return_upvalue, 1);
}

/* ---- waiting on purpose ---- */

struct own {
    struct wait wait;
    struct loop *loop;
    struct timer timer; /* not set where it hangs */
    bool is_free;       /* the time does not count as the handler's */
};

static void wake(struct timer *timer)
{
    struct own *own = container_of(timer, struct own, timer);
    if (own->is_free)
        budget_go_on(&own->wait.task->budget);
    wait_done(&own->wait);
}

static void cancel(struct wait *wait)
{
    struct own *own = container_of(wait, struct own, wait);
    loop_timer_clear(own->loop, &own->timer);
}

static int push_nothing(lua_State *L, struct wait *wait)
{
    (void)L;
    (void)wait;
    return 0;
}

static struct own *begin_wait(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct own *own = wait_new(L, sizeof(*own));
    own->wait.is_timed = true;
    own->wait.cancel = cancel;
    own->wait.push = push_nothing;
    own->loop = vm->options.loop;
    own->timer.fn = wake;
    own->is_free = vm->running->has_caller;
    if (own->is_free)
        budget_rest(&vm->running->budget);
    return own;
}

/* pause(seconds): waits as csi.sleep does, but where a caller says how long it waits, the time does
 * not count as the handler's. */
static int pause_for(lua_State *L)
{
    int64_t delay = options_table_seconds(L, 1, 0);
    wait_check(L, "fault.delay");
    struct own *own = begin_wait(L);
    loop_alarm_set(own->loop, &own->timer, delay);
    return wait_suspend(L, &own->wait);
}

/* clock(): seconds that only grow, by the clock that scripts live by. */
static int push_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_now() / 1e9);
    return 1;
}

/* ---- answering ---- */

static void set_status(struct task *task, int status, const char *text)
{
    const char *copy = arena_copy(task->arena, text, strlen(text));
    task->status = status;
    task->message = copy ? copy : "no memory for the message";
}

/* The bytes of the user value at index n, in the arena. */
static struct bytes take_bytes(lua_State *L, struct task *task, int index, int n)
{
    struct bytes bytes = {0};
    if (lua_getiuservalue(L, index, n) == LUA_TSTRING) {
        const char *text = lua_tolstring(L, -1, &bytes.size);
        bytes.data = (const uint8_t *)arena_copy(task->arena, text, bytes.size);
        if (!bytes.data)
            luaL_error(L, "not enough memory");
    }
    lua_pop(L, 1);
    return bytes;
}

static void take_unchecked(lua_State *L, struct task *task, int index)
{
    const struct codec_options options = {.arena = task->arena, .rules = RULES_OFF};
    struct err err;
    lua_getiuservalue(L, index, 1);
    if (codec_pull(L, -1, task->method->response, &options, &task->reply, &err))
        set_status(task, err.code, err.text);
    lua_pop(L, 1);
}

static void take_status(lua_State *L, struct task *task, int index, const struct fault *fault)
{
    lua_getiuservalue(L, index, 1);
    set_status(task, fault->code, lua_tostring(L, -1));
    lua_pop(L, 1);
    task->details = take_bytes(L, task, index, 2);
}

static void take_cut(struct task *task, enum task_cut cut, int64_t duration, const char *text)
{
    task->cut = cut;
    task->cut_for = duration;
    set_status(task, STATUS_UNAVAILABLE, text);
}

int csi_fault_take(lua_State *L, struct task *task, int index)
{
    const struct fault *fault = get(L, index);
    switch (fault->kind) {
    case STATUS:
        take_status(L, task, index, fault);
        break;
    case RAW:
        task->reply = take_bytes(L, task, index, 1);
        break;
    case UNCHECKED:
        take_unchecked(L, task, index);
        break;
    case HANG:
        return wait_suspend(L, &begin_wait(L)->wait);
    case DROP:
        take_cut(task, TASK_CUT_CONNECTION, 0, "the connection is cut, as the script says");
        break;
    case VANISH:
        take_cut(task, TASK_CUT_SOCKET, fault->duration, "the socket vanishes, as the script says");
        break;
    }
    return 0;
}

/* ---- checking while the script loads ---- */

/* The method whose name is at index.  [-0, +0, e] */
static const struct method *method_at(lua_State *L, int index)
{
    const struct method *method = catalog_method(luaL_checkstring(L, index));
    luaL_argcheck(L, method, index, "expected the name of a CSI method");
    return method;
}

/* Whether the table at index converts to the message, rules aside.  [-0, +0, m] */
static bool converts(lua_State *L, int index, const struct schema *schema, struct err *err)
{
    const struct codec_options options = {.arena = vm_arena(vm_of(L)), .rules = RULES_OFF};
    struct bytes bytes;
    return codec_pull(L, index, schema, &options, &bytes, err) == 0;
}

/* answer(method, value): value as an answer of the method, a table as a prepared reply; nil and
 * what is wrong when it does not fit. */
static int check_answer(lua_State *L)
{
    const struct method *method = method_at(L, 1);
    const struct prepared *prepared = csi_reply_get(L, 2);
    const struct fault *fault = get(L, 2);
    struct err err;
    lua_settop(L, 2);
    if (prepared && prepared->schema != method->response)
        return push_problem(L, lua_pushfstring(L, "%s: expected a reply to %s, got one that is %s",
                                               method->name, method->name, prepared->schema->name));
    if (fault && fault->kind == UNCHECKED) {
        lua_getiuservalue(L, 2, 1);
        if (!converts(L, 3, method->response, &err))
            return push_problem(L, err.text);
        lua_settop(L, 2);
    }
    if (lua_istable(L, 2) && csi_reply_make(L, 2, method, vm_of(L)->options.rules, &err))
        return push_problem(L, err.text);
    return 1;
}

/* request(method, table): true when the table could be part of a request to the method, else nil
 * and what is wrong. */
static int check_request(lua_State *L)
{
    const struct method *method = method_at(L, 1);
    struct err err;
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!converts(L, 2, method->request, &err))
        return push_problem(L, err.text);
    lua_pushboolean(L, true);
    return 1;
}

bool csi_fault_bind(lua_State *L, const struct method *method)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &half_key) == LUA_TNIL) {
        lua_pop(L, 1);
        return true; /* the script has no faults */
    }
    lua_getfield(L, -1, "bind"); /* stack: value half bind */
    lua_pushvalue(L, -3);
    lua_pushstring(L, method->name);
    lua_call(L, 2, 1);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1))
        return false;
    lua_pop(L, 1);
    return true;
}

/* ---- the module ---- */

static void set_answer(lua_State *L, const char *name, enum kind kind)
{
    lua_pushnil(L);
    lua_pushnil(L);
    new_fault(L, kind);
    lua_setfield(L, -2, name);
}

void csi_fault_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"status", new_status},   {"raw", new_raw},           {"unchecked", new_unchecked},
        {"vanish", new_vanish},   {"pause", pause_for},       {"clock", push_clock},
        {"answer", check_answer}, {"request", check_request}, {NULL, NULL},
    };
    luaL_newmetatable(L, type_name);
    lua_pushstring(L, type_name);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
    set_answer(L, "hang", HANG);
    set_answer(L, "drop", DROP);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &half_key);
}
