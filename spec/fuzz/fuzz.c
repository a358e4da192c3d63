/* Owns nothing; the one thread of the fuzzer. */
#include "fuzz.h"

#include "csi/catalog.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct fuzz fuzz_begin(const uint8_t *data, size_t size)
{
    struct err err;
    FUZZ_CHECK(catalog_init(&err) == 0, "%s", err.text);
    return (struct fuzz){data, data + size};
}

uint8_t fuzz_byte(struct fuzz *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

unsigned fuzz_number(struct fuzz *in)
{
    unsigned low = fuzz_byte(in);
    return low | (unsigned)fuzz_byte(in) << 8;
}

size_t fuzz_bytes(struct fuzz *in, size_t most, const uint8_t **bytes)
{
    size_t left = (size_t)(in->end - in->at);
    size_t n = left < most ? left : most;
    *bytes = in->at;
    in->at += n;
    return n;
}

const struct schema *fuzz_schema(struct fuzz *in)
{
    return catalog_message_at(fuzz_number(in) % catalog_message_count());
}

bool fuzz_lua(lua_CFunction fn, void *data)
{
    lua_State *L = luaL_newstate();
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, data);
    bool ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
    lua_close(L);
    return ok;
}

static bool holds_all(lua_State *L, int table, int other)
{
    for (lua_pushnil(L); lua_next(L, other); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_rawget(L, table); /* stack: key value found */
        bool same = fuzz_same(L, lua_gettop(L), lua_gettop(L) - 1);
        lua_pop(L, 1);
        if (!same) {
            lua_pop(L, 2);
            return false;
        }
    }
    return true;
}

bool fuzz_same(lua_State *L, int a, int b)
{
    luaL_checkstack(L, 4, "fuzz_same");
    if (!lua_istable(L, a) || !lua_istable(L, b))
        return lua_rawequal(L, a, b) && lua_isinteger(L, a) == lua_isinteger(L, b);
    return holds_all(L, a, b) && holds_all(L, b, a);
}

void fuzz_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}
