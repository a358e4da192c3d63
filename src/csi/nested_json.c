/* Walks JSON beside the schema of its message. The depth is bounded: schemas of ours do not hold
 * themselves. */
#include "csi/nested_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_TEXT = 64 };

static const char suffix[] = "_json";

/* The members of one object: puts what becomes of it into into, in its order. */
typedef void convert(const struct schema *schema, const char *key, json_t *value, json_t *into);

static const struct schema_field *find(const struct schema *schema, const char *name)
{
    return schema_find(schema, name, strlen(name));
}

static json_t *convert_object(const struct schema *schema, json_t *object, convert *member)
{
    const char *key;
    json_t *value;
    json_t *into = json_object();
    json_object_foreach(object, key, value) member(schema, key, value, into);
    return into;
}

/* The value of a field that holds messages, one or a list of them. */
static json_t *convert_messages(const struct schema *schema, json_t *value, convert *member)
{
    size_t i;
    json_t *item;
    if (json_is_object(value))
        return convert_object(schema, value, member);
    if (!json_is_array(value))
        return json_incref(value);
    json_t *list = json_array();
    json_array_foreach(value, i, item)
    {
        json_array_append_new(list, json_is_object(item) ? convert_object(schema, item, member)
                                                         : json_incref(item));
    }
    return list;
}

/* A field that is to be left as it is, or that holds messages in which there may be something. */
static void convert_other(const struct schema *schema, const char *key, json_t *value, json_t *into,
                          convert *member)
{
    const struct schema_field *field = find(schema, key);
    bool holds_messages = field && field->kind == KIND_MESSAGE && !field->map;
    json_object_set_new(into, key,
                        holds_messages ? convert_messages(field->message, value, member)
                                       : json_incref(value));
}

static void show(const struct schema *schema, const char *key, json_t *value, json_t *into)
{
    char name[NAME_TEXT];
    size_t n = strlen(key);
    size_t end = sizeof(suffix) - 1;
    bool is_nested = n > end && n < sizeof(name) && strcmp(key + n - end, suffix) == 0;
    if (!is_nested || !json_is_string(value)) {
        convert_other(schema, key, value, into, show);
        return;
    }
    json_t *inner = json_loads(json_string_value(value), JSON_DECODE_ANY, NULL);
    snprintf(name, sizeof(name), "%.*s", (int)(n - end), key);
    json_object_set_new(into, name, inner ? inner : json_null());
}

static void hide(const struct schema *schema, const char *key, json_t *value, json_t *into)
{
    char name[NAME_TEXT + sizeof(suffix)];
    snprintf(name, sizeof(name), "%.*s%s", NAME_TEXT, key, suffix);
    if (find(schema, key) || !find(schema, name)) {
        convert_other(schema, key, value, into, hide);
        return;
    }
    char *text = json_is_null(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    json_object_set_new(into, name, json_string(text ? text : ""));
    free(text);
}

/* Takes root. */
static const char *dump(json_t *root, int indent, struct arena *arena)
{
    char *text = json_dumps(root, indent > 0 ? JSON_INDENT((size_t)indent) : JSON_COMPACT);
    const char *copy = text ? arena_copy(arena, text, strlen(text)) : NULL;
    free(text);
    json_decref(root);
    return copy;
}

const char *nested_json_show(const struct schema *schema, const char *text, int indent,
                             struct arena *arena)
{
    json_t *root = json_loads(text, 0, NULL);
    json_t *shown = root ? convert_object(schema, root, show) : NULL;
    json_decref(root);
    return shown ? dump(shown, indent, arena) : NULL;
}

const char *nested_json_hide(const struct schema *schema, const char *text, size_t size,
                             struct arena *arena)
{
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return arena_copy(arena, text, size);
    }
    json_t *hidden = convert_object(schema, root, hide);
    json_decref(root);
    return hidden ? dump(hidden, 0, arena) : NULL;
}
