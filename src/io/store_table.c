/* A chained hash table that doubles when it has an entry for each bucket. The caller's thread,
 * under the store's mutex. */
#include "io/store_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 64 };

/* ---- entries ---- */

size_t store_entry_bytes(struct store_key key, const struct store_value *value)
{
    return sizeof(struct store_entry) + key.size + value->size;
}

struct store_entry *store_entry_new(struct store_key key, const struct store_value *value,
                                    int64_t expires)
{
    struct store_entry *entry = malloc(store_entry_bytes(key, value));
    if (!entry)
        return NULL;
    char *text = (char *)(entry + 1);
    *entry = (struct store_entry){.refs = 1, .expires = expires, .key = key, .value = *value};
    entry->key.text = memcpy(text, key.text, key.size);
    if (value->kind == STORE_STRING)
        entry->value.string = memcpy(text + key.size, value->string, value->size);
    return entry;
}

void store_entry_unref(struct store_entry *entry)
{
    if (--entry->refs == 0)
        free(entry);
}

/* ---- the table ---- */

/* FNV-1a, 64 bits. */
static uint64_t hash(struct store_key key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.size; i++)
        h = (h ^ (unsigned char)key.text[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* Where the pointer to key's entry stands, or the NULL where one would be put. */
static struct store_entry **slot_of(const struct store_table *table, struct store_key key)
{
    struct store_entry **slot = &table->buckets[hash(key) & (table->n_buckets - 1)];
    while (*slot &&
           ((*slot)->key.size != key.size || memcmp((*slot)->key.text, key.text, key.size) != 0))
        slot = &(*slot)->next;
    return slot;
}

static size_t bytes_of(const struct store_entry *entry)
{
    return store_entry_bytes(entry->key, &entry->value);
}

static void remove_at(struct store_table *table, struct store_entry **slot)
{
    struct store_entry *entry = *slot;
    *slot = entry->next;
    table->n--;
    table->bytes -= bytes_of(entry);
    store_entry_unref(entry);
}

static void grow(struct store_table *table)
{
    const struct store_table old = *table;
    struct store_entry **buckets = calloc(old.n_buckets * 2, sizeof(struct store_entry *));
    if (!buckets)
        return; /* the chains grow longer instead */
    table->buckets = buckets;
    table->n_buckets = old.n_buckets * 2;
    for (size_t i = 0; i < old.n_buckets; i++) {
        for (struct store_entry *entry = old.buckets[i], *next; entry; entry = next) {
            next = entry->next;
            entry->next = NULL;
            *slot_of(table, entry->key) = entry;
        }
    }
    free(old.buckets);
}

int store_table_init(struct store_table *table)
{
    *table = (struct store_table){.n_buckets = FIRST_BUCKETS};
    table->buckets = calloc(FIRST_BUCKETS, sizeof(struct store_entry *));
    return table->buckets ? 0 : -1;
}

void store_table_clear(struct store_table *table)
{
    for (size_t i = 0; i < table->n_buckets; i++) {
        while (table->buckets[i])
            remove_at(table, &table->buckets[i]);
    }
}

void store_table_fini(struct store_table *table)
{
    store_table_clear(table);
    free(table->buckets);
}

struct store_entry *store_table_find(const struct store_table *table, struct store_key key)
{
    return *slot_of(table, key);
}

void store_table_put_take(struct store_table *table, struct store_entry *entry)
{
    struct store_entry **slot = slot_of(table, entry->key);
    if (*slot)
        remove_at(table, slot);
    entry->next = *slot;
    *slot = entry;
    table->n++;
    table->bytes += bytes_of(entry);
    if (table->n > table->n_buckets)
        grow(table);
}

bool store_table_remove(struct store_table *table, struct store_key key)
{
    struct store_entry **slot = slot_of(table, key);
    bool found = *slot != NULL;
    if (found)
        remove_at(table, slot);
    return found;
}

void store_table_expire(struct store_table *table, int64_t now)
{
    for (size_t i = 0; i < table->n_buckets; i++) {
        for (struct store_entry **slot = &table->buckets[i]; *slot;) {
            if (store_entry_expired(*slot, now))
                remove_at(table, slot);
            else
                slot = &(*slot)->next;
        }
    }
}
