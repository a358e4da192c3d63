/* Runs tasks, each in a coroutine from the vm's pool; suspends, resumes, preempts and ends them.
 * What happens inside the coroutine is in handler.c. Loop thread. */
#include "script/task.h"

#include "script/handler.h"
#include "script/interrupt.h"
#include "script/job.h"
#include "script/state.h"
#include "script/wait.h"

#include <lauxlib.h>

/* ---- coroutines ---- */

/* lua_pcall's function: makes a thread and leaves its reference. Returns: the thread, the
 * reference. */
static int new_coroutine(lua_State *L)
{
    lua_newthread(L);
    lua_pushvalue(L, -1);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 2;
}

static int acquire(struct task *task)
{
    struct vm *vm = task->vm;
    lua_State *L = vm->L;
    if (vm->n_idle > 0) {
        const struct coroutine *idle = &vm->idle[--vm->n_idle];
        task->co = idle->co;
        task->co_ref = idle->ref;
        return 0;
    }
    lua_pushcfunction(L, new_coroutine);
    if (lua_pcall(L, 0, 2, 0) != LUA_OK) {
        lua_pop(L, 1);
        return -1;
    }
    task->co_ref = (int)lua_tointeger(L, -1);
    task->co = lua_tothread(L, -2);
    lua_pop(L, 2);
    return 0;
}

/* Whether the watchdog sees to it that a coroutine without a hook gets one. */
static bool is_watched(const struct vm *vm)
{
    return vm->options.guard && interrupt_works();
}

/* A coroutine begins without the hook, which it would have from the thread that made it or from its
 * last task. */
static void take_hook_off(const struct task *task)
{
    if (lua_gethook(task->co) && is_watched(task->vm))
        lua_sethook(task->co, NULL, 0, 0);
}

/* Back to the pool or, when it cannot be used again or the pool is full, to the garbage collector.
 */
static void release(struct task *task, bool reusable)
{
    struct vm *vm = task->vm;
    if (reusable && vm->n_idle < VM_IDLE_COROUTINES) {
        vm->idle[vm->n_idle++] = (struct coroutine){.co = task->co, .ref = task->co_ref};
    } else {
        luaL_unref(vm->L, LUA_REGISTRYINDEX, task->co_ref);
    }
    task->co = NULL;
    task->co_ref = LUA_NOREF;
}

/* ---- yields of the host ---- */

bool task_may_yield(const struct vm *vm, lua_State *L)
{
    return vm->running && vm->running->blocked == 0 && lua_isyieldable(L);
}

void task_preempt(struct vm *vm, lua_State *L)
{
    vm->running->host_yields = true;
    lua_yield(L, 0);
}

static bool is_inside(const struct task *task, const lua_State *co)
{
    for (unsigned i = 0; i < task->depth; i++) {
        if (task->inside[i] == co)
            return true;
    }
    return false;
}

bool task_enter(struct task *task, lua_State *L, lua_State *co)
{
    if (!task)
        return false;
    if (is_inside(task, co))
        return true;
    if (!task_may_yield(task->vm, L) || task->depth == TASK_DEPTH) {
        task->blocked++;
        return false;
    }
    task->inside[task->depth++] = co;
    return true;
}

void task_leave(struct task *task, lua_State *co, bool can_pass)
{
    if (!task)
        return;
    if (!can_pass)
        task->blocked--;
    else if (task->depth > 0 && task->inside[task->depth - 1] == co)
        task->depth--;
}

bool task_holds(const struct vm *vm, const lua_State *co)
{
    for (const struct task *task = vm->suspended; task; task = task->next) {
        if (is_inside(task, co))
            return true;
    }
    return false;
}

/* ---- the list of suspended tasks ---- */

static void on_wall(struct timer *timer)
{
    struct task *task = container_of(timer, struct task, timer);
    task->budget.hit = BUDGET_WALL;
    task_cancel(task, STATUS_DEADLINE_EXCEEDED, handler_over_time(task));
}

static void on_turn(struct ready *ready)
{
    task_resume(container_of(ready, struct task, ready));
}

/* While many calls wait, their arenas count as memory of the script. */
static bool hold_arena(struct task *task)
{
    if (!vm_charge(task->vm, task->arena->size))
        return false;
    task->held = task->arena->size;
    return true;
}

static void release_arena(struct task *task)
{
    if (!task->vm->is_lost)
        heap_discharge(&task->vm->heap, task->held);
    task->held = 0;
}

/* Whether a virtual clock has to stand while the task is suspended. */
static bool holds_clock(const struct task *task)
{
    return task->wait && !task->wait->is_timed;
}

/* Puts the task into the vm's list, from which the next turn, the finished wait, the end of its
 * time or a cancellation takes it. */
static void suspend(struct task *task)
{
    struct vm *vm = task->vm;
    task->host_yields = false;
    task->is_suspended = true;
    task->next = vm->suspended;
    task->place = &vm->suspended;
    if (task->next)
        task->next->place = &task->next;
    vm->suspended = task;
    vm->n_suspended++;
    if (holds_clock(task))
        loop_hold_clock(vm->options.loop);
    if (!task->was_suspended) {
        task->was_suspended = true;
        if (task->suspended)
            task->suspended(task);
    }
    if (!task->wait) {
        task->ready.fn = on_turn;
        loop_ready(vm->options.loop, &task->ready);
    }
    task->timer.fn = on_wall;
    loop_timer_set(vm->options.loop, &task->timer, budget_wall_left(&task->budget));
    if (task->wait && !hold_arena(task))
        task_cancel(task, STATUS_RESOURCE_EXHAUSTED, "no memory to wait");
}

static void unsuspend(struct task *task)
{
    struct vm *vm = task->vm;
    *task->place = task->next;
    if (task->next)
        task->next->place = task->place;
    vm->n_suspended--;
    if (holds_clock(task))
        loop_release_clock(vm->options.loop);
    task->is_suspended = false;
    release_arena(task);
    loop_timer_clear(vm->options.loop, &task->timer);
    loop_unready(vm->options.loop, &task->ready);
}

/* ---- running ---- */

/* What is still to be done inside Lua once the handler has ended. Returns whether its coroutine can
 * be used again: nothing is on its stack then. */
static bool wind_up(struct task *task, int lua_status)
{
    if (task->budget.hit != BUDGET_LEFT) {
        handler_overran(task);
        return false;
    }
    if (lua_status == LUA_OK)
        return true;
    failure_describe(task, task->co, lua_status); /* may run a __tostring */
    if (task->budget.hit == BUDGET_LEFT) {
        lua_resetthread(task->co); /* runs <close> variables */
        lua_settop(task->co, 0);
    }
    if (task->budget.hit != BUDGET_LEFT)
        handler_overran(task);
    return task->budget.hit == BUDGET_LEFT;
}

static void finish(struct task *task, bool reusable)
{
    task->depth = task->blocked = 0;
    release(task, reusable);
    struct vm *vm = task->vm;
    task->done(task);
    vm_task_done(vm);
}

static void run(struct task *task, int n_arguments)
{
    struct vm *vm = task->vm;
    int n_results;
    bool reusable = false;
    vm->running = task;
    vm->budget = &task->budget;
    interrupt_aim(task->co);
    vm_guard_enter(vm);
    budget_begin(&task->budget, vm->options.measure_cpu);
    int status = lua_resume(task->co, NULL, n_arguments, &n_results);
    vm_guard_check(vm);
    vm->cpu += budget_end(&task->budget);
    if (status != LUA_YIELD)
        reusable = wind_up(task, status);
    vm_guard_leave(vm);
    interrupt_aim(NULL);
    vm->running = NULL;
    vm->budget = NULL;
    if (status == LUA_YIELD)
        suspend(task);
    else
        finish(task, reusable);
}

/* To the memory that the script may have; what the request took already is granted. */
static void limit_arena(struct arena *arena, size_t memory)
{
    arena->limit = arena->size > memory ? arena->size : memory;
}

const char *task_id(struct task *task)
{
    return task && task->id ? task->id(task) : NULL;
}

void task_start(struct task *task)
{
    task->status = STATUS_OK;
    task->message = "";
    task->reply = (struct bytes){0};
    task->prepared = NULL;
    task->passes = false;
    task->details = (struct bytes){0};
    task->cut = TASK_CUT_NONE;
    if (acquire(task)) {
        task->status = STATUS_RESOURCE_EXHAUSTED;
        task->message = "no memory to run the handler";
        task->done(task);
        return;
    }
    task->vm->n_tasks++;
    limit_arena(task->arena, task->vm->options.memory);
    take_hook_off(task);
    handler_push(task);
    run(task, 1);
}

void task_resume(struct task *task)
{
    unsuspend(task);
    if (!lua_gethook(task->co)) /* what has waited counts its CPU time from the first instruction */
        budget_watch(task->co);
    run(task, 0);
}

void task_cancel(struct task *task, int status, const char *message)
{
    unsuspend(task);
    if (task->wait)
        task->wait->cancel(task->wait);
    task->wait = NULL;
    task->status = status;
    task->message = message;
    finish(task, false);
}

void vm_cancel_tasks(struct vm *vm, int status, const char *message)
{
    vm->n_tasks++; /* the last task would take the vm along */
    jobs_stop(vm);
    while (vm->suspended)
        task_cancel(vm->suspended, status, message);
    vm_task_done(vm);
}

void vm_abandon(struct vm *vm)
{
    struct task *culprit = vm->running;
    vm->is_lost = true;
    jobs_forget(vm);
    while (vm->suspended) {
        struct task *task = vm->suspended;
        unsuspend(task);
        if (task->wait)
            task->wait->cancel(task->wait);
        task->status = STATUS_UNAVAILABLE;
        task->message = "the script's state was given up because of another call";
        task->done(task);
    }
    if (!culprit)
        return;
    culprit->is_abandoned = true;
    culprit->prepared = NULL;
    culprit->status = STATUS_DEADLINE_EXCEEDED;
    culprit->message = "the handler is stuck and was given up";
    culprit->done(culprit);
}
