/* What the fuzz targets share: reading the input piece by piece, comparing Lua values, and stopping
 * where a promise is broken. libFuzzer calls LLVMFuzzerTestOneInput of the target on one thread. */
#ifndef LUACSI_SPEC_FUZZ_H
#define LUACSI_SPEC_FUZZ_H

#include "csi/schema.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What of the input is not read yet. */
struct fuzz {
    const uint8_t *at;
    const uint8_t *end;
};

/* All of the input; makes the catalog, the first time. */
struct fuzz fuzz_begin(const uint8_t *data, size_t size);

/* The next byte; 0 behind the end. */
uint8_t fuzz_byte(struct fuzz *in);

/* The next two bytes, the lower one first. */
unsigned fuzz_number(struct fuzz *in);

/* The next bytes, at most most of them; how many they are. */
size_t fuzz_bytes(struct fuzz *in, size_t most, const uint8_t **bytes);

/* The message type that the next two bytes choose. */
const struct schema *fuzz_schema(struct fuzz *in);

/* Calls fn with data as its only argument, in a Lua state of its own, so that a leak of one input
 * is not laid on the next. False when Lua raised. */
bool fuzz_lua(lua_CFunction fn, void *data);

/* Whether the two values are the same, tables by what is in them. No metamethods. [-0, +0, m] */
bool fuzz_same(lua_State *L, int a, int b);

/* Stops the fuzzer, which keeps the input: condition, which should hold, does not. */
#define FUZZ_CHECK(condition, ...)                      \
    do {                                                \
        if (!(condition))                               \
            fuzz_fail(__FILE__, __LINE__, __VA_ARGS__); \
    } while (0)

_Noreturn void fuzz_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
