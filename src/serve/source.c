/* Owns the texts of a source. A source made of another one copies what it keeps. */
#include "serve/source.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct source {
    atomic_uint refs;
    const char *path; /* NULL: the built-in identity */
    char *name;       /* of text; NULL: the file at path counts */
    char *text;       /* ends with NUL */
    size_t size;
    struct vm_setting *settings; /* those from first_own on own their texts */
    size_t n_settings;
    size_t first_own;
};

static struct source *no_memory(struct source *source, struct err *err)
{
    source_unref(source);
    err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a script");
    return NULL;
}

/* With the n settings, which are borrowed, and room for as many more. */
static struct source *make(const char *path, const struct vm_setting *settings, size_t n,
                           size_t more)
{
    struct source *source = calloc(1, sizeof(*source));
    if (!source)
        return NULL;
    atomic_init(&source->refs, 1);
    source->path = path;
    source->settings = calloc(n + more + 1, sizeof(*source->settings));
    if (!source->settings) {
        source_unref(source);
        return NULL;
    }
    if (n > 0)
        memcpy(source->settings, settings, n * sizeof(*settings));
    source->n_settings = source->first_own = n;
    return source;
}

struct source *source_new(const struct vm_options *options, const char *path, struct err *err)
{
    struct source *source = make(path, options->settings, options->n_settings, 0);
    return source ? source : no_memory(source, err);
}

static char *copy(const char *bytes, size_t n)
{
    char *own = malloc(n + 1);
    if (!own)
        return NULL;
    memcpy(own, bytes, n);
    own[n] = '\0';
    return own;
}

/* ---- settings ---- */

static bool set(struct vm_setting *setting, const char *key, size_t key_size, const char *value,
                size_t value_size)
{
    *setting = (struct vm_setting){
        .key = copy(key, key_size),
        .key_size = key_size,
        .value = copy(value, value_size),
        .value_size = value_size,
    };
    return setting->key && setting->value;
}

static void drop(const struct vm_setting *setting)
{
    free((char *)(uintptr_t)setting->key);
    free((char *)(uintptr_t)setting->value);
}

/* A copy without text, but for the settings called except (NULL: none) that are its own. */
static struct source *copy_settings(const struct source *from, const char *except)
{
    struct source *source =
        make(from->path, from->settings, from->first_own, from->n_settings - from->first_own);
    if (!source)
        return NULL;
    for (size_t i = from->first_own; i < from->n_settings; i++) {
        const struct vm_setting *old = &from->settings[i];
        if (except && strcmp(old->key, except) == 0)
            continue;
        if (!set(&source->settings[source->n_settings++], old->key, old->key_size, old->value,
                 old->value_size)) {
            source_unref(source);
            return NULL;
        }
    }
    return source;
}

static bool set_text(struct source *source, const char *name, const char *text, size_t size)
{
    source->name = copy(name, strlen(name));
    source->text = copy(text, size);
    source->size = size;
    return source->name && source->text;
}

struct source *source_with_text(const struct source *from, const char *name, const char *text,
                                size_t size, struct err *err)
{
    struct source *source = copy_settings(from, NULL);
    if (!source || (text && !set_text(source, name, text, size)))
        return no_memory(source, err);
    return source;
}

struct source *source_with_setting(const struct source *from, const char *key, const char *value,
                                   struct err *err)
{
    size_t key_size = strlen(key);
    size_t value_size = strlen(value);
    if (key_size == 0 || key_size > SOURCE_KEY_BYTES || value_size > SOURCE_VALUE_BYTES) {
        err_set(err, STATUS_INVALID_ARGUMENT,
                "expected a key of 1 to %d bytes and a value of at most %d, got %zu and %zu",
                SOURCE_KEY_BYTES, SOURCE_VALUE_BYTES, key_size, value_size);
        return NULL;
    }
    struct source *source = copy_settings(from, key);
    if (!source || (from->text && !set_text(source, from->name, from->text, from->size)))
        return no_memory(source, err);
    if (source->n_settings == SOURCE_SETTINGS) {
        source_unref(source);
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "more than %d settings", SOURCE_SETTINGS);
        return NULL;
    }
    if (!set(&source->settings[source->n_settings++], key, key_size, value, value_size))
        return no_memory(source, err);
    return source;
}

/* ---- references and questions ---- */

struct source *source_ref(struct source *source)
{
    atomic_fetch_add(&source->refs, 1);
    return source;
}

void source_unref(struct source *source)
{
    if (!source || atomic_fetch_sub(&source->refs, 1) > 1)
        return;
    for (size_t i = source->first_own; i < source->n_settings; i++)
        drop(&source->settings[i]);
    free(source->settings);
    free(source->name);
    free(source->text);
    free(source);
}

const char *source_name(const struct source *source)
{
    return source->name ? source->name : source->path;
}

bool source_is_file(const struct source *source)
{
    return !source->text;
}

int source_load(const struct source *source, const struct vm_options *options, struct vm **vm,
                struct err *err)
{
    struct vm_options own = *options;
    own.settings = source->settings;
    own.n_settings = source->n_settings;
    *vm = vm_new(&own, err);
    if (!*vm)
        return -1;
    if (!source->text)
        return vm_load(*vm, source->path, err);
    return vm_load_text(*vm, source->name, source->path, source->text, source->size, err);
}
