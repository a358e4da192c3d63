/* Reads and writes the file of a store. The main thread reads, the saver's thread writes.
 *
 *   {"luacsi_store":1,"entries":[
 *   {"key":"boots","value":3},
 *   {"key":"token","value":{"hex":"00ff"},"expires":1735689600.0}
 *   ]}
 *
 * A string that is no UTF-8 is written in hex; expires counts in seconds since the epoch. */
#include "io/store_file.h"

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    VERSION = 1,
    FILE_BYTES = 8 * STORE_BYTES, /* escapes can make a byte six */
    MODE = 0600,
};

static double wall_clock(void)
{
    return (double)clock_wall() / 1e9;
}

/* ---- reading ---- */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The bytes of a string of hex digits, written over it; false when there is something else in it.
 */
static bool decode_hex(char *text, size_t *size)
{
    for (size_t i = 0; i < *size / 2; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        text[i] = (char)(high << 4 | low);
    }
    bool even = *size % 2 == 0;
    *size /= 2;
    return even;
}

/* Memory is short. Nothing is wrong with the file: it must not be taken for a corrupt one. */
static int no_memory(struct err *err)
{
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to read it");
}

/* Puts the bytes that text has in hex into value; they lie in arena. */
static int read_hex(const json_t *text, struct arena *arena, struct store_value *value,
                    struct err *err)
{
    size_t size = json_string_length(text);
    char *bytes = arena_copy(arena, json_string_value(text), size);
    if (!bytes)
        return no_memory(err);
    if (!decode_hex(bytes, &size))
        return err_set(err, STATUS_DATA_LOSS, "value: expected bytes in hex");
    *value = (struct store_value){.kind = STORE_STRING, .string = bytes, .size = size};
    return 0;
}

/* Fills value from json, to which, or to arena, its string belongs. */
static int read_value(const json_t *json, struct arena *arena, struct store_value *value,
                      struct err *err)
{
    const json_t *hex = json_object_get(json, "hex");
    if (json_is_string(hex))
        return read_hex(hex, arena, value, err);
    switch (json_typeof(json)) {
    case JSON_TRUE:
    case JSON_FALSE:
        *value = (struct store_value){.kind = STORE_BOOLEAN, .boolean = json_is_true(json)};
        return 0;
    case JSON_INTEGER:
        *value = (struct store_value){.kind = STORE_INTEGER, .integer = json_integer_value(json)};
        return 0;
    case JSON_REAL:
        *value = (struct store_value){.kind = STORE_FLOAT, .number = json_real_value(json)};
        return 0;
    case JSON_STRING:
        *value = (struct store_value){.kind = STORE_STRING,
                                      .string = json_string_value(json),
                                      .size = json_string_length(json)};
        return 0;
    default:
        return err_set(err, STATUS_DATA_LOSS,
                       "value: expected a boolean, a number, a string or bytes in hex");
    }
}

/* What json_unpack_ex could not find in the file. */
static int refuse(const json_error_t *error, const char *expected, struct err *err)
{
    return json_error_code(error) == json_error_out_of_memory
               ? no_memory(err)
               : err_set(err, STATUS_DATA_LOSS, "%s", expected);
}

/* Puts one entry of the file into store. seconds: the wall clock's time. */
static int read_entry(json_t *json, struct store *store, double seconds, struct arena *arena,
                      struct err *err)
{
    struct store_value value;
    struct store_key key;
    json_t *json_value;
    json_error_t error;
    double expires = 0;
    if (json_unpack_ex(json, &error, 0, "{s:s%, s:o, s?F}", "key", &key.text, &key.size, "value",
                       &json_value, "expires", &expires) != 0)
        return refuse(&error, "expected a key, a value and perhaps a time", err);
    if (store_check_key(key, err) || read_value(json_value, arena, &value, err) ||
        store_check_value(&value, err))
        return -1;
    double ttl = expires > 0 ? expires - seconds : 0;
    if (expires > 0 && ttl <= 0)
        return 0;
    if (ttl > STORE_TTL_SECONDS)
        ttl = STORE_TTL_SECONDS; /* the clock was set back by a lot */
    return store_set(store, key, &value, (int64_t)(ttl * 1e9), err);
}

static int read_entries(json_t *entries, struct store *store, struct err *err)
{
    double seconds = wall_clock();
    int failed = 0;
    size_t i;
    json_t *json;
    json_array_foreach(entries, i, json)
    {
        struct arena arena;
        arena_init(&arena, SIZE_MAX);
        failed = read_entry(json, store, seconds, &arena, err);
        arena_fini(&arena);
        if (failed)
            return err_prefix(err, "entry %zu: ", i + 1);
    }
    return failed;
}

static int read_text(const char *text, size_t size, struct store *store, struct err *err)
{
    static const char expected[] =
        "expected an object with \"luacsi_store\": 1 and a list of entries";
    json_error_t error;
    json_t *entries;
    int version;
    errno = 0; /* jansson takes a text for a wrong one when memory is short */
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root && errno == ENOMEM)
        return no_memory(err);
    if (!root)
        return err_set(err, STATUS_DATA_LOSS, "line %d: %s", error.line, error.text);
    int failed = json_unpack_ex(root, &error, 0, "{s:i, s:o}", "luacsi_store", &version, "entries",
                                &entries);
    if (failed)
        refuse(&error, expected, err);
    else if (version != VERSION || !json_is_array(entries))
        failed = err_set(err, STATUS_DATA_LOSS, "%s", expected);
    else
        failed = read_entries(entries, store, err);
    json_decref(root);
    return failed;
}

int store_file_load(const char *path, struct store *store, struct err *err)
{
    struct arena arena;
    char *text;
    size_t size;
    arena_init(&arena, SIZE_MAX);
    int failed = file_read(path, FILE_BYTES, &arena, &text, &size, err);
    if (failed && err->code == STATUS_NOT_FOUND) {
        failed = 0;
    } else if (!failed && read_text(text, size, store, err)) {
        if (err->code != STATUS_RESOURCE_EXHAUSTED)
            err->code = STATUS_DATA_LOSS; /* whatever was wrong with an entry */
        failed = err_prefix(err, "%s: ", path);
    }
    arena_fini(&arena);
    return failed;
}

/* ---- writing ---- */

static json_t *string_json(const struct store_value *value)
{
    if (text_is_utf8(value->string, value->size))
        return json_stringn(value->string, value->size);
    char *hex = malloc(value->size * 2 + 1);
    if (!hex)
        return NULL;
    for (size_t i = 0; i < value->size; i++)
        sprintf(hex + 2 * i, "%02x", (unsigned char)value->string[i]);
    json_t *json = json_pack("{s:s}", "hex", hex);
    free(hex);
    return json;
}

static json_t *value_json(const struct store_value *value)
{
    switch (value->kind) {
    case STORE_BOOLEAN:
        return json_boolean(value->boolean);
    case STORE_INTEGER:
        return json_integer(value->integer);
    case STORE_FLOAT:
        return json_real(value->number);
    case STORE_STRING:
        return string_json(value);
    case STORE_NIL:
        break;
    }
    return NULL;
}

/* skew: seconds that the wall clock is ahead of clock_now. */
static int write_entry(FILE *file, const struct store_entry *entry, double skew)
{
    json_t *json = json_pack("{s:s%, s:o}", "key", entry->key.text, entry->key.size, "value",
                             value_json(&entry->value));
    int failed = json ? 0 : -1;
    if (json && entry->expires)
        failed =
            json_object_set_new(json, "expires", json_real((double)entry->expires / 1e9 + skew));
    failed = failed || json_dumpf(json, file, JSON_COMPACT) ? -1 : 0;
    json_decref(json);
    return failed;
}

static int write_entries(FILE *file, struct store_entry *const *entries, size_t n)
{
    double skew = wall_clock() - (double)clock_now() / 1e9;
    fprintf(file, "{\"luacsi_store\":%d,\"entries\":[", VERSION);
    for (size_t i = 0; i < n; i++) {
        fputs(i > 0 ? ",\n" : "\n", file);
        if (write_entry(file, entries[i], skew))
            return -1;
    }
    fputs("\n]}\n", file);
    return fflush(file) == 0 && !ferror(file) ? 0 : -1;
}

/* Writes the new content to the file at path, which must not exist yet; -1 with errno. */
static int write_file(const char *path, struct store_entry *const *entries, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    errno = ENOMEM; /* what fails without saying why wanted memory */
    int failed = write_entries(file, entries, n) || fsync(fd) ? errno : 0;
    if (fclose(file) != 0 && !failed)
        failed = errno;
    errno = failed;
    return failed ? -1 : 0;
}

/* Makes the folder remember which file has the name. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", path);
    path_to_folder(folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    if (fd >= 0)
        close(fd);
    return failed ? -1 : 0;
}

int store_file_save(const char *path, struct store_entry *const *entries, size_t n, struct err *err)
{
    char temporary[PATH_MAX + 8];
    snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    unlink(temporary); /* left by a process that was killed */
    if (write_file(temporary, entries, n) || rename(temporary, path) || sync_folder(path)) {
        err_errno(err, file_status(errno), "%s", temporary);
        unlink(temporary);
        return -1;
    }
    return 0;
}
