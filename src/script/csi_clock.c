/* csi.now: the clock that deadlines are told in. */
#include "io/clock.h"
#include "script/state.h"

/* csi.now(): seconds since the epoch with fractions; context.deadline is on the same clock.
 * @return number
 */
static int now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_wall() / 1e9);
    return 1;
}

void csi_clock_open(lua_State *L)
{
    lua_pushcfunction(L, now);
    lua_setfield(L, -2, "now");
}
