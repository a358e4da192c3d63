/* csi.reply: a reply encoded once, where it is made, and sent as it is. */
#include "script/options_table.h"
#include "script/state.h"

#include <lauxlib.h>
#include <string.h>

static const char type_name[] = "csi.reply";

/* The userdata holds one reference. */
struct box {
    const char *type;          /* type_name itself: no other userdata begins with that pointer */
    struct prepared *prepared; /* NULL until it is filled */
    size_t size;               /* bytes that were charged for it */
};

/* Every handler's answer is asked: hence by the pointer, not by the metatable. A light userdata has
 * no length. */
struct prepared *csi_reply_get(lua_State *L, int index)
{
    const struct box *box = lua_touserdata(L, index);
    bool is_reply = box && lua_rawlen(L, index) == sizeof(*box) && box->type == type_name;
    return is_reply ? box->prepared : NULL;
}

/* Whose reply breaks a rule. */
struct origin {
    struct vm *vm;
    const struct method *method;
};

static void warn(void *data, const struct err *err)
{
    const struct origin *origin = data;
    vm_tell_violation(origin->vm, origin->method, err);
}

int csi_reply_make(lua_State *L, int index, const struct method *method, enum rules_mode rules,
                   struct err *err)
{
    struct vm *vm = vm_of(L);
    struct codec_options options = {
        .arena = vm_arena(vm),
        .rules = rules,
        .warn = warn,
        .data = &(struct origin){.vm = vm, .method = method},
    };
    index = lua_absindex(L, index);
    struct box *box = lua_newuserdatauv(L, sizeof(*box), 0);
    *box = (struct box){.type = type_name};
    luaL_setmetatable(L, type_name);
    struct bytes bytes;
    if (codec_pull(L, index, method->response, &options, &bytes, err))
        return -1;
    if (!vm_charge(vm, bytes.size) || !(box->prepared = prepared_new(method->response, bytes)))
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "csi.reply: no memory for it");
    box->size = bytes.size;
    return 0;
}

/* The option "validate" at index, which can only be "off"; else the rules of the whole script. */
static enum rules_mode check_rules(lua_State *L, int index)
{
    static const char *const names[] = {"validate", NULL};
    options_table_check(L, index, names);
    const char *mode = options_table_string(L, index, "validate", NULL);
    luaL_argcheck(L, !mode || strcmp(mode, "off") == 0, index,
                  "validate: expected \"off\" or nothing");
    return mode ? RULES_OFF : vm_of(L)->options.rules;
}

/* csi.reply(method, table [, { validate = "off" }]): the reply of that RPC, checked and encoded
 * now. method: the name of an RPC of CSI. table: what its handler would return. validate: "off"
 * lets it break the rules of CSI. Raises where the handler's call would have failed.
 * @alias csi.prepared userdata
 * @param method csi.method
 * @param table table
 * @param options? { validate?: "off" }
 * @return csi.prepared
 */
static int reply(lua_State *L)
{
    size_t n;
    struct err err;
    const char *name = luaL_checklstring(L, 1, &n);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 3);
    budget_look(L);
    const struct method *method = strlen(name) == n ? catalog_method(name) : NULL;
    if (!method)
        return luaL_argerror(L, 1, "expected the name of a CSI method");
    if (csi_reply_make(L, 2, method, check_rules(L, 3), &err) == 0)
        return 1;
    return err.code == STATUS_INTERNAL ? luaL_error(L, "%s", err.text)
                                       : csi_status_raise(L, err.code, err.text);
}

static int box_free(lua_State *L)
{
    struct box *box = luaL_checkudata(L, 1, type_name);
    prepared_unref(box->prepared);
    heap_discharge(&vm_of(L)->heap, box->size);
    *box = (struct box){0};
    return 0;
}

static int box_tostring(lua_State *L)
{
    const struct prepared *prepared = csi_reply_get(L, 1);
    lua_pushfstring(L, "csi.reply (%s)", prepared ? prepared->schema->name : "empty");
    return 1;
}

void csi_reply_open(lua_State *L)
{
    static const luaL_Reg meta[] = {
        {"__gc", box_free},
        {"__tostring", box_tostring},
        {NULL, NULL},
    };
    luaL_newmetatable(L, type_name);
    luaL_setfuncs(L, meta, 0);
    lua_pushliteral(L, "csi.reply");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushcfunction(L, reply);
    lua_setfield(L, -2, "reply");
}
