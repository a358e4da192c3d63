/* csi.env: the environment of the process, as far as the script may see it. */
#include "script/allow.h"
#include "script/state.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* csi.env(name): the value of an environment variable as a string, or nil when there is none. Needs
 * --allow-env=NAME.
 * @param name string
 * @return string?
 */
static int env(lua_State *L)
{
    size_t n;
    const char *name = luaL_checklstring(L, 1, &n);
    luaL_argcheck(L, n > 0 && strlen(name) == n && !strchr(name, '='), 1,
                  "expected the name of an environment variable");
    allow_env(L, "csi.env", name);
    lua_pushstring(L, getenv(name));
    return 1;
}

void csi_env_open(lua_State *L)
{
    lua_pushcfunction(L, env);
    lua_setfield(L, -2, "env");
}
