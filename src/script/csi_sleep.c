/* csi.sleep: a timer of the clock that scripts live by. Loop thread. */
#include "io/loop.h"
#include "script/options_table.h"
#include "script/state.h"
#include "script/wait.h"

#include <lauxlib.h>

struct own {
    struct wait wait;
    struct loop *loop;
    struct timer timer;
};

static void wake(struct timer *timer)
{
    wait_done(&container_of(timer, struct own, timer)->wait);
}

static void cancel(struct wait *wait)
{
    struct own *own = container_of(wait, struct own, wait);
    loop_timer_clear(own->loop, &own->timer);
}

static int push(lua_State *L, struct wait *wait)
{
    (void)L;
    (void)wait;
    return 0;
}

/* csi.sleep(seconds): waits. 0 lets others have their turn. Only in a handler.
 * @param seconds number
 */
static int sleep_for(lua_State *L)
{
    int64_t delay = options_table_seconds(L, 1, 0);
    wait_check(L, "csi.sleep");
    struct own *own = wait_new(L, sizeof(*own));
    own->wait.is_timed = true;
    own->wait.cancel = cancel;
    own->wait.push = push;
    own->loop = vm_of(L)->options.loop;
    own->timer.fn = wake;
    loop_alarm_set(own->loop, &own->timer, delay);
    return wait_suspend(L, &own->wait);
}

void csi_sleep_open(lua_State *L)
{
    lua_pushcfunction(L, sleep_for);
    lua_setfield(L, -2, "sleep");
}
