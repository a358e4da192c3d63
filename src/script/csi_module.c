/* The csi module as a whole: one table, filled by one file a topic. */
#include "base/embedded.h"
#include "script/json.h"
#include "script/state.h"

#include <lauxlib.h>

/* csi.config: the settings of --set as strings, and nodeid.
 * @class csi.config
 * @field nodeid string
 * @field [string] string
 * @type csi.config
 */
static void push_config(lua_State *L)
{
    const struct vm_options *options = &vm_of(L)->options;
    lua_createtable(L, 0, (int)options->n_settings + 1);
    lua_pushstring(L, options->nodeid);
    lua_setfield(L, -2, "nodeid");
    for (size_t i = 0; i < options->n_settings; i++) {
        const struct vm_setting *setting = &options->settings[i];
        lua_pushlstring(L, setting->key, setting->key_size);
        lua_pushlstring(L, setting->value, setting->value_size);
        lua_rawset(L, -3);
    }
}

/* Runs scripts/csi.lua with the table on top, which gets its functions.  [-0, +0, e] */
static void open_lua_half(lua_State *L)
{
    const struct embedded *file = embedded_find("csi.lua");
    chunk_load(L, (const char *)file->data, file->size, "=[luacsi]/csi.lua");
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
}

/* csi.version: of luacsi.
 * @type string
 */
int csi_open(lua_State *L)
{
    lua_newtable(L);
    csi_status_open(L);
    csi_reply_open(L);
    csi_pass_open(L);
    csi_request_open(L);
    csi_log_open(L);
    csi_files_open(L);
    csi_env_open(L);
    csi_store_open(L);
    csi_clock_open(L);
    csi_every_open(L);
    csi_check_open(L);
    csi_sleep_open(L);
    csi_exec_open(L);
    csi_net_open(L);
    csi_http_open(L);
    csi_call_open(L);
    csi_mounts_open(L);
    push_config(L);
    lua_setfield(L, -2, "config");
    json_open(L);
    sandbox_heavy(L, (const char *const[]){"decode", "encode", NULL});
    lua_setfield(L, -2, "json");
    lua_pushliteral(L, LUACSI_VERSION);
    lua_setfield(L, -2, "version");
    open_lua_half(L);
    return 1;
}
