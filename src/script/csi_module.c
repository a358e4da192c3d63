/* The csi module as a whole: one table, filled by one file a topic. */
#include "script/json.h"
#include "script/state.h"

#include <lauxlib.h>

/* csi.config: the settings of --set as strings, and nodeid. */
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

int csi_open(lua_State *L)
{
    lua_newtable(L);
    csi_status_open(L);
    csi_reply_open(L);
    csi_log_open(L);
    csi_files_open(L);
    csi_clock_open(L);
    push_config(L);
    lua_setfield(L, -2, "config");
    json_open(L);
    lua_setfield(L, -2, "json");
    lua_pushliteral(L, LUACSI_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}
