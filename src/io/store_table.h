/* The hash table of a store, and its entries. For the files io/store*.c alone, which lock around
 * it.
 */
#ifndef LUACSI_IO_STORE_TABLE_H
#define LUACSI_IO_STORE_TABLE_H

#include "io/store.h"

/* One key and its value; never changed once it is made, so that a list of references is a snapshot.
 */
struct store_entry {
    struct store_entry *next; /* of the same bucket; the table's own */
    size_t refs;              /* guarded by the store's mutex */
    int64_t expires;          /* as clock_now counts; 0: never */
    struct store_key key;     /* lies behind the entry */
    struct store_value value; /* so does its string */
};

struct store_table {
    struct store_entry **buckets;
    size_t n_buckets; /* a power of two */
    size_t n;         /* entries */
    size_t bytes;     /* that the entries take */
};

/* An entry with one reference, the caller's; NULL when memory is short. */
struct store_entry *store_entry_new(struct store_key key, const struct store_value *value,
                                    int64_t expires);
void store_entry_unref(struct store_entry *entry);

/* Bytes that the entry of such a key and value takes. */
size_t store_entry_bytes(struct store_key key, const struct store_value *value);

/* -1 when memory is short; then there is nothing to give back. */
int store_table_init(struct store_table *table);
void store_table_clear(struct store_table *table);
void store_table_fini(struct store_table *table);

/* The entry, expired or not; NULL when there is none. */
struct store_entry *store_table_find(const struct store_table *table, struct store_key key);

/* Takes the caller's reference; an entry of the same key goes. */
void store_table_put_take(struct store_table *table, struct store_entry *entry);

/* False when there was none. */
bool store_table_remove(struct store_table *table, struct store_key key);

/* Drops what has expired at now, a time as clock_now counts. */
void store_table_expire(struct store_table *table, int64_t now);

static inline bool store_entry_expired(const struct store_entry *entry, int64_t now)
{
    return entry->expires && entry->expires <= now;
}

#endif
