/* What a handler raised becomes the status of its call. A script's mistake is logged here, the one
 * place, with its traceback; the caller sees one line of it. Loop thread. */
#include "base/log.h"
#include "base/text.h"
#include "script/state.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

enum {
    SHORT_TEXT = 256, /* bytes of a script's error that its caller sees */
    DEEP = 100,       /* levels of a stack that is shown only in part: */
    SHOWN = 20,       /* so many from its top */
};

struct failure {
    struct task *task;
    lua_State *co;
};

static const char *copy_text(struct task *task, const char *text)
{
    const char *copy = arena_copy(task->arena, text, strlen(text));
    return copy ? copy : "no memory for the message";
}

/* Cuts text where its first line ends, at the latest after SHORT_TEXT bytes; never inside a letter.
 */
static void shorten(const char *text, char *line)
{
    size_t n = text_cut(text, strcspn(text, "\n"), SHORT_TEXT - 1);
    memcpy(line, text, n);
    line[n] = '\0';
    if (!text_is_utf8(line, n))
        strcpy(line, "an error that is not UTF-8");
}

static void set_internal(struct task *task, const char *text)
{
    char line[SHORT_TEXT];
    char message[SHORT_TEXT + 96];
    shorten(text, line);
    snprintf(message, sizeof(message), "%s: the script failed: %s", task->name, line);
    task->status = STATUS_INTERNAL;
    task->message = copy_text(task, message);
}

/* Adds one level of a stack.  [-0, +0, m] */
static void add_level(luaL_Buffer *buffer, const lua_Debug *at)
{
    lua_State *L = buffer->L;
    if (at->currentline > 0)
        lua_pushfstring(L, "\n\t%s:%d: in ", at->short_src, at->currentline);
    else
        lua_pushfstring(L, "\n\t%s: in ", at->short_src);
    luaL_addvalue(buffer);
    if (at->name)
        lua_pushfstring(L, "%s '%s'", at->namewhat, at->name);
    else
        lua_pushfstring(L, "function <%s:%d>", at->short_src, at->linedefined);
    luaL_addvalue(buffer);
}

void failure_trace(lua_State *L, lua_State *co, const char *text)
{
    lua_Debug at;
    luaL_Buffer buffer;
    if (!lua_getstack(co, DEEP, &at)) {
        luaL_traceback(L, co, text, 0);
        return;
    }
    luaL_buffinit(L, &buffer);
    if (text)
        luaL_addstring(&buffer, text);
    luaL_addstring(&buffer, text ? "\nstack traceback:" : "stack traceback:");
    for (int level = 0; level < SHOWN && lua_getstack(co, level, &at); level++) {
        lua_getinfo(co, "Sln", &at);
        add_level(&buffer, &at);
    }
    luaL_addstring(&buffer, "\n\t... (and many more)");
    luaL_pushresult(&buffer);
}

/* lua_pcall's function. Arguments: error object, struct failure. luaL_tolstring may call a script's
 * __tostring, and that may raise in turn. */
static int describe(lua_State *L)
{
    struct failure *failure = lua_touserdata(L, 2);
    struct task *task = failure->task;
    const char *message;
    if (csi_status_get(L, 1, &task->status, &message)) {
        task->message = copy_text(task, message);
        return 0;
    }
    const char *text = luaL_tolstring(L, 1, NULL);
    set_internal(task, text);
    failure_trace(L, failure->co, text);
    log_error("Handler failed", log_str("method", task->name), log_if("id", task_id(task)),
              log_str("error", lua_tostring(L, -1)));
    return 0;
}

void failure_describe(struct task *task, lua_State *co, int lua_status)
{
    lua_State *L = task->vm->L;
    struct failure failure = {.task = task, .co = co};
    if (lua_status == LUA_ERRMEM) {
        lua_Debug at = {.currentline = -1};
        if (lua_getstack(co, 0, &at))
            lua_getinfo(co, "Sl", &at); /* needs no memory */
        lua_pop(co, 1);
        task->status = STATUS_RESOURCE_EXHAUSTED;
        task->message = "the script ran out of memory";
        log_error("Handler ran out of memory", log_str("method", task->name),
                  log_if("id", task_id(task)),
                  log_str("in", at.currentline > 0 ? at.short_src : "C"),
                  log_int("line", at.currentline > 0 ? at.currentline : 0));
        return;
    }
    lua_pushcfunction(L, describe);
    lua_xmove(co, L, 1);
    lua_pushlightuserdata(L, &failure);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        lua_pop(L, 1);
        set_internal(task, "an error object that cannot be shown");
        log_error("Handler failed", log_str("method", task->name), log_if("id", task_id(task)),
                  log_str("error", "an error object that cannot be shown"));
    }
}
