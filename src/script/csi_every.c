/* csi.every: background work that runs again and again. csi.run: work that runs once, apart from
 * the call that asked for it. */
#include "base/text.h"
#include "script/job.h"
#include "script/options_table.h"
#include "script/state.h"
#include "script/wait.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = LUA_IDSIZE + 32 };

static const char run_name[] = "csi.run";

/* ---- csi.every ---- */

/* "csi.every at rbd.lua:7", for the log: where the function at index is defined.  [-0, +0, -] */
static void name_work(lua_State *L, int index, char name[static NAME_BYTES])
{
    lua_Debug at;
    lua_pushvalue(L, index);
    lua_getinfo(L, ">S", &at);
    snprintf(name, NAME_BYTES, "csi.every at %s:%d", at.short_src, at.linedefined);
}

/* csi.every(seconds, fn [, { timeout = }]): calls fn() as soon as the script serves, and again
 * seconds after it has returned (give or take 10 %), beside all calls, and never twice at once.
 * What it raises is logged and counted. timeout: seconds that one run may take, 5 unless given.
 * Ends with the script: a reload begins anew. Raises RESOURCE_EXHAUSTED for more than 1000 of them
 * (and csi.check, csi.run) at once. Never waits.
 * @param seconds number
 * @param fn fun()
 * @param options? { timeout?: number }
 */
static int every(lua_State *L)
{
    static const char *const known[] = {"timeout", NULL};
    char name[NAME_BYTES];
    struct err err;
    int64_t period = options_table_seconds(L, 1, 0.001);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    options_table_check(L, 3, known);
    name_work(L, 2, name);
    struct job_options options = {
        .name = name,
        .period = period,
        .wall = options_table_timeout(L, 3),
    };
    lua_settop(L, 2);
    options.function = luaL_ref(L, LUA_REGISTRYINDEX);
    vm_guard_check(vm_of(L));
    if (job_new(vm_of(L), &options, &err))
        return csi_status_raise(L, err.code, err.text);
    return 0;
}

/* ---- csi.run ---- */

/* A run and who waits for it; alive while the job or the userdata needs it. */
struct run {
    unsigned refs;
    bool is_done;
    int status;
    char message[ERR_TEXT];
    struct run_wait *waiting; /* newest first */
    struct loop *loop;
};

/* One handler that waits; lies in the arena of its call. */
struct run_wait {
    struct wait wait;
    struct run *run;
    struct run_wait *next;
    struct ready ready; /* set between the end of the run and the turn of the handler */
};

static void unref(struct run *run)
{
    if (--run->refs == 0)
        free(run);
}

static void on_turn(struct ready *ready)
{
    wait_done(&container_of(ready, struct run_wait, ready)->wait);
}

static void on_run_done(void *data, int status, const char *message)
{
    struct run *run = data;
    run->is_done = true;
    run->status = status;
    snprintf(run->message, sizeof(run->message), "%.*s",
             (int)text_cut(message, strlen(message), sizeof(run->message) - 1), message);
    for (struct run_wait *w = run->waiting; w; w = w->next) {
        w->ready.fn = on_turn;
        loop_ready(run->loop, &w->ready);
    }
    unref(run);
}

static void forget(struct run_wait *w)
{
    for (struct run_wait **place = &w->run->waiting; *place; place = &(*place)->next) {
        if (*place == w) {
            *place = w->next;
            break;
        }
    }
}

static void cancel_wait(struct wait *wait)
{
    struct run_wait *w = container_of(wait, struct run_wait, wait);
    loop_unready(w->run->loop, &w->ready);
    forget(w);
    unref(w->run);
}

static int push_status(lua_State *L, const struct run *run)
{
    if (run->status == STATUS_OK)
        return 0;
    lua_pushstring(L, status_name(run->status));
    lua_pushstring(L, run->message);
    return 2;
}

static int push_result(lua_State *L, struct wait *wait)
{
    struct run_wait *w = container_of(wait, struct run_wait, wait);
    struct run *run = w->run;
    forget(w);
    run->refs--; /* never the last: the userdata holds run, too; and what follows may raise */
    return push_status(L, run);
}

/* run:wait(): waits until the function has ended. Returns nothing when it returned, or the code and
 * the message of the status that it ended in.
 * @return csi.code? code
 * @return string? message
 */
static int wait_for_run(lua_State *L)
{
    struct run *run = *(struct run **)luaL_checkudata(L, 1, run_name);
    if (run->is_done)
        return push_status(L, run);
    wait_check(L, "run:wait");
    struct run_wait *w = arena_alloc(vm_arena(vm_of(L)), sizeof(*w));
    if (!w)
        return luaL_error(L, "not enough memory");
    *w = (struct run_wait){
        .wait = {.cancel = cancel_wait, .push = push_result, .is_timed = true},
        .run = run,
        .next = run->waiting,
    };
    run->waiting = w;
    run->refs++;
    return wait_suspend(L, &w->wait);
}

/* run:is_done(): whether the function has ended.
 * @return boolean
 */
static int is_run_done(lua_State *L)
{
    const struct run *run = *(struct run **)luaL_checkudata(L, 1, run_name);
    lua_pushboolean(L, run->is_done);
    return 1;
}

static int free_run(lua_State *L)
{
    struct run **box = luaL_checkudata(L, 1, run_name);
    if (*box)
        unref(*box);
    *box = NULL;
    return 0;
}

/* csi.run(fn): calls fn() soon, beside all calls, whatever becomes of the call that asks for it; it
 * may take as long as a handler. Returns a run; run:wait() waits for its end. Raises
 * RESOURCE_EXHAUSTED as csi.every does. Only in a handler; never waits.
 * @param fn fun()
 * @return csi.run
 */
static int run_once(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    struct vm *vm = vm_of(L);
    struct err err;
    vm_guard_check(vm);
    if (!vm->running)
        return luaL_error(L, "csi.run is for handlers, not for a script that is loading");
    struct run **box = lua_newuserdatauv(L, sizeof(struct run *), 0);
    *box = NULL;
    luaL_setmetatable(L, run_name);
    struct run *run = calloc(1, sizeof(*run));
    if (!run)
        return luaL_error(L, "not enough memory");
    *run = (struct run){.refs = 1, .loop = vm->options.loop};
    *box = run;
    lua_pushvalue(L, 1);
    const struct job_options options = {
        .name = "csi.run",
        .wall = vm->options.handler_wall,
        .function = luaL_ref(L, LUA_REGISTRYINDEX),
        .done = on_run_done,
        .data = run,
    };
    run->refs++;
    if (job_new(vm, &options, &err)) {
        run->refs--;
        return csi_status_raise(L, err.code, err.text);
    }
    return 1;
}

void csi_every_open(lua_State *L)
{
    luaL_newmetatable(L, run_name);
    lua_pushcfunction(L, free_run);
    lua_setfield(L, -2, "__gc");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, wait_for_run);
    lua_setfield(L, -2, "wait");
    lua_pushcfunction(L, is_run_done);
    lua_setfield(L, -2, "is_done");
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "csi.run");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushcfunction(L, every);
    lua_setfield(L, -2, "every");
    lua_pushcfunction(L, run_once);
    lua_setfield(L, -2, "run");
}
