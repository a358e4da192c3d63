/* Compares calls with what is expected of them. A filter owns its JSON. Loop thread. */
#include "serve/filter.h"

#include "script/transcode.h"

#include <jansson.h>
#include <string.h>

/* ---- reading ---- */

static int read_method(struct filter *filter, const char *name, struct err *err)
{
    const char *nearest;
    if (!name[0])
        return 0;
    filter->method = catalog_method(name);
    if (filter->method)
        return 0;
    nearest = catalog_nearest_method(name);
    return err_set(err, STATUS_INVALID_ARGUMENT, "CSI has no method %.80s%s%s%s", name,
                   nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
}

static int read_status(struct filter *filter, const char *name, struct err *err)
{
    if (!name[0])
        return 0;
    filter->status = status_from_name(name, strlen(name));
    return filter->status >= 0 ? 0
                               : err_set(err, STATUS_INVALID_ARGUMENT,
                                         "expected the name of a status such as ABORTED, got "
                                         "\"%.40s\"",
                                         name);
}

/* What no request can have is a mistake: it would never match. */
static int check_request(const struct method *method, const char *text, struct arena *arena,
                         struct err *err)
{
    struct bytes bytes;
    return transcode_from_json(method->request, text, strlen(text), arena, &bytes, err);
}

static int read_request(struct filter *filter, const char *text, struct arena *arena,
                        struct err *err)
{
    json_error_t error;
    if (!text[0])
        return 0;
    filter->request = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!filter->request)
        return err_set(err, STATUS_INVALID_ARGUMENT, "request: line %d, column %d: %.200s",
                       error.line, error.column, error.text);
    if (!json_is_object(filter->request))
        return err_set(err, STATUS_INVALID_ARGUMENT, "request: expected a JSON object");
    if (filter->method && check_request(filter->method, text, arena, err))
        return err_prefix(err, "request: ");
    return 0;
}

int filter_init(struct filter *filter, const Luacsi__V1__CallFilter *said, struct arena *arena,
                struct err *err)
{
    *filter = (struct filter){.status = -1};
    if (!said)
        return 0;
    if (read_method(filter, said->method, err) || read_status(filter, said->status, err) ||
        read_request(filter, said->request_json, arena, err)) {
        filter_fini(filter);
        return -1;
    }
    return 0;
}

void filter_fini(struct filter *filter)
{
    json_decref(filter->request);
    filter->request = NULL;
}

/* ---- comparing ---- */

/* What a journal leaves out: a field that has its default. */
static bool is_default(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_INTEGER:
        return json_integer_value(value) == 0;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_OBJECT:
        return json_object_size(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    default:
        return false;
    }
}

/* The first place where expected is not in what came. */
struct difference {
    FILE *path; /* where its path is written, behind what stands there; NULL: nobody wants it */
    json_t *came;
};

static bool is_within(json_t *expected, json_t *came, struct difference *difference);

static bool is_object_within(json_t *expected, json_t *came, struct difference *difference)
{
    const char *key;
    json_t *value;
    json_object_foreach(expected, key, value)
    {
        json_t *member = json_object_get(came, key);
        if (!member && is_default(value))
            continue;
        if (member && is_within(value, member, NULL))
            continue;
        if (difference)
            fprintf(difference->path, ".%s", key);
        return is_within(value, member, difference);
    }
    return true;
}

static bool is_list_within(json_t *expected, json_t *came, struct difference *difference)
{
    json_t *value;
    size_t i;
    json_array_foreach(expected, i, value)
    {
        json_t *item = json_array_get(came, i);
        if (is_within(value, item, NULL))
            continue;
        if (difference)
            fprintf(difference->path, "[%zu]", i + 1);
        return is_within(value, item, difference);
    }
    return true;
}

/* Whether expected is in what came (NULL: nothing did): members of objects, all items of lists. The
 * depth is bounded: what came is a message. */
static bool is_within(json_t *expected, json_t *came, struct difference *difference)
{
    if (json_is_object(expected) && json_is_object(came))
        return is_object_within(expected, came, difference);
    if (json_is_array(expected) && json_is_array(came) &&
        json_array_size(expected) == json_array_size(came))
        return is_list_within(expected, came, difference);
    if (difference)
        difference->came = came;
    return json_equal(expected, came) == 1;
}

static bool is_request_within(const struct filter *filter, const struct journal_entry *entry)
{
    json_t *came = json_loads(entry->request, 0, NULL);
    bool is_in = came && is_within(filter->request, came, NULL);
    json_decref(came);
    return is_in;
}

bool filter_matches(const struct filter *filter, const struct journal_entry *entry)
{
    if (filter->method && filter->method != entry->method)
        return false;
    if (filter->status >= 0 && filter->status != entry->status)
        return false;
    return !filter->request || is_request_within(filter, entry);
}

/* ---- telling ---- */

static void explain_request(const struct filter *filter, const struct journal_entry *entry,
                            FILE *file)
{
    struct difference difference = {.path = file};
    json_t *came = json_loads(entry->request, 0, NULL);
    fprintf(file, "request");
    is_within(filter->request, came, &difference);
    if (difference.came) {
        fprintf(file, " is ");
        json_dumpf(difference.came, file, JSON_COMPACT | JSON_ENCODE_ANY);
    } else {
        fprintf(file, " is not there");
    }
    json_decref(came);
}

void filter_explain(const struct filter *filter, const struct journal_entry *entry, FILE *file)
{
    if (filter->method && filter->method != entry->method)
        fprintf(file, "is of %s", entry->method->name);
    else if (filter->status >= 0 && filter->status != entry->status)
        fprintf(file, "ended in %s", status_name(entry->status));
    else
        explain_request(filter, entry, file);
}

void filter_describe(const struct filter *filter, bool is_one, FILE *file)
{
    fprintf(file, is_one ? "call" : "calls");
    if (filter->method)
        fprintf(file, " of %s", filter->method->name);
    if (filter->status >= 0)
        fprintf(file, " that ended in %s", status_name(filter->status));
    if (filter->request) {
        fprintf(file, " with ");
        json_dumpf(filter->request, file, JSON_COMPACT);
    }
}
