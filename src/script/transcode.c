/* Owns a short-lived Lua state without libraries, as the way between messages and JSON. Runs on the
 * thread of its caller. What a conversion makes lies in the caller's arena, so nothing is lost when
 * Lua raises. */
#include "script/transcode.h"

#include "script/json.h"

#include <lauxlib.h>
#include <lua.h>

/* One conversion, in either direction. */
struct job {
    const struct schema *schema;
    struct arena *arena;
    struct err *err;
    int result;

    const char *json; /* in */
    size_t json_size;
    struct bytes *out;

    const ProtobufCMessage *message; /* in */
    int indent;
    const char **text; /* out */
};

static int from_json(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    const struct codec_options options = {.arena = job->arena, .rules = RULES_OFF};
    job->result = json_push(L, job->json, job->json_size, JSON_DROP_NULLS, job->err);
    if (job->result) {
        err_prefix(job->err, "JSON, ");
        return 0;
    }
    job->result = codec_pull(L, -1, job->schema, &options, job->out, job->err);
    if (job->result && job->err->code == STATUS_INTERNAL)
        job->err->code = STATUS_INVALID_ARGUMENT; /* the codec speaks of replies */
    return 0;
}

static int to_json(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    codec_push(L, job->schema, job->message, true);
    job->result = json_text(L, -1, job->indent, job->err);
    if (job->result)
        return 0;
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    *job->text = arena_copy(job->arena, text, size);
    if (!*job->text)
        job->result = err_set(job->err, STATUS_RESOURCE_EXHAUSTED, "no memory for JSON");
    return 0;
}

static int run(lua_CFunction convert, struct job *job)
{
    lua_State *L = luaL_newstate();
    if (!L)
        return err_set(job->err, STATUS_RESOURCE_EXHAUSTED, "no memory for a Lua state");
    lua_pushcfunction(L, convert);
    lua_pushlightuserdata(L, job);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        job->result = err_set(job->err, STATUS_RESOURCE_EXHAUSTED, "%s", lua_tostring(L, -1));
    lua_close(L);
    return job->result;
}

int transcode_from_json(const struct schema *schema, const char *text, size_t size,
                        struct arena *arena, struct bytes *out, struct err *err)
{
    struct job job = {
        .schema = schema, .arena = arena, .err = err, .json = text, .json_size = size, .out = out};
    return run(from_json, &job);
}

int transcode_to_json(const struct schema *schema, const ProtobufCMessage *message, int indent,
                      struct arena *arena, const char **text, struct err *err)
{
    struct job job = {.schema = schema,
                      .arena = arena,
                      .err = err,
                      .message = message,
                      .indent = indent,
                      .text = text};
    return run(to_json, &job);
}
