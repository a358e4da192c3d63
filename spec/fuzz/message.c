/* Bytes as a message of any type: what the codec takes becomes a table, the table bytes again, and
 * these the same table. What it does not take, it has to refuse with a reason. */
#include "fuzz.h"

#include "script/codec.h"

#include <lauxlib.h>
#include <string.h>

enum { ARENA_BYTES = 16 * 1024 * 1024 };

struct round {
    const struct schema *schema;
    const uint8_t *data;
    size_t size;
    struct arena arena;
};

/* The proto's numbers are open, the script's are not: an enum may hold one that has no name. */
static bool is_unknown_enum(const struct err *err)
{
    return strstr(err->text, "), got number ") != NULL;
}

static int go_round(lua_State *L)
{
    struct round *round = lua_touserdata(L, 1);
    const struct schema *schema = round->schema;
    struct codec_options options = {.arena = &round->arena, .rules = RULES_OFF};
    struct bytes bytes;
    struct err err = {.text = ""};
    ProtobufCMessage *message = codec_unpack(schema, round->data, round->size, &round->arena, &err);
    if (!message) {
        FUZZ_CHECK(err.text[0], "%s: refused without a reason", schema->name);
        return 0;
    }
    codec_push(L, schema, message, false);
    if (codec_pull(L, -1, schema, &options, &bytes, &err)) {
        FUZZ_CHECK(is_unknown_enum(&err), "%s: the table is refused: %s", schema->name, err.text);
        return 0;
    }
    message = codec_unpack(schema, bytes.data, bytes.size, &round->arena, &err);
    FUZZ_CHECK(message, "%s: our bytes are refused: %s", schema->name, err.text);
    codec_push(L, schema, message, true);
    FUZZ_CHECK(fuzz_same(L, lua_gettop(L) - 1, lua_gettop(L)), "%s: another table", schema->name);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = fuzz_begin(data, size);
    struct round round = {.schema = fuzz_schema(&in)};
    round.size = fuzz_bytes(&in, SIZE_MAX, &round.data);
    arena_init(&round.arena, ARENA_BYTES);
    FUZZ_CHECK(fuzz_lua(go_round, &round), "%s: Lua raised", round.schema->name);
    arena_fini(&round.arena);
    return 0;
}
