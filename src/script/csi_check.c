/* csi.check: a question that is asked again and again in the background, and whose answer is a
 * state with thresholds. Who reads the state never waits. */
#include "base/log.h"
#include "base/text.h"
#include "io/clock.h"
#include "script/job.h"
#include "script/options_table.h"
#include "script/state.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 64, REASON_BYTES = 512, MOST_IN_A_ROW = 1000 };

static const double shortest_period = 0.001; /* seconds */
static const int64_t default_period = (int64_t)10 * 1000000000;

static const char type_name[] = "csi.check";

enum state { STATE_UNKNOWN, STATE_UP, STATE_PENDING, STATE_DOWN };

static const char *const state_names[] = {
    [STATE_UNKNOWN] = "unknown", /* not asked often enough to tell */
    [STATE_UP] = "up",
    [STATE_PENDING] = "pending", /* the function said false: not yet */
    [STATE_DOWN] = "down",       /* it said nil, or raised, or took too long */
};

/* The userdata; the registry keeps it for as long as the vm lives, since its job writes into it. */
struct check {
    char name[NAME_BYTES];
    char
        reason[REASON_BYTES]; /* of the last run that did not pass; empty: rise have passed since */
    struct vm *vm;
    enum state state;
    double since;    /* seconds since the epoch: the last change of state */
    size_t rise;     /* passes in a row that bring it up */
    size_t fall;     /* failures in a row that take it from there */
    size_t passes;   /* in a row */
    size_t failures; /* in a row */
};

static void change(struct check *check, enum state state)
{
    if (check->state == state)
        return;
    log_write(state == STATE_UP ? LOG_INFO : LOG_WARNING, __FILE__, __LINE__, "Check changed",
              (const struct log_field[]){log_str("check", check->name),
                                         log_str("from", state_names[check->state]),
                                         log_str("to", state_names[state]),
                                         log_str("reason", check->reason),
                                         {.kind = LOG_END}});
    check->vm->n_checks_up += state == STATE_UP;
    check->vm->n_checks_up -= check->state == STATE_UP;
    check->state = state;
    check->since = (double)clock_wall() / 1e9;
}

static void on_done(void *data, int status, const char *message)
{
    struct check *check = data;
    bool passed = status == STATUS_OK;
    check->passes = passed ? check->passes + 1 : 0;
    check->failures = passed ? 0 : check->failures + 1;
    if (!passed || check->passes >= check->rise)
        snprintf(check->reason, sizeof(check->reason), "%.*s",
                 (int)text_cut(message, strlen(message), sizeof(check->reason) - 1), message);
    if (passed && check->passes >= check->rise)
        change(check, STATE_UP);
    else if (!passed && check->failures >= check->fall)
        change(check, status == STATUS_UNAVAILABLE ? STATE_PENDING : STATE_DOWN);
}

static enum state initial_state(lua_State *L, int index)
{
    enum state state = STATE_UNKNOWN;
    if (lua_istable(L, index)) {
        int type = lua_getfield(L, index, "initial");
        luaL_argcheck(L, type == LUA_TNIL || type == LUA_TBOOLEAN, index,
                      "initial: expected true or false");
        if (type == LUA_TBOOLEAN)
            state = lua_toboolean(L, -1) ? STATE_UP : STATE_DOWN;
        lua_pop(L, 1);
    }
    return state;
}

static size_t threshold(lua_State *L, int index, const char *name, size_t fallback)
{
    size_t n = options_table_size(L, index, name, MOST_IN_A_ROW, fallback);
    luaL_argcheck(L, n > 0, index, "rise and fall: expected at least 1");
    return n;
}

/* csi.check(name, {every=, timeout=, rise=, fall=, initial=}, fn): asks fn() in the background,
 * every so many seconds (10 unless given; one run may take timeout, 5). fn returns true: passed;
 * false [, reason]: not yet; nil [, reason]: failed, as when it raises. After rise passes in a row
 * (1) the check is "up", after fall others in a row (3) it is "pending" or "down", until then
 * "unknown", or what initial says: true for up, false for down. Returns the check, with the fields
 * name, state, reason, since.
 * @class csi.check_options
 * @field every? number seconds from the end of one run to the next, 10 unless given
 * @field timeout? number seconds that one run may take, 5 unless given
 * @field rise? integer passes in a row that bring it up, 1 unless given
 * @field fall? integer other results in a row that take it away, 3 unless given
 * @field initial? boolean true for up, false for down; unknown unless given
 * @param name string
 * @param options? csi.check_options
 * @param fn fun(): any, string?, csi.code?
 * @return csi.check
 */
static int new_check(lua_State *L)
{
    static const char *const known[] = {"every", "timeout", "rise", "fall", "initial", NULL};
    struct vm *vm = vm_of(L);
    struct err err;
    size_t n;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *name = lua_tolstring(L, 1, &n);
    luaL_argcheck(L, n > 0 && n < NAME_BYTES && strlen(name) == n, 1, "expected 1 to 63 bytes");
    options_table_check(L, 2, known);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    struct check *check = lua_newuserdatauv(L, sizeof(*check), 0);
    memset(check, 0, sizeof(*check));
    luaL_setmetatable(L, type_name);
    memcpy(check->name, name, n);
    check->rise = threshold(L, 2, "rise", 1);
    check->fall = threshold(L, 2, "fall", 3);
    check->state = initial_state(L, 2);
    check->since = (double)clock_wall() / 1e9;
    lua_pushvalue(L, -1);
    luaL_ref(L, LUA_REGISTRYINDEX);
    lua_insert(L, 1); /* stack: check name options fn */
    lua_pushvalue(L, 4);
    struct job_options options = {
        .name = check->name,
        .period = options_table_period(L, 3, "every", shortest_period, default_period),
        .wall = options_table_timeout(L, 3),
        .judged = true,
        .done = on_done,
        .data = check,
        .function = luaL_ref(L, LUA_REGISTRYINDEX),
    };
    vm_guard_check(vm);
    check->vm = vm;
    if (job_new(vm, &options, &err))
        return csi_status_raise(L, err.code, err.text);
    vm->n_checks++;
    vm->n_checks_up += check->state == STATE_UP;
    lua_settop(L, 1);
    return 1;
}

/* A check's fields.
 * @class csi.check
 * @field name string
 * @field state "unknown"|"up"|"pending"|"down"
 * @field reason? string of the last run that did not pass; nil when it is up
 * @field since number the last change, as csi.now()
 */
static int get_field(lua_State *L)
{
    const struct check *check = luaL_checkudata(L, 1, type_name);
    const char *field = luaL_checkstring(L, 2);
    if (strcmp(field, "state") == 0)
        lua_pushstring(L, state_names[check->state]);
    else if (strcmp(field, "name") == 0)
        lua_pushstring(L, check->name);
    else if (strcmp(field, "reason") == 0 && check->reason[0])
        lua_pushstring(L, check->reason);
    else if (strcmp(field, "since") == 0)
        lua_pushnumber(L, check->since);
    else
        lua_pushnil(L);
    return 1;
}

void csi_check_open(lua_State *L)
{
    luaL_newmetatable(L, type_name);
    lua_pushcfunction(L, get_field);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, type_name);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushcfunction(L, new_check);
    lua_setfield(L, -2, "check");
}
