/* What a script wants to remember: keys to values, with a time to live where one is given. A store
 * belongs to the process and not to a script, so it survives a reload; store_saver.h keeps it over
 * a restart, too. No Lua. Any thread. */
#ifndef LUACSI_IO_STORE_H
#define LUACSI_IO_STORE_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_KEY_BYTES = 256,
    STORE_STRING_BYTES = 64 * 1024,
    STORE_BYTES = 16 * 1024 * 1024, /* of all entries, with what it costs to keep them */
    STORE_TTL_SECONDS = 1000000000, /* the longest time to live: 31 years */
};

struct store;

struct store_key {
    const char *text; /* UTF-8, not NUL-terminated */
    size_t size;
};

enum store_kind { STORE_NIL, STORE_BOOLEAN, STORE_INTEGER, STORE_FLOAT, STORE_STRING };

/* STORE_NIL stands for a key that is not there. */
struct store_value {
    enum store_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number; /* finite */
    };
    const char *string; /* STORE_STRING: any bytes, not NUL-terminated */
    size_t size;        /* of string, else 0 */
};

/* An empty store; NULL and err when memory is short. */
struct store *store_new(struct err *err);

/* After the last use; NULL is allowed. */
void store_free(struct store *store);

/* What the functions below want of their arguments; -1 with err (INVALID_ARGUMENT) when it is not
 * so: a key of 1 to STORE_KEY_BYTES bytes of UTF-8, a string of at most STORE_STRING_BYTES, no NaN
 * and no infinity. */
int store_check_key(struct store_key key, struct err *err);
int store_check_value(const struct store_value *value, struct err *err);

/* Fills value. A string is copied to buffer if it fits in room bytes; if value->size is more,
 * nothing was copied: ask again with more room. */
void store_get(struct store *store, struct store_key key, char *buffer, size_t room,
               struct store_value *value);

/* Sets the key, or deletes it when value is STORE_NIL. ttl: nanoseconds until the key is gone
 * again, 0: it stays. Fails with RESOURCE_EXHAUSTED when the store is full. */
int store_set(struct store *store, struct store_key key, const struct store_value *value,
              int64_t ttl, struct err *err);

/* Adds by to an integer (to 0 where there is none) and gives the sum; a time to live goes on.
 * Fails, and changes nothing, with FAILED_PRECONDITION (another type), OUT_OF_RANGE (the sum does
 * not fit) or RESOURCE_EXHAUSTED. */
int store_incr(struct store *store, struct store_key key, int64_t by, int64_t *sum,
               struct err *err);

/* Replaces the value if it is old, of the same kind (1 is not 1.0), and tells whether it was;
 * either may be STORE_NIL. A time to live goes on. Fails with RESOURCE_EXHAUSTED. */
int store_cas(struct store *store, struct store_key key, const struct store_value *old,
              const struct store_value *new, bool *swapped, struct err *err);

/* The n keys that begin with prefix (which may be empty), sorted by their bytes, in arena. Fails
 * with RESOURCE_EXHAUSTED. */
int store_keys(struct store *store, struct store_key prefix, struct arena *arena,
               struct store_key **keys, size_t *n, struct err *err);

/* Drops every entry. */
void store_clear(struct store *store);

/* ---- for store_saver.c ---- */

struct store_entry;

/* From now on calls fn(data) after each change, under the store's lock: fn must not call back, and
 * be quick. fn NULL: no more. */
void store_on_change(struct store *store, void (*fn)(void *data), void *data);

/* Every entry that has not expired: n references for the caller, in memory for store_snapshot_free.
 * They do not change, whatever happens to the store. -1 when memory is short. */
int store_snapshot(struct store *store, struct store_entry ***entries, size_t *n);
void store_snapshot_free(struct store *store, struct store_entry **entries, size_t n);

#endif
