/* csi.pass: what a script returns to leave the answer to whoever would give it without the script.
 * A light userdata, which no script can make. */
#include "script/state.h"

#include <stdint.h>

/* csi.pass: the call is answered as if the script had no handler for it.
 * @alias csi.passed userdata
 * @type csi.passed
 */
static const char pass; /* its address is the value */

bool csi_pass_is(lua_State *L, int index)
{
    return lua_touserdata(L, index) == &pass;
}

void csi_pass_open(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&pass);
    lua_setfield(L, -2, "pass");
}
