/* Loading: a script's text to what answers each RPC. Everything that Lua may raise runs inside one
 * protected call; every problem is told, not only the first. Loop thread. */
#include "script/load.h"

#include "base/embedded.h"
#include "base/file.h"
#include "base/text.h"
#include "script/codec.h"
#include "script/csi_fault.h"
#include "script/locate.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

enum { SCRIPT_BYTES = 4 << 20 };

/* One script on its way in. */
struct load {
    struct vm *vm;
    const char *file; /* for messages */
    const char *text; /* ends with NUL */
    size_t size;
    bool from_script;           /* else the defaults */
    unsigned errors;            /* problems told that keep it from being used */
    const struct method *entry; /* of the table, while it is taken */
    struct err *err;
};

/* ---- telling ---- */

static void tell(struct load *load, enum vm_severity severity, int line, const char *text)
{
    const struct vm_options *options = &load->vm->options;
    const struct vm_problem problem = {
        .severity = severity,
        .file = load->file,
        .line = line,
        .text = text,
    };
    options->problem(options->data, &problem);
    if (severity == VM_ERROR && load->errors++ == 0) {
        if (line > 0)
            err_set(load->err, STATUS_INVALID_ARGUMENT, "%s:%d: %s", load->file, line, text);
        else
            err_set(load->err, STATUS_INVALID_ARGUMENT, "%s: %s", load->file, text);
    }
}

static void tell_entry(struct load *load, enum vm_severity severity, const char *text)
{
    tell(load, severity, locate_line(load->text, load->entry->name, text), text);
}

/* A constant breaks a rule and --validate is warn. */
static void warn(void *data, const struct err *err)
{
    tell_entry(data, VM_VIOLATION, err->text);
}

/* ---- taking one entry ---- */

static void take_function(const struct load *load, lua_State *L, struct handler *handler)
{
    lua_Debug about;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">uS", &about);
    handler->kind = HANDLER_FUNCTION;
    handler->wants_request = about.isvararg || about.nparams >= 1;
    handler->wants_context = about.isvararg || about.nparams >= 2;
    bool is_here = about.source[0] == '@' && strcmp(about.source + 1, load->file) == 0;
    if (is_here && about.linedefined > 0)
        handler->line = about.linedefined;
    lua_pushvalue(L, -1);
    handler->function = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Encodes the constant on top. A missing driver name is no mistake of the script but of who
 * configures it: the constant becomes that status, and serves. */
static struct prepared *encode_constant(struct load *load, lua_State *L,
                                        const struct schema *schema, struct err *err)
{
    struct codec_options options = {
        .arena = &load->vm->arena,
        .rules = load->vm->options.rules,
        .warn = warn,
        .data = load,
    };
    struct bytes bytes;
    if (codec_pull(L, -1, schema, &options, &bytes, err) == 0) {
        struct prepared *prepared = prepared_new(schema, bytes);
        if (!prepared)
            err_set(err, STATUS_RESOURCE_EXHAUSTED, "%s: no memory for the reply", schema->name);
        return prepared;
    }
    if (err->code != STATUS_UNAVAILABLE)
        return NULL;
    tell_entry(load, VM_WARNING, err->text);
    return prepared_error(schema, err);
}

static void take_constant(struct load *load, lua_State *L, struct handler *handler)
{
    const struct schema *schema = load->entry->response;
    struct prepared *prepared = csi_reply_get(L, -1);
    struct err err;
    if (prepared && prepared->schema != schema) {
        err_set(&err, STATUS_INTERNAL, "%s: expected a reply to %s, got one that is %s",
                load->entry->name, load->entry->name, prepared->schema->name);
        prepared = NULL;
    } else if (prepared) {
        prepared = prepared_ref(prepared);
    } else {
        prepared = encode_constant(load, L, schema, &err);
    }
    if (!prepared) {
        tell_entry(load, VM_ERROR, err.text);
        return;
    }
    handler->kind = HANDLER_PREPARED;
    handler->prepared = prepared;
}

/* Takes the fault on top, or the function that perhaps is one.  [-0, +0, e] */
static void take_fault(struct load *load, lua_State *L, struct handler *handler)
{
    if (!csi_fault_bind(L, load->entry)) {
        tell_entry(load, VM_ERROR, lua_tostring(L, -1));
        lua_pop(L, 1);
        return;
    }
    lua_pushvalue(L, -1);
    if (!lua_isfunction(L, -1))
        csi_fault_to_handler(L);
    take_function(load, L, handler);
    lua_pop(L, 1);
}

/* Gives back what answered before: a default that the script replaces. */
static void drop_handler(lua_State *L, struct handler *handler)
{
    luaL_unref(L, LUA_REGISTRYINDEX, handler->function);
    prepared_unref(handler->prepared);
    *handler = (struct handler){.function = LUA_NOREF};
}

/* Takes the value on top for load->entry; csi.pass is the same as no entry.  [-0, +0, e] */
static void take_entry(struct load *load, lua_State *L)
{
    struct handler *handler = &load->vm->handlers[load->entry->index];
    char text[160];
    if (csi_pass_is(L, -1))
        return;
    if (load->entry->server_streaming) {
        tell_entry(load, VM_WARNING,
                   load->vm->options.upstream
                       ? "streaming replies are not supported yet: the upstream answers"
                       : "streaming replies are not supported yet: answered UNIMPLEMENTED");
        return;
    }
    drop_handler(L, handler);
    handler->from_script = load->from_script;
    handler->line = locate_line(load->text, load->entry->name, "");
    if (lua_isfunction(L, -1) || csi_fault_is(L, -1)) {
        take_fault(load, L, handler);
    } else if (lua_istable(L, -1) || csi_reply_get(L, -1)) {
        take_constant(load, L, handler);
    } else {
        snprintf(text, sizeof(text), "%s: expected a function or a table, got %s",
                 load->entry->name, luaL_typename(L, -1));
        tell_entry(load, VM_ERROR, text);
    }
}

/* The key at index is no RPC. */
static void tell_unknown(struct load *load, lua_State *L, int index)
{
    char text[256];
    if (lua_type(L, index) != LUA_TSTRING) {
        snprintf(text, sizeof(text), "expected the name of a CSI method as key, got a %s",
                 luaL_typename(L, index));
        tell(load, VM_ERROR, 0, text);
        return;
    }
    const char *name = lua_tostring(L, index);
    const char *nearest = catalog_nearest_method(name);
    snprintf(text, sizeof(text), "CSI has no method %.80s%s%s%s", name,
             nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
    tell(load, VM_ERROR, locate_line(load->text, name, ""), text);
}

/* The method called by the key at index; "csi.v1.Identity/Probe" is no key. */
static const struct method *method_of_key(lua_State *L, int index)
{
    size_t n;
    const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &n) : NULL;
    bool plain = name && strlen(name) == n && !strchr(name, '/');
    return plain ? catalog_method(name) : NULL;
}

/* Takes every entry of the table on top, methods in their order.  [-0, +0, e] */
static void take_table(struct load *load, lua_State *L)
{
    const struct method *methods = catalog_methods();
    for (int i = 0; i < CATALOG_METHODS; i++) {
        load->entry = &methods[i];
        lua_pushstring(L, methods[i].name);
        if (lua_rawget(L, -2) != LUA_TNIL)
            take_entry(load, L);
        lua_pop(L, 1);
    }
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (!method_of_key(L, -2))
            tell_unknown(load, L, -2);
    }
}

/* ---- the protected part ---- */

/* lua_pcall's function: compiles, runs, takes. Argument: struct load. */
static int load_protected(lua_State *L)
{
    struct load *load = lua_touserdata(L, 1);
    chunk_load(L, load->text, load->size, lua_pushfstring(L, "@%s", load->file));
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1)) {
        bool nothing = lua_isnil(L, -1);
        return luaL_error(L, "%s: expected the script to return a table of handlers, got %s",
                          load->file,
                          nothing ? "nothing: does it end in a return?" : luaL_typename(L, -1));
    }
    take_table(load, L);
    return 0;
}

/* "file:12: reason" to its line and reason, so that all problems look the same. */
static int split_position(const char **text, const char *file)
{
    size_t n = strlen(file);
    int line = 0;
    int used = 0;
    if (strncmp(*text, file, n) == 0 && sscanf(*text + n, ":%d: %n", &line, &used) == 1 && used > 0)
        *text += n + (size_t)used;
    else if (strncmp(*text, file, n) == 0 && strncmp(*text + n, ": ", 2) == 0)
        *text += n + 2;
    return line;
}

/* The line of the method that text begins with, as csi.replay tells of what is wrong: "Probe[1]:
 * …". 0 when it begins with none. */
static int locate_method(const struct load *load, const char *text)
{
    char name[64];
    size_t n = strcspn(text, "[.:");
    snprintf(name, sizeof(name), "%.*s", (int)n, text);
    return n < sizeof(name) && catalog_method(name) ? locate_line(load->text, name, "") : 0;
}

/* Tells the error object on top of the stack.  [-1, +0, -] */
static void tell_raised(struct load *load, lua_State *L)
{
    int code;
    const char *text = "the script raised something that is no string";
    if (!csi_status_get(L, -1, &code, &text) && lua_type(L, -1) == LUA_TSTRING)
        text = lua_tostring(L, -1);
    int line = split_position(&text, load->file);
    if (line == 0)
        line = locate_method(load, text);
    tell(load, VM_ERROR, line, text);
    lua_pop(L, 1);
}

static int run(struct load *load)
{
    lua_State *L = load->vm->L;
    struct vm *vm = load->vm;
    vm->loading = (struct budget){.wall = vm->options.handler_wall, .cpu = vm->options.handler_cpu};
    vm->budget = &vm->loading;
    lua_pushcfunction(L, load_protected);
    lua_pushlightuserdata(L, load);
    int status = lua_pcall(L, 1, 0, 0);
    vm->budget = NULL;
    if (status != LUA_OK)
        tell_raised(load, L);
    budget_watch(L); /* the hook may have been set to look at every instruction */
    arena_reset(&load->vm->arena);
    if (load->errors == 0)
        return 0;
    size_t n = strlen(load->err->text);
    if (load->errors > 1)
        snprintf(load->err->text + n, sizeof(load->err->text) - n, " (and %u more)",
                 load->errors - 1);
    return -1;
}

int load_embedded(struct vm *vm, const char *name, bool from_script, struct err *err)
{
    const struct embedded *found = embedded_find(name);
    char *text = found ? arena_copy(&vm->arena, found->data, found->size) : NULL;
    char file[64];
    if (!text)
        return err_set(err, STATUS_INTERNAL, "%s: not in the binary, or no memory to load it",
                       name);
    snprintf(file, sizeof(file), "[luacsi]/%s", name);
    struct load load = {
        .vm = vm,
        .file = file,
        .text = text,
        .size = found->size,
        .from_script = from_script,
        .err = err,
    };
    return run(&load);
}

int load_file(struct vm *vm, const char *path, struct err *err)
{
    struct load load = {.vm = vm, .file = path, .from_script = true, .err = err};
    char *text;
    struct err reason;
    if (file_read(path, SCRIPT_BYTES, &vm->arena, &text, &load.size, &reason)) {
        const char *why = reason.text;
        split_position(&why, path);
        tell(&load, VM_ERROR, 0, why);
        return -1;
    }
    load.text = text;
    vm_digest_file(vm, text, load.size);
    return run(&load);
}

int load_text(struct vm *vm, const char *name, const char *text, size_t size, struct err *err)
{
    struct load load = {
        .vm = vm,
        .file = name,
        .text = text,
        .size = size,
        .from_script = true,
        .err = err,
    };
    vm_digest_file(vm, text, size);
    return run(&load);
}
