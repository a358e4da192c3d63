/* Compiles Lua text: the script, the modules it requires, the files inside the binary. */
#include "script/state.h"

#include <lauxlib.h>
#include <string.h>

void chunk_load(lua_State *L, const char *text, size_t size, const char *name)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, which some editors put first */
    if (size >= 3 && memcmp(text, mark, 3) == 0) {
        text += 3;
        size -= 3;
    }
    if (size > 0 && text[0] == '#') {
        const char *newline = memchr(text, '\n', size);
        size -= newline ? (size_t)(newline - text) : size;
        text = newline ? newline : "";
    }
    if (luaL_loadbufferx(L, text, size, name, "t") != LUA_OK)
        lua_error(L);
}
