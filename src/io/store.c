/* The operations on a store, each atomic under one mutex, which is held for no longer than it takes
 * to copy a value or to list the keys. Any thread. */
#include "io/store.h"

#include "base/text.h"
#include "io/clock.h"
#include "io/store_table.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct store {
    pthread_mutex_t mutex; /* guards all that follows */
    struct store_table table;
    void (*changed)(void *data); /* store_on_change; NULL: nobody wants to know */
    void *changed_data;
};

struct store *store_new(struct err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store || store_table_init(&store->table) != 0) {
        free(store);
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a store");
        return NULL;
    }
    pthread_mutex_init(&store->mutex, NULL);
    return store;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    store_table_fini(&store->table);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

int store_check_key(struct store_key key, struct err *err)
{
    if (key.size == 0 || key.size > STORE_KEY_BYTES)
        return err_set(err, STATUS_INVALID_ARGUMENT, "expected a key of 1 to %d bytes, got %zu",
                       STORE_KEY_BYTES, key.size);
    if (!text_is_utf8(key.text, key.size))
        return err_set(err, STATUS_INVALID_ARGUMENT, "expected a key in UTF-8");
    return 0;
}

int store_check_value(const struct store_value *value, struct err *err)
{
    if (value->size > STORE_STRING_BYTES)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected a string of at most %d bytes, got %zu", STORE_STRING_BYTES,
                       value->size);
    if (value->kind == STORE_FLOAT && !isfinite(value->number))
        return err_set(err, STATUS_INVALID_ARGUMENT, "expected a finite number");
    return 0;
}

/* ---- under the mutex ---- */

/* The entry of key unless it has expired. */
static struct store_entry *find(const struct store *store, struct store_key key)
{
    struct store_entry *entry = store_table_find(&store->table, key);
    return entry && !store_entry_expired(entry, clock_now()) ? entry : NULL;
}

static void tell(const struct store *store)
{
    if (store->changed)
        store->changed(store->changed_data);
}

static int drop(struct store *store, struct store_key key)
{
    if (store_table_remove(&store->table, key))
        tell(store);
    return 0;
}

/* Looks for entries that have expired only when the table is full or about to grow. */
static int put(struct store *store, struct store_key key, const struct store_value *value,
               int64_t expires, struct err *err)
{
    struct store_table *table = &store->table;
    const struct store_entry *old = store_table_find(table, key);
    size_t more = store_entry_bytes(key, value);
    size_t less = old ? store_entry_bytes(key, &old->value) : 0;
    if (table->n == table->n_buckets || table->bytes - less + more > STORE_BYTES) {
        store_table_expire(table, clock_now());
        old = store_table_find(table, key);
        less = old ? less : 0;
    }
    if (table->bytes - less + more > STORE_BYTES)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED,
                       "the store is full: expected at most %d bytes", STORE_BYTES);
    struct store_entry *entry = store_entry_new(key, value, expires);
    if (!entry)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the store");
    store_table_put_take(table, entry);
    tell(store);
    return 0;
}

static int set(struct store *store, struct store_key key, const struct store_value *value,
               int64_t expires, struct err *err)
{
    return value->kind == STORE_NIL ? drop(store, key) : put(store, key, value, expires, err);
}

static int incr(struct store *store, struct store_key key, int64_t by, int64_t *sum,
                struct err *err)
{
    static const char *const kinds[] = {
        [STORE_BOOLEAN] = "a boolean",
        [STORE_FLOAT] = "a float",
        [STORE_STRING] = "a string",
    };
    const struct store_entry *entry = find(store, key);
    const struct store_value *old = entry ? &entry->value : &(const struct store_value){0};
    if (entry && old->kind != STORE_INTEGER)
        return err_set(err, STATUS_FAILED_PRECONDITION, "%.*s: expected an integer, got %s",
                       (int)key.size, key.text, kinds[old->kind]);
    if (__builtin_add_overflow(old->integer, by, sum))
        return err_set(err, STATUS_OUT_OF_RANGE, "%.*s: %lld and %lld make no 64-bit integer",
                       (int)key.size, key.text, (long long)old->integer, (long long)by);
    const struct store_value value = {.kind = STORE_INTEGER, .integer = *sum};
    return put(store, key, &value, entry ? entry->expires : 0, err);
}

static bool equal(const struct store_value *a, const struct store_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case STORE_NIL:
        return true;
    case STORE_BOOLEAN:
        return a->boolean == b->boolean;
    case STORE_INTEGER:
        return a->integer == b->integer;
    case STORE_FLOAT:
        return a->number == b->number;
    case STORE_STRING:
        return a->size == b->size && memcmp(a->string, b->string, a->size) == 0;
    }
    return false;
}

static bool has_prefix(const struct store_entry *entry, struct store_key prefix)
{
    return entry->key.size >= prefix.size && memcmp(entry->key.text, prefix.text, prefix.size) == 0;
}

/* Copies the keys, as many as there is memory for. */
static int copy_keys(const struct store *store, struct store_key prefix, struct arena *arena,
                     struct store_key *keys, size_t *n)
{
    const struct store_table *table = &store->table;
    int64_t now = clock_now();
    *n = 0;
    for (size_t i = 0; i < table->n_buckets; i++) {
        for (const struct store_entry *entry = table->buckets[i]; entry; entry = entry->next) {
            if (store_entry_expired(entry, now) || !has_prefix(entry, prefix))
                continue;
            const char *text = arena_copy(arena, entry->key.text, entry->key.size);
            if (!text)
                return -1;
            keys[(*n)++] = (struct store_key){.text = text, .size = entry->key.size};
        }
    }
    return 0;
}

/* ---- what others call ---- */

void store_get(struct store *store, struct store_key key, char *buffer, size_t room,
               struct store_value *value)
{
    pthread_mutex_lock(&store->mutex);
    const struct store_entry *entry = find(store, key);
    *value = entry ? entry->value : (struct store_value){.kind = STORE_NIL};
    if (value->size <= room && value->size > 0)
        memcpy(buffer, value->string, value->size);
    value->string = buffer;
    pthread_mutex_unlock(&store->mutex);
}

int store_set(struct store *store, struct store_key key, const struct store_value *value,
              int64_t ttl, struct err *err)
{
    pthread_mutex_lock(&store->mutex);
    int failed = set(store, key, value, ttl > 0 ? clock_now() + ttl : 0, err);
    pthread_mutex_unlock(&store->mutex);
    return failed;
}

int store_incr(struct store *store, struct store_key key, int64_t by, int64_t *sum, struct err *err)
{
    pthread_mutex_lock(&store->mutex);
    int failed = incr(store, key, by, sum, err);
    pthread_mutex_unlock(&store->mutex);
    return failed;
}

int store_cas(struct store *store, struct store_key key, const struct store_value *old,
              const struct store_value *new, bool *swapped, struct err *err)
{
    pthread_mutex_lock(&store->mutex);
    const struct store_entry *entry = find(store, key);
    *swapped = equal(entry ? &entry->value : &(const struct store_value){.kind = STORE_NIL}, old);
    int failed = *swapped ? set(store, key, new, entry ? entry->expires : 0, err) : 0;
    pthread_mutex_unlock(&store->mutex);
    return failed;
}

static int compare_keys(const void *left, const void *right)
{
    const struct store_key *a = left, *b = right;
    int order = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

int store_keys(struct store *store, struct store_key prefix, struct arena *arena,
               struct store_key **keys, size_t *n, struct err *err)
{
    pthread_mutex_lock(&store->mutex);
    *keys = arena_alloc(arena, store->table.n * sizeof(**keys));
    int failed = *keys ? copy_keys(store, prefix, arena, *keys, n) : -1;
    pthread_mutex_unlock(&store->mutex);
    if (failed)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the keys");
    qsort(*keys, *n, sizeof(**keys), compare_keys);
    return 0;
}

void store_clear(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    store_table_clear(&store->table);
    if (store->changed)
        store->changed(store->changed_data);
    pthread_mutex_unlock(&store->mutex);
}

/* ---- for store_saver.c ---- */

void store_on_change(struct store *store, void (*fn)(void *data), void *data)
{
    pthread_mutex_lock(&store->mutex);
    store->changed = fn;
    store->changed_data = data;
    pthread_mutex_unlock(&store->mutex);
}

int store_snapshot(struct store *store, struct store_entry ***entries, size_t *n)
{
    pthread_mutex_lock(&store->mutex);
    const struct store_table *table = &store->table;
    *entries = calloc(table->n + 1, sizeof(**entries));
    *n = 0;
    store_table_expire(&store->table, clock_now());
    for (size_t i = 0; i < table->n_buckets && *entries; i++) {
        for (struct store_entry *entry = table->buckets[i]; entry; entry = entry->next) {
            entry->refs++;
            (*entries)[(*n)++] = entry;
        }
    }
    pthread_mutex_unlock(&store->mutex);
    return *entries ? 0 : -1;
}

void store_snapshot_free(struct store *store, struct store_entry **entries, size_t n)
{
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < n; i++)
        store_entry_unref(entries[i]);
    pthread_mutex_unlock(&store->mutex);
    free(entries);
}
