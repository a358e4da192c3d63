/* csi.now: the clock that deadlines are told in. */
#include "script/state.h"

#include <time.h>

/* csi.now(): seconds since the epoch with fractions; context.deadline is on the same clock. */
static int now(lua_State *L)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    lua_pushnumber(L, (lua_Number)ts.tv_sec + (lua_Number)ts.tv_nsec / 1e9);
    return 1;
}

void csi_clock_open(lua_State *L)
{
    lua_pushcfunction(L, now);
    lua_setfield(L, -2, "now");
}
