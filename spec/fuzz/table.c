/* Tables such as a script could give, built as the input says: lists, maps, cycles, values of every
 * type, and the names of the message's own fields, so that the deep ones are reached. The codec
 * makes bytes of them that decode, or gives a reason; JSON makes a text that reads back the same.
 */
#include "fuzz.h"

#include "script/codec.h"
#include "script/json.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

enum { ARENA_BYTES = 4 * 1024 * 1024, MOST_DEPTH = 12, MOST_ITEMS = 12 };

struct build {
    lua_State *L;
    struct fuzz in;
    const struct schema *schema;
    struct arena arena;
    enum rules_mode rules;
    unsigned warnings;
};

static void push_value(struct build *build, const struct schema *schema, int depth);

/* ---- building ---- */

static void push_number(struct build *build)
{
    static const double odd[] = {0.5, -0.0, 1e300, 9007199254740993.0, INFINITY, NAN};
    static const lua_Integer large[] = {INT32_MAX,      INT32_MIN,      INT32_MAX + 1LL,
                                        LUA_MININTEGER, LUA_MAXINTEGER, 4294967296};
    unsigned kind = fuzz_byte(&build->in);
    if (kind < 6)
        lua_pushnumber(build->L, odd[kind]);
    else if (kind < 12)
        lua_pushinteger(build->L, large[kind - 6]);
    else if (kind < 20)
        lua_pushnumber(build->L, kind);
    else
        lua_pushinteger(build->L, (lua_Integer)fuzz_number(&build->in) - 128);
}

static void push_text(struct build *build)
{
    const uint8_t *bytes;
    unsigned n = fuzz_byte(&build->in);
    size_t size = fuzz_bytes(&build->in, n < 250 ? n % 32 : 5000, &bytes);
    lua_pushlstring(build->L, (const char *)bytes, size);
}

/* What a script would most likely put where a field of this type is wanted. */
static void push_fitting(struct build *build, const struct schema_field *field, int depth)
{
    const ProtobufCEnumDescriptor *names = field->pb->descriptor;
    switch (field->kind) {
    case KIND_BOOL:
        lua_pushboolean(build->L, fuzz_byte(&build->in) & 1);
        return;
    case KIND_INT32:
    case KIND_INT64:
        push_number(build);
        return;
    case KIND_ENUM:
        lua_pushstring(build->L, names->values[fuzz_byte(&build->in) % names->n_values].name);
        return;
    case KIND_STRING:
    case KIND_BYTES:
        push_text(build);
        return;
    case KIND_MESSAGE:
        if (field->message->form == FORM_TIMESTAMP)
            lua_pushliteral(build->L, "2026-02-03T04:05:06.789Z");
        else if (field->message->form == FORM_WRAPPER)
            push_fitting(build, &field->message->fields[0], depth);
        else
            push_value(build, field->message, depth);
        return;
    }
}

/* Fills the table on top with a list of what the field wants, or a map. */
static void fill_repeated(struct build *build, const struct schema_field *field, int depth)
{
    unsigned n = fuzz_byte(&build->in) % MOST_ITEMS;
    for (unsigned i = 1; i <= n; i++) {
        if (field->map) {
            push_text(build);
            push_fitting(build, &field->message->fields[1], depth);
            lua_rawset(build->L, -3);
        } else {
            push_fitting(build, field, depth);
            lua_rawseti(build->L, -2, i);
        }
    }
}

static void add_field(struct build *build, const struct schema *schema, int depth)
{
    const struct schema_field *field = &schema->fields[fuzz_byte(&build->in) % schema->n_fields];
    if (!field->repeated) {
        push_fitting(build, field, depth);
    } else {
        lua_newtable(build->L);
        fill_repeated(build, field, depth);
    }
    lua_setfield(build->L, -2, field->pb->name);
}

/* Any key, any value, below the table on top. */
static void add_anything(struct build *build, int depth)
{
    unsigned kind = fuzz_byte(&build->in);
    if (kind < 100)
        lua_pushinteger(build->L, kind % 8);
    else if (kind < 200)
        push_text(build);
    else
        lua_pushboolean(build->L, kind & 1);
    push_value(build, build->schema, depth);
    lua_rawset(build->L, -3);
}

static void push_table(struct build *build, const struct schema *schema, int depth)
{
    lua_newtable(build->L);
    unsigned n = fuzz_byte(&build->in) % MOST_ITEMS;
    for (unsigned i = 0; i < n && depth < MOST_DEPTH; i++) {
        unsigned kind = fuzz_byte(&build->in);
        if (schema->n_fields > 0 && kind < 200) {
            add_field(build, schema, depth + 1);
        } else if (kind < 240) {
            add_anything(build, depth + 1);
        } else { /* the table inside of itself */
            lua_pushvalue(build->L, -1);
            lua_rawseti(build->L, -2, kind & 3);
        }
    }
    if (fuzz_byte(&build->in) > 250)
        json_mark_array(build->L);
}

/* [-0, +1, m] */
static void push_value(struct build *build, const struct schema *schema, int depth)
{
    luaL_checkstack(build->L, 8, "table");
    switch (fuzz_byte(&build->in) & 15) {
    case 0:
        push_number(build);
        return;
    case 1:
        push_text(build);
        return;
    case 2:
        lua_pushboolean(build->L, fuzz_byte(&build->in) & 1);
        return;
    case 3:
        lua_pushlightuserdata(build->L, fuzz_byte(&build->in) & 1 ? build : NULL);
        return;
    case 4:
        lua_pushnil(build->L);
        return;
    default:
        push_table(build, schema, depth);
    }
}

/* ---- promises ---- */

static void warn(void *data, const struct err *err)
{
    struct build *build = data;
    FUZZ_CHECK(err->text[0], "a warning without text");
    build->warnings++;
}

/* The value at index 2 as bytes, these as a table, and that as the same bytes. */
static void check_codec(struct build *build)
{
    lua_State *L = build->L;
    const struct schema *schema = build->schema;
    struct codec_options options = {
        .arena = &build->arena, .rules = build->rules, .warn = warn, .data = build};
    struct bytes bytes, again;
    struct err err = {.text = ""};
    if (codec_pull(L, 2, schema, &options, &bytes, &err)) {
        FUZZ_CHECK(err.text[0], "%s: refused without a reason", schema->name);
        return;
    }
    FUZZ_CHECK(build->warnings == 0 || build->rules == RULES_WARN, "%s: a warning", schema->name);
    const ProtobufCMessage *message =
        codec_unpack(schema, bytes.data, bytes.size, &build->arena, &err);
    FUZZ_CHECK(message, "%s: our bytes are refused: %s", schema->name, err.text);
    codec_push(L, schema, message, false);
    options.rules = RULES_OFF;
    FUZZ_CHECK(codec_pull(L, -1, schema, &options, &again, &err) == 0, "%s: refused: %s",
               schema->name, err.text);
    FUZZ_CHECK(bytes.size == again.size && memcmp(bytes.data, again.data, bytes.size) == 0,
               "%s: other bytes", schema->name);
}

/* The value at index 2 as JSON, and that as a value with the same JSON. */
static void check_json(struct build *build)
{
    lua_State *L = build->L;
    struct err err = {.text = ""};
    if (json_text(L, 2, build->rules == RULES_OFF ? 2 : 0, &err)) {
        FUZZ_CHECK(err.text[0], "JSON: refused without a reason");
        return;
    }
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    if (json_push(L, text, size, JSON_KEEP_NULLS, &err)) { /* the one thing that json.h excepts */
        FUZZ_CHECK(strstr(err.text, "NUL byte in object key"), "JSON: %s: %s", err.text, text);
        return;
    }
    FUZZ_CHECK(json_text(L, -1, build->rules == RULES_OFF ? 2 : 0, &err) == 0, "JSON: %s: %s",
               err.text, text);
    FUZZ_CHECK(lua_rawequal(L, -1, -3), "JSON: %s, then %s", text, lua_tostring(L, -1));
}

static int check(lua_State *L)
{
    struct build *build = lua_touserdata(L, 1);
    build->L = L;
    push_value(build, build->schema, 0);
    check_codec(build);
    check_json(build);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct build build = {.in = fuzz_begin(data, size)};
    build.schema = fuzz_schema(&build.in);
    build.rules = (enum rules_mode)(fuzz_byte(&build.in) % 3);
    arena_init(&build.arena, ARENA_BYTES);
    FUZZ_CHECK(fuzz_lua(check, &build), "%s: Lua raised", build.schema->name);
    arena_fini(&build.arena);
    return 0;
}
