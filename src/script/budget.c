/* Enforces budgets. The hook is the only place that preempts: it yields where Lua can, and leaves
 * the rest to the limit on CPU time. */
#include "script/budget.h"

#include "script/state.h"

#include <lauxlib.h>
#include <time.h>

enum {
    INSTRUCTIONS = 32, /* between two calls of the hook */
    TICKS = 8,         /* calls of the hook or of budget_look between two looks at the clock */
};

static const int64_t slice_length = 5000000; /* after which other calls get their turn */
static const int64_t for_ever = INT64_MAX / 2;
static const int64_t slow = 1000000; /* what should not go by between two looks */

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t cpu_of_slice(const struct budget *budget)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID) - budget->slice_cpu;
}

static void on_count(lua_State *L, lua_Debug *at);

/* Ends all Lua code of the budget: L raises at every instruction from now on, and what would catch
 * the error calls budget_caught. */
static void raise_limit(lua_State *L, const struct budget *budget)
{
    if (lua_gethookcount(L) != 1)
        lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    luaL_error(L, budget->hit == BUDGET_CPU ? "the CPU time is used up" : "the time is over");
}

static void start_slice(struct budget *budget, int64_t now)
{
    budget->slice_started = budget->looked = now;
    if (budget->started == 0)
        budget->started = now;
}

/* True when a slice is going on for longer than slice_length, as it does when it was long before
 * the first look. */
static bool look(lua_State *L, struct budget *budget, bool is_long)
{
    if (budget->hit != BUDGET_LEFT)
        raise_limit(L, budget);
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (budget->slice_started == 0) {
        start_slice(budget, now);
        return is_long;
    }
    if (budget->slice_cpu == 0)
        budget->slice_cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - (now - budget->slice_started);
    budget->is_slow = now - budget->looked > slow;
    budget->looked = now;
    if (now - budget->started > budget->wall)
        budget->hit = BUDGET_WALL;
    bool over = now - budget->slice_started > slice_length;
    if (over && budget->cpu_used + cpu_of_slice(budget) > budget->cpu)
        budget->hit = BUDGET_CPU;
    if (budget->hit != BUDGET_LEFT)
        raise_limit(L, budget);
    return over;
}

/* Whether to look at the clock: not each time, unless the last look came late, or the next one
 * might. */
static bool is_due(struct vm *vm)
{
    const struct budget *budget = vm->budget;
    bool made_large = vm->heap.made_large;
    vm->heap.made_large = false;
    return budget && (vm->ticks++ % TICKS == 0 || made_large || budget->is_slow ||
                      budget->hit != BUDGET_LEFT);
}

/* A single instruction may take milliseconds, where it copies or compares a long string: so the
 * hook comes often. It cannot be made to come more often on the way, since lua_sethook walks the
 * whole stack. */
static void on_count(lua_State *L, lua_Debug *at)
{
    struct vm *vm = vm_of(L);
    (void)at;
    vm_guard_check(vm);
    if (lua_gethookcount(L) == 1 && vm->budget && vm->budget->hit == BUDGET_LEFT)
        budget_watch(L); /* it was budget_interrupt */
    /* A few instructions can be a second of pattern matching, and what does not look at the clock
     * is taken for stuck: so the watchdog is heard at once. */
    bool is_long = vm->budget && vm_guard_is_reminded(vm);
    if ((is_long || is_due(vm)) && look(L, vm->budget, is_long) && task_may_yield(vm, L))
        task_preempt(vm, L);
}

void budget_watch(lua_State *L)
{
    lua_sethook(L, on_count, LUA_MASKCOUNT, INSTRUCTIONS);
}

void budget_interrupt(lua_State *L)
{
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
}

void budget_begin(struct budget *budget, bool is_measured)
{
    budget->slice_started = 0;
    budget->slice_cpu = 0;
    if (is_measured)
        start_slice(budget, clock_ns(CLOCK_MONOTONIC));
}

int64_t budget_end(struct budget *budget)
{
    if (budget->slice_started == 0)
        return 0;
    if (budget->slice_cpu == 0) /* too short to be looked at: the two clocks agree */
        return clock_ns(CLOCK_MONOTONIC) - budget->slice_started;
    int64_t cpu = cpu_of_slice(budget);
    budget->cpu_used += cpu;
    return cpu;
}

void budget_look(lua_State *L)
{
    struct vm *vm = vm_of(L);
    if (is_due(vm))
        look(L, vm->budget, false);
}

void budget_look_now(lua_State *L)
{
    struct vm *vm = vm_of(L);
    if (vm->budget)
        look(L, vm->budget, false);
}

void budget_caught(lua_State *L, int status)
{
    const struct vm *vm = vm_of(L);
    if (!vm->budget)
        return;
    if (vm->budget->hit != BUDGET_LEFT)
        lua_error(L);
    if (status == LUA_ERRMEM)
        budget_look_now(L);
}

int64_t budget_wall_left(struct budget *budget)
{
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (budget->started == 0)
        budget->started = now;
    return budget->started + budget->wall - now;
}

void budget_rest(struct budget *budget)
{
    budget->kept = budget_wall_left(budget);
    budget->wall = for_ever;
}

void budget_go_on(struct budget *budget)
{
    budget->wall = clock_ns(CLOCK_MONOTONIC) - budget->started + budget->kept;
}
