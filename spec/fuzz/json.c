/* The request of `luacsi call`: JSON as a message of any type, that as JSON, and this as the same
 * message. */
#include "fuzz.h"

#include "base/text.h"
#include "script/transcode.h"

#include <string.h>

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static void check(const struct schema *schema, const char *json, size_t size, struct arena *arena)
{
    struct bytes bytes, again;
    struct err err = {.text = ""};
    const char *text;
    if (transcode_from_json(schema, json, size, arena, &bytes, &err)) {
        FUZZ_CHECK(err.text[0] && text_is_utf8(err.text, strlen(err.text)),
                   "%s: refused without a reason that can be shown", schema->name);
        return;
    }
    ProtobufCMessage *message = codec_unpack(schema, bytes.data, bytes.size, arena, &err);
    FUZZ_CHECK(message, "%s: our bytes are refused: %s", schema->name, err.text);
    FUZZ_CHECK(transcode_to_json(schema, message, (int)size % 3, arena, &text, &err) == 0,
               "%s: no JSON: %s", schema->name, err.text);
    FUZZ_CHECK(transcode_from_json(schema, text, strlen(text), arena, &again, &err) == 0,
               "%s: our JSON is refused: %s: %s", schema->name, err.text, text);
    FUZZ_CHECK(bytes.size == again.size && memcmp(bytes.data, again.data, bytes.size) == 0,
               "%s: another message: %s", schema->name, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = fuzz_begin(data, size);
    struct arena arena;
    const uint8_t *json;
    const struct schema *schema = fuzz_schema(&in);
    size_t n = fuzz_bytes(&in, SIZE_MAX, &json);
    arena_init(&arena, ARENA_BYTES);
    check(schema, (const char *)json, n, &arena);
    arena_fini(&arena);
    return 0;
}
