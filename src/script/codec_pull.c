/* Lua tables to the wire form, in one pass and without a message in between.
 *
 * The bytes are written from the last to the first (see wire_writer.h): fields by number, maps by
 * key, both descending. So the same table always gives the same bytes, in the order everyone
 * expects.
 *
 * Only raw access: no metamethod of a script runs in here. All memory is the arena's, so an error
 * that Lua raises (it can only be for want of memory) leaks nothing. Loop thread. */
#include "script/codec.h"

#include "base/text.h"
#include "csi/timestamp.h"
#include "script/codec_entries.h"
#include "script/codec_names.h"
#include "script/codec_place.h"
#include "script/codec_scalar.h"
#include "script/wire_writer.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

struct pull {
    lua_State *L;
    const struct codec_options *options;
    struct err *err;
    struct wire_writer writer;
    bool checks;   /* whether rules are asked: see has_rule */
    int stack_end; /* the stack has slots up to this index */
};

COLD static int no_memory(struct pull *p)
{
    return err_set(p->err, STATUS_RESOURCE_EXHAUSTED, "no memory for the reply");
}

COLD static int wrong_field(struct pull *p, int index, const struct schema_field *field,
                            const struct place *place)
{
    return place_wrong_field(place, p->L, index, field, p->err);
}

/* A rule of the specification said no (p->err has what it expects): fails the reply or, under
 * RULES_WARN, tells and goes on. */
COLD static int violation(struct pull *p, const struct place *place)
{
    if (p->err->code == STATUS_INTERNAL)
        place_prefix(place, p->err);
    if (p->options->rules == RULES_STRICT)
        return -1;
    p->options->warn(p->options->data, p->err);
    return 0;
}

/* Whether the rules have a say. */
static bool has_rule(const struct pull *p, const struct schema_field *field)
{
    return field->rule && p->checks;
}

/* Once err is set, the walk goes on, so that it ends with the first mistake of all; but a warning
 * must not take its place. Returns true. */
COLD static bool note_failure(struct pull *p)
{
    p->checks = p->checks && p->options->rules != RULES_WARN;
    return true;
}

/* ---- writing ---- */

/* A varint, or the length of what stands behind it, and the field's tag. */
static inline int write_varint(struct pull *p, const struct schema_field *field, uint64_t value)
{
    return wire_write_varint(&p->writer, field->tag, value) ? no_memory(p) : 0;
}

/* Closes a length-delimited field whose content was written since `before` bytes were there. */
static int write_length_and_tag(struct pull *p, const struct schema_field *field, size_t before)
{
    return write_varint(p, field, wire_written(&p->writer) - before);
}

/* ---- one value ---- */

static int pull_message(struct pull *p, int table, const struct schema *schema,
                        const struct place *place);

/* Scalars that are a varint on the wire. A default is written only where presence counts. */
static int pull_varint(struct pull *p, int index, const struct schema_field *field,
                       const struct schema_field *ruled, const struct place *place)
{
    int64_t value = 0;
    if (field->kind == KIND_BOOL) {
        if (!lua_isboolean(p->L, index))
            return wrong_field(p, index, field, place);
        value = lua_toboolean(p->L, index);
    } else if (field->kind == KIND_ENUM) {
        if (codec_enum(p->L, index, field, p->options->names, &value, place, p->err))
            return -1;
    } else if (codec_integer(p->L, index, field, &value, place, p->err)) {
        return -1;
    }
    if (has_rule(p, ruled) && field->kind != KIND_BOOL &&
        rules_check_integer(ruled, value, p->err) && violation(p, place))
        return -1;
    if (value == 0 && field->oneof < 0)
        return 0;
    return write_varint(p, field, (uint64_t)value);
}

/* What protobuf cannot carry in a string: one that is not UTF-8, or has a NUL. */
COLD static int wrong_text(struct pull *p, struct text text, const struct place *place)
{
    if (memchr(text.at, '\0', text.size))
        err_set(p->err, STATUS_INTERNAL, "expected a string without NUL, got one with NUL");
    else
        err_set(p->err, STATUS_INTERNAL, "expected UTF-8, got a string of other bytes");
    return place_prefix(place, p->err);
}

/* Strings and bytes. In a list an empty one is written like any other (always). Most are ASCII and
 * short: these are looked at while they are copied. */
static inline __attribute__((always_inline)) int pull_text(struct pull *p, struct text text,
                                                           const struct schema_field *field,
                                                           bool always, const struct place *place)
{
    uint8_t *copy = wire_place(&p->writer, text.size);
    bool copied = copy && text_copy_plain((char *)copy, text.at, text.size);
    if (!copied && field->kind == KIND_STRING && !text_is_utf8_without_nul(text.at, text.size))
        return wrong_text(p, text, place);
    if (has_rule(p, field) && rules_check_string(field, text.at, text.size, p->err) &&
        violation(p, place))
        return -1;
    if (text.size == 0 && field->oneof < 0 && !always)
        return 0;
    if (!copied)
        return wire_write_field(&p->writer, field->tag, text.at, text.size) ? no_memory(p) : 0;
    wire_write_placed(&p->writer, field->tag, copy, text.size);
    return 0;
}

static int pull_string(struct pull *p, int index, const struct schema_field *field, bool always,
                       const struct place *place)
{
    struct text text = codec_text(p->L, index);
    return text.at ? pull_text(p, text, field, always, place) : wrong_field(p, index, field, place);
}

static int pull_timestamp(struct pull *p, int index, const struct schema *schema,
                          const struct place *place)
{
    static const char expected[] = "RFC 3339 string";
    size_t n;
    int64_t seconds;
    int32_t nanos;
    if (lua_type(p->L, index) != LUA_TSTRING)
        return place_wrong_type(place, p->L, index, expected, p->err);
    const char *text = lua_tolstring(p->L, index, &n);
    if (!timestamp_parse(text, n, &seconds, &nanos))
        return place_wrong_type(place, p->L, index, expected, p->err);
    if (nanos && write_varint(p, &schema->fields[1], (uint64_t)nanos))
        return -1;
    if (seconds && write_varint(p, &schema->fields[0], (uint64_t)seconds))
        return -1;
    return 0;
}

/* The plain value of a google.protobuf wrapper; the rules speak of the field that holds it (ruled),
 * if there is one. */
static int pull_wrapped(struct pull *p, int index, const struct schema *schema,
                        const struct schema_field *ruled, const struct place *place)
{
    const struct schema_field *inner = &schema->fields[0];
    if (inner->kind == KIND_STRING || inner->kind == KIND_BYTES)
        return pull_string(p, index, inner, false, place);
    return pull_varint(p, index, inner, ruled ? ruled : inner, place);
}

/* What lies inside a message, whatever its form. */
static int pull_content(struct pull *p, int index, const struct schema *schema,
                        const struct schema_field *ruled, const struct place *place)
{
    switch (schema->form) {
    case FORM_TIMESTAMP:
        return pull_timestamp(p, index, schema, place);
    case FORM_WRAPPER:
        return pull_wrapped(p, index, schema, ruled, place);
    case FORM_TABLE:
    case FORM_MAP_ENTRY:
        break;
    }
    return pull_message(p, index, schema, place);
}

static int pull_submessage(struct pull *p, int index, const struct schema_field *field,
                           const struct place *place)
{
    size_t before = wire_written(&p->writer);
    if (pull_content(p, index, field->message, field, place))
        return -1;
    return write_length_and_tag(p, field, before);
}

static inline int pull_value(struct pull *p, int index, const struct schema_field *field,
                             bool always, const struct place *place)
{
    switch (field->kind) {
    case KIND_STRING:
    case KIND_BYTES:
        return pull_string(p, index, field, always, place);
    case KIND_MESSAGE:
        return pull_submessage(p, index, field, place);
    default:
        return pull_varint(p, index, field, field, place);
    }
}

/* ---- lists and maps ---- */

/* How many keys a table has.  [-0, +0, -] */
static size_t count_keys(lua_State *L, int table)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, table); n++)
        lua_pop(L, 1);
    return n;
}

static int pull_list(struct pull *p, int table, const struct schema_field *field,
                     const struct place *place)
{
    lua_State *L = p->L;
    size_t n = count_keys(L, table);
    int top = lua_gettop(L) + 1;
    bool failed = false;
    if (n == 0 && has_rule(p, field) && rules_check_absent(field, p->err))
        return violation(p, place);
    for (size_t i = n; i >= 1; i--) {
        struct place item = {.outer = place, .index = (long long)i};
        if (lua_rawgeti(L, table, (lua_Integer)i) == LUA_TNIL) {
            lua_pop(L, 1);
            return place_not_a_list(place, L, table, n, p->err);
        }
        if (pull_value(p, top, field, true, &item))
            failed = note_failure(p);
        lua_pop(L, 1);
    }
    return failed ? -1 : 0;
}

static int check_entry(struct pull *p, const struct schema_field *field, const struct entry *entry,
                       const struct place *place)
{
    const struct text *key = &entry->key;
    const struct text *value = &entry->value;
    if (rules_check_string(field, key->at, key->size, p->err) && violation(p, place))
        return -1;
    if (rules_check_map_value(field, value->at, value->size, p->err) && violation(p, place))
        return -1;
    return 0;
}

/* The value of an entry is no string.  [-0, +0, m] */
COLD static int wrong_value(struct pull *p, int table, const struct schema_field *field,
                            const struct entry *entry, const struct place *place)
{
    lua_pushlstring(p->L, entry->key.at, entry->key.size);
    lua_rawget(p->L, table);
    wrong_field(p, lua_gettop(p->L), field, place);
    lua_pop(p->L, 1);
    return -1;
}

static int pull_entry(struct pull *p, int table, const struct schema_field *field,
                      const struct entry *entry, const struct place *place, size_t *total)
{
    size_t before = wire_written(&p->writer);
    const struct schema_field *key = &field->message->fields[0];
    const struct schema_field *value = &field->message->fields[1];
    if (!entry->value.at)
        return wrong_value(p, table, value, entry, place);
    if (pull_text(p, entry->value, value, false, place) ||
        pull_text(p, entry->key, key, false, place))
        return -1;
    *total += entry->key.size + entry->value.size;
    if (has_rule(p, field) && rules_of_entries(field) && check_entry(p, field, entry, place))
        return -1;
    return write_length_and_tag(p, field, before);
}

/* A map is from string to string (the catalog takes no other). */
static int pull_map(struct pull *p, int table, const struct schema_field *field,
                    const struct place *place)
{
    struct entries entries;
    size_t total = 0;
    bool failed = false;
    if (entries_take(&entries, p->L, table, p->options->arena, place, p->err))
        return -1;
    for (size_t i = entries.n; i-- > 0;) {
        const struct entry *entry = &entries.at[i];
        struct place here = {.outer = place, .name = entry->key.at};
        if (pull_entry(p, table, field, entry, &here, &total))
            failed = note_failure(p);
    }
    if (failed)
        return -1;
    if (has_rule(p, field) && rules_check_map(field, total, p->err))
        return violation(p, place);
    return 0;
}

/* ---- messages ---- */

static int pull_field(struct pull *p, int index, const struct schema_field *field,
                      const struct place *place)
{
    if (!field->repeated)
        return pull_value(p, index, field, false, place);
    if (!lua_istable(p->L, index))
        return wrong_field(p, index, field, place);
    return field->map ? pull_map(p, index, field, place) : pull_list(p, index, field, place);
}

COLD static int two_arms(struct pull *p, const struct schema *schema, unsigned first,
                         const struct schema_field *second, const struct place *place)
{
    err_set(p->err, STATUS_INTERNAL, "expected one of a oneof, got both %s and %s",
            second->pb->name, schema->fields[first].pb->name);
    return place_prefix(place, p->err);
}

/* Checks what is to be said once all fields of a table were seen. */
static int finish_message(struct pull *p, int table, const struct schema *schema, bool unknown,
                          bool oneof_set, const struct place *place)
{
    if (unknown)
        return place_unknown_key(place, p->L, table, schema, p->err);
    if (schema->n_oneofs > 0 && p->options->rules != RULES_OFF &&
        rules_check_oneof(schema, oneof_set, p->err))
        return violation(p, place);
    return 0;
}

/* A list of JSON, which may be empty, is no message: the JSON reader marks it.  [-0, +0, m] */
static bool is_json_list(lua_State *L, int table)
{
    size_t n = 0;
    if (!lua_getmetatable(L, table))
        return false;
    lua_pushliteral(L, "__jsontype");
    lua_rawget(L, -2);
    const char *type = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : "";
    bool is_list = n == 5 && memcmp(type, "array", 5) == 0;
    lua_pop(L, 2);
    return is_list;
}

/* Where the values of a table lie on the stack. */
struct slots {
    int top;                        /* before any of them was pushed */
    uint8_t of[SCHEMA_MOST_FIELDS]; /* above top, of each field; 0: the table leaves it out */
    bool unknown;                   /* the table has a key that is no field */
    bool empty;                     /* it has none that is one */
};

/* Makes sure of the stack up to the index end, and of some more: most tables need not ask again.
 * [-0, +0, me] */
static void need_stack(struct pull *p, int end)
{
    enum { AHEAD = 24 };
    if (end <= p->stack_end)
        return;
    p->stack_end = end + AHEAD;
    luaL_checkstack(p->L, p->stack_end - lua_gettop(p->L), "table nested too deeply");
}

/* The field whose name is the key at index; NULL: the message has none.  [-0, +0, me] */
static const struct schema_field *field_at(struct pull *p, int index, const struct schema *schema)
{
    int known = codec_names_field(p->L, index, p->options->names, schema);
    if (known >= 0)
        return &schema->fields[known];
    struct text key = codec_text(p->L, index);
    return key.at ? schema_find(schema, key.at, key.size) : NULL;
}

/* Pushes what a table holds: one walk over it finds the values, and that no other key is there.
 * [-0, +2 * n_fields at most, me] */
static void push_fields(struct pull *p, struct slots *slots, int table, const struct schema *schema)
{
    lua_State *L = p->L;
    uint8_t n = 0;
    *slots = (struct slots){.top = lua_gettop(L), .empty = true};
    need_stack(p, slots->top + 2 * (int)schema->n_fields + 6);
    lua_pushnil(L);
    while (lua_next(L, table)) { /* stack: the n so far, key, value */
        const struct schema_field *field = field_at(p, -2, schema);
        if (!field) {
            slots->unknown = true;
            lua_pop(L, 1);
            continue;
        }
        slots->empty = false;
        slots->of[field - schema->fields] = n + 2;
        lua_pushvalue(L, -2);
        n += 2;
    }
}

/* Writes the fields that push_fields found, last first.  [-0, +0, m] */
static int pull_fields(struct pull *p, const struct slots *slots, const struct schema *schema,
                       bool *oneof_set, const struct place *place)
{
    enum { NO_ARM = -1 };
    int arms[SCHEMA_MOST_ONEOFS] = {NO_ARM, NO_ARM, NO_ARM, NO_ARM};
    bool failed = false;
    for (unsigned i = schema->n_fields; i-- > 0;) {
        const struct schema_field *field = &schema->fields[i];
        if (slots->of[i] == 0 && !has_rule(p, field))
            continue;
        struct place here = {.outer = place, .name = field->pb->name, .secret = field->secret};
        int bad = 0;
        if (slots->of[i] > 0) {
            if (field->oneof >= 0 && arms[field->oneof] != NO_ARM)
                bad = two_arms(p, schema, (unsigned)arms[field->oneof], field, place);
            else
                bad = pull_field(p, slots->top + slots->of[i], field, &here);
            if (field->oneof >= 0)
                arms[field->oneof] = (int)i;
        } else if (rules_check_absent(field, p->err)) {
            bad = violation(p, &here);
        }
        if (bad)
            failed = note_failure(p);
    }
    *oneof_set = arms[0] != NO_ARM;
    return failed ? -1 : 0;
}

static int pull_message(struct pull *p, int table, const struct schema *schema,
                        const struct place *place)
{
    lua_State *L = p->L;
    bool oneof_set;
    if (!lua_istable(L, table))
        return place_wrong_type(place, L, table, "table", p->err);
    struct slots slots;
    push_fields(p, &slots, table, schema);
    if (slots.empty && is_json_list(L, table)) {
        lua_settop(L, slots.top);
        err_set(p->err, STATUS_INTERNAL, "expected table, got a list");
        return place_prefix(place, p->err);
    }
    int failed = pull_fields(p, &slots, schema, &oneof_set, place);
    lua_settop(L, slots.top);
    return failed ? -1 : finish_message(p, table, schema, slots.unknown, oneof_set, place);
}

int codec_pull(lua_State *L, int index, const struct schema *schema,
               const struct codec_options *options, struct bytes *out, struct err *err)
{
    struct pull p = {
        .L = L,
        .options = options,
        .err = err,
        .checks = options->rules != RULES_OFF,
        .stack_end = LUA_MINSTACK, /* which every C function has */
    };
    struct place root = {.name = schema->name};
    if (wire_writer_init(&p.writer, options->arena))
        return no_memory(&p);
    if (pull_content(&p, lua_absindex(L, index), schema, NULL, &root))
        return -1;
    *out = (struct bytes){.data = p.writer.at, .size = wire_written(&p.writer)};
    return 0;
}
