/* Lua values to JSON text. Runs on the thread of its Lua state.
 *
 * All memory is Lua's own (the text grows in a userdata, so do the lists of keys), so an error that
 * Lua raises on the way leaks nothing and a script's text counts against its memory limit. */
#include "base/text.h"
#include "script/json.h"

#include <lauxlib.h>
#include <limits.h>
#include <locale.h>
#include <lua.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where in the value the writer stands: a list from the innermost table outwards. */
struct place {
    const struct place *up; /* NULL: the value itself */
    const char *key;        /* of an object; NULL in an array */
    lua_Integer index;      /* in an array */
    int depth;              /* tables around it */
};

struct writer {
    lua_State *L;
    int slot; /* stack index of the userdata that is the text so far */
    char *text;
    size_t size;
    size_t capacity;
    int indent;
    struct err *err;
};

struct key {
    const char *text; /* the table anchors it */
    size_t size;
    lua_Integer rank; /* position in __jsonorder; LUA_MAXINTEGER: not named there */
};

/* How many keys of each kind a table has. */
struct census {
    size_t all;
    size_t strings;
    size_t indices; /* integers from 1 */
    lua_Integer highest;
};

static int write_value(struct writer *w, const struct place *place);

/* ---- the text ---- */

static void add(struct writer *w, const char *bytes, size_t n)
{
    if (n == 0)
        return;
    if (n > w->capacity - w->size) {
        size_t capacity = 2 * (w->capacity + n);
        char *text = lua_newuserdatauv(w->L, capacity, 0);
        if (w->size > 0)
            memcpy(text, w->text, w->size);
        lua_replace(w->L, w->slot);
        w->text = text;
        w->capacity = capacity;
    }
    memcpy(w->text + w->size, bytes, n);
    w->size += n;
}

static void add_text(struct writer *w, const char *text)
{
    add(w, text, strlen(text));
}

static void add_newline(struct writer *w, int depth)
{
    if (w->indent == 0)
        return;
    add(w, "\n", 1);
    for (int i = 0; i < depth * w->indent; i++)
        add(w, " ", 1);
}

static void add_escaped(struct writer *w, unsigned char c)
{
    static const char shorts[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                                     {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
    for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++) {
        if (c == (unsigned char)shorts[i][0]) {
            add(w, (const char[]){'\\', shorts[i][1]}, 2);
            return;
        }
    }
    char hex[8];
    snprintf(hex, sizeof(hex), "\\u%04x", c);
    add_text(w, hex);
}

static void add_string(struct writer *w, const char *s, size_t n)
{
    size_t plain = 0; /* start of the run that needs no escape */
    add(w, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        size_t start = i;
        if (c == 0xc2 && i + 1 < n && (unsigned char)s[i + 1] < 0xa0)
            c = (unsigned char)s[++i]; /* U+0080 to U+009F: control characters, too */
        else if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        add(w, s + plain, start - plain);
        add_escaped(w, c);
        plain = i + 1;
    }
    add(w, s + plain, n - plain);
    add(w, "\"", 1);
}

/* The shortest digits that read back as the same number, and always as a float. */
static void add_float(struct writer *w, double number)
{
    char text[40];
    int digits = 15;
    do {
        snprintf(text, sizeof(text), "%.*g", digits, number);
    } while (strtod(text, NULL) != number && ++digits <= 17);
    char *point = strstr(text, localeconv()->decimal_point);
    if (point)
        *point = '.';
    add_text(w, text);
    if (!strpbrk(text, ".e"))
        add(w, ".0", 2);
}

/* ---- errors ---- */

enum { PATH_TEXT = 256 };

static size_t format_path(const struct place *place, char *path, size_t size)
{
    if (!place->up)
        return (size_t)snprintf(path, size, "value");
    size_t n = format_path(place->up, path, size);
    if (n >= size)
        return n;
    if (place->key)
        return n + (size_t)snprintf(path + n, size - n, ".%s", place->key);
    return n + (size_t)snprintf(path + n, size - n, "[" LUA_INTEGER_FMT "]", place->index);
}

static int fail(struct writer *w, const struct place *place, const char *reason)
{
    char path[PATH_TEXT];
    bool cut = format_path(place, path, sizeof(path)) >= sizeof(path);
    return err_set(w->err, STATUS_INVALID_ARGUMENT, "%s%s: %s", path, cut ? "..." : "", reason);
}

static int fail_type(struct writer *w, const struct place *place, int type)
{
    char reason[80];
    snprintf(reason, sizeof(reason), "expected a value that JSON knows, got %s",
             lua_typename(w->L, type));
    return fail(w, place, reason);
}

/* ---- tables ---- */

/* Pushes the raw metafield of the table on top, or nil.  [-0, +1, m] */
static void push_metafield(lua_State *L, const char *name)
{
    if (!lua_getmetatable(L, -1)) {
        lua_pushnil(L);
        return;
    }
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/* Counts the keys of the table on top. */
static struct census count_keys(lua_State *L)
{
    struct census census = {0};
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        census.all++;
        if (lua_type(L, -1) == LUA_TSTRING) {
            census.strings++;
        } else if (lua_isinteger(L, -1) && lua_tointeger(L, -1) > 0) {
            lua_Integer index = lua_tointeger(L, -1);
            census.indices++;
            census.highest = index > census.highest ? index : census.highest;
        }
    }
    return census;
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *left = a;
    const struct key *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    size_t common = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->text, right->text, common);
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

/* Replaces the list of names on top by a table from name to position; leaves nil for nil. */
static int rank_names(struct writer *w, const struct place *place)
{
    lua_State *L = w->L;
    if (lua_isnil(L, -1))
        return 0;
    if (!lua_istable(L, -1))
        return fail(w, place, "expected a list of keys in __jsonorder");
    lua_newtable(L);
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -2); i > 0;
         i--) { /* the first mention counts */
        if (lua_rawgeti(L, -2, i) != LUA_TSTRING)
            return fail(w, place, "expected a list of keys in __jsonorder");
        lua_pushinteger(L, i);
        lua_rawset(L, -3);
    }
    lua_replace(L, -2);
    return 0;
}

/* Pushes a userdata that holds the keys of the table below it, in the order of writing. All of them
 * are strings. NULL: __jsonorder is no list; then what is pushed has no meaning. */
static struct key *push_keys(struct writer *w, const struct place *place, size_t n)
{
    lua_State *L = w->L;
    push_metafield(L, "__jsonorder");
    if (rank_names(w, place))
        return NULL;
    struct key *keys = lua_newuserdatauv(L, n * sizeof(*keys), 0);
    lua_insert(L, -2);
    lua_pushnil(L);
    for (size_t i = 0; lua_next(L, -4); i++) { /* stack: table keys ranks key value */
        lua_pop(L, 1);
        keys[i].text = lua_tolstring(L, -1, &keys[i].size);
        keys[i].rank = LUA_MAXINTEGER;
        if (lua_istable(L, -2)) {
            lua_pushvalue(L, -1);
            if (lua_rawget(L, -3) == LUA_TNUMBER)
                keys[i].rank = lua_tointeger(L, -1);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    qsort(keys, n, sizeof(*keys), compare_keys);
    return keys;
}

static int write_member(struct writer *w, const struct place *place, const struct key *key)
{
    const struct place inner = {.up = place, .key = key->text, .depth = place->depth + 1};
    if (!text_is_utf8(key->text, key->size))
        return fail(w, place, "a key is not valid UTF-8");
    add_newline(w, inner.depth);
    add_string(w, key->text, key->size);
    add_text(w, w->indent > 0 ? ": " : ":");
    lua_pushlstring(w->L, key->text, key->size);
    lua_rawget(w->L, -3);
    if (write_value(w, &inner))
        return -1;
    lua_pop(w->L, 1);
    return 0;
}

static int write_object(struct writer *w, const struct place *place, size_t n)
{
    if (n == 0) {
        add_text(w, "{}");
        return 0;
    }
    const struct key *keys = push_keys(w, place, n);
    if (!keys)
        return -1;
    for (size_t i = 0; i < n; i++) {
        add(w, i == 0 ? "{" : ",", 1);
        if (write_member(w, place, &keys[i]))
            return -1;
    }
    lua_pop(w->L, 1);
    add_newline(w, place->depth);
    add_text(w, "}");
    return 0;
}

static int write_array(struct writer *w, const struct place *place, lua_Integer n)
{
    if (n == 0) {
        add_text(w, "[]");
        return 0;
    }
    for (lua_Integer i = 1; i <= n; i++) {
        const struct place inner = {.up = place, .index = i, .depth = place->depth + 1};
        add(w, i == 1 ? "[" : ",", 1);
        add_newline(w, inner.depth);
        lua_rawgeti(w->L, -1, i);
        if (write_value(w, &inner))
            return -1;
        lua_pop(w->L, 1);
    }
    add_newline(w, place->depth);
    add_text(w, "]");
    return 0;
}

/* Says in declared whether __jsontype calls the table on top an array, an object or (0) neither. */
static int declared_type(struct writer *w, const struct place *place, char *declared)
{
    push_metafield(w->L, "__jsontype");
    const char *type = lua_type(w->L, -1) == LUA_TSTRING ? lua_tostring(w->L, -1) : NULL;
    bool array = type && strcmp(type, "array") == 0;
    bool object = type && strcmp(type, "object") == 0;
    if (!lua_isnil(w->L, -1) && !array && !object)
        return fail(w, place, "expected \"array\" or \"object\" in __jsontype");
    *declared = array ? 'a' : object ? 'o' : 0;
    lua_pop(w->L, 1);
    return 0;
}

static int write_table(struct writer *w, const struct place *place)
{
    char declared = 0;
    if (place->depth >= JSON_DEPTH)
        return fail(w, place, "nested too deep, or a cycle");
    if (declared_type(w, place, &declared))
        return -1;
    const struct census census = count_keys(w->L);
    bool list = census.indices == census.all && census.highest == (lua_Integer)census.all;
    bool named = census.strings == census.all;
    if (declared != 'a' && named)
        return write_object(w, place, census.all);
    if (declared != 'o' && list)
        return write_array(w, place, census.highest);
    if (declared == 'a' || census.indices == census.all)
        return fail(w, place, "expected a list without holes and other keys");
    return fail(w, place,
                declared == 'o' || census.indices == 0 ? "expected keys that are strings only"
                                                       : "expected a list or named keys, got both");
}

/* ---- values ---- */

static int write_number(struct writer *w, const struct place *place)
{
    char text[32];
    if (lua_isinteger(w->L, -1)) {
        snprintf(text, sizeof(text), LUA_INTEGER_FMT, lua_tointeger(w->L, -1));
        add_text(w, text);
        return 0;
    }
    if (!isfinite(lua_tonumber(w->L, -1)))
        return fail(w, place, "expected a finite number");
    add_float(w, lua_tonumber(w->L, -1));
    return 0;
}

static int write_string(struct writer *w, const struct place *place)
{
    size_t n;
    const char *s = lua_tolstring(w->L, -1, &n);
    if (!text_is_utf8(s, n))
        return fail(w, place, "expected valid UTF-8");
    add_string(w, s, n);
    return 0;
}

/* Writes the value on top; after -1 the stack may hold more. */
static int write_value(struct writer *w, const struct place *place)
{
    luaL_checkstack(w->L, 8, "JSON");
    int type = lua_type(w->L, -1);
    switch (type) {
    case LUA_TTABLE:
        return write_table(w, place);
    case LUA_TSTRING:
        return write_string(w, place);
    case LUA_TNUMBER:
        return write_number(w, place);
    case LUA_TBOOLEAN:
        add_text(w, lua_toboolean(w->L, -1) ? "true" : "false");
        return 0;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(w->L, -1))
            return fail_type(w, place, type);
        add_text(w, "null");
        return 0;
    default:
        return fail_type(w, place, type);
    }
}

int json_text(lua_State *L, int index, int indent, struct err *err)
{
    int top = lua_gettop(L);
    luaL_checkstack(L, 4, "JSON");
    lua_pushvalue(L, index);
    lua_pushnil(L); /* the text comes here */
    lua_insert(L, -2);
    struct writer w = {.L = L, .slot = top + 1, .indent = indent, .err = err};
    const struct place root = {0};
    int result = write_value(&w, &root);
    if (result == 0)
        lua_pushlstring(L, w.text, w.size);
    else
        lua_pushnil(L);
    lua_replace(L, top + 1);
    lua_settop(L, result == 0 ? top + 1 : top);
    return result;
}
