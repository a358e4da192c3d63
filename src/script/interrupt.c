/* The handler of GUARD_SIGNAL, on the thread that runs Lua. lua_sethook is made for being called
 * there: it allocates nothing, and the interpreter looks for the change at each jump and call. */
#include "script/interrupt.h"

#include "io/guard.h"
#include "script/budget.h"

#include <lua.h>
#include <signal.h>
#include <stddef.h>

static _Thread_local lua_State *volatile aim;

static void on_signal(int number)
{
    (void)number;
    lua_State *co = aim;
    if (co)
        budget_interrupt(co);
}

void interrupt_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(GUARD_SIGNAL, &action, NULL);
}

void interrupt_aim(lua_State *co)
{
    aim = co;
}
