/* Messages to Lua tables and back, by their schema alone: the codec knows no message by name, and
 * the server, the client, the command line and the tests all use this one.
 *
 * Reading: protobuf-c unpacks the bytes, codec_push walks the message. Writing: codec_pull walks
 * the table and writes the wire form straight from it. Conversion table: docs/scripting.md. */
#ifndef LUACSI_SCRIPT_CODEC_H
#define LUACSI_SCRIPT_CODEC_H

#include "base/arena.h"
#include "base/err.h"
#include "csi/rules.h"
#include "csi/schema.h"

struct codec_names;
struct lua_State;

/* Serialized bytes in somebody's arena. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

/* How codec_pull goes about a table. */
struct codec_options {
    struct arena *arena;   /* of the result and of the way to it */
    enum rules_mode rules; /* RULES_OFF for requests: the rules speak of replies */
    /* Called for each violation under RULES_WARN; err holds the whole text. */
    void (*warn)(void *data, const struct err *err);
    void *data; /* for warn */
    /* Of the Lua state, where many tables are written; NULL: names are compared byte by byte. */
    struct codec_names *names;
};

/* Unpacks size bytes into arena. NULL with err: STATUS_INTERNAL when they are no such message,
 * STATUS_RESOURCE_EXHAUSTED when memory is short. */
ProtobufCMessage *codec_unpack(const struct schema *schema, const uint8_t *data, size_t size,
                               struct arena *arena, struct err *err);

/* Pushes message as its Lua value.  [-0, +1, me]  Raises: call only inside a task or lua_pcall.
 * In a request, scalars hold their defaults, repeated fields and maps are tables, and an absent
 * message is nil. With annotate each table gets a metatable that tells json.encode the order of its
 * fields and a list from an object (__jsonorder, __jsontype). */
void codec_push(struct lua_State *L, const struct schema *schema, const ProtobufCMessage *message,
                bool annotate);

/* Writes the value at index as a message. Returns 0 and out, or -1 and err with the whole path:
 * "GetPluginInfoResponse.manifest.build: expected string, got table".
 * [-0, +0, me]  Raises only for lack of memory: call only inside a task or lua_pcall. */
int codec_pull(struct lua_State *L, int index, const struct schema *schema,
               const struct codec_options *options, struct bytes *out, struct err *err);

#endif
