/* Walks a serialized descriptor set. The numbers are those of google/protobuf/descriptor.proto.
 * No state; any thread.
 *
 * Every file of ours has a package, and none declares an extension inside a message. */
#include "csi/descriptors.h"

#include "base/embedded.h"

#include <stdlib.h>
#include <string.h>

enum { SET_FILE = 1 };
enum { NAME = 1 }; /* of each descriptor */
enum { FILE_PACKAGE = 2, FILE_IMPORT = 3, FILE_SERVICE = 6, FILE_EXTENSION = 7 };
enum { FIELD_EXTENDEE = 2, FIELD_NUMBER = 3 };

/* Which fields of a descriptor hold further ones, and what these hold. */
struct scope {
    struct {
        unsigned field; /* 0 ends the list */
        const struct scope *inner;
        bool is_enum; /* its values stand beside it, not in it */
    } children[6];
};

static const struct scope leaf;
static const struct scope enumeration = {{{2, &leaf, false}}};
static const struct scope service = {{{2, &leaf, false}}};
static const struct scope message = {{{2, &leaf, false},
                                      {3, &message, false},
                                      {4, &enumeration, true},
                                      {6, &leaf, false},
                                      {8, &leaf, false}}};
static const struct scope file_scope = {{{4, &message, false},
                                         {5, &enumeration, true},
                                         {FILE_SERVICE, &service, false},
                                         {FILE_EXTENSION, &leaf, false}}};

/* ---- fields ---- */

static uint64_t tag_of(unsigned number)
{
    return number << 3 | WIRE_BYTES;
}

/* The first field of that number, a string or a message; empty when it is not there. */
static struct wire find(struct wire descriptor, unsigned number)
{
    for (struct wire_field field; wire_next(&descriptor, &field);) {
        if (field.tag == tag_of(number))
            return field.payload;
    }
    return (struct wire){descriptor.at, descriptor.at};
}

static size_t length(struct wire text)
{
    return (size_t)(text.end - text.at);
}

static bool is_text(struct wire text, const char *expected)
{
    return length(text) == strlen(expected) && memcmp(text.at, expected, length(text)) == 0;
}

/* What follows in symbol behind prefix and a dot; "" when nothing does, NULL when it begins with
 * something else. */
static const char *behind(struct wire prefix, const char *symbol)
{
    size_t n = length(prefix);
    if (strncmp((const char *)prefix.at, symbol, n) != 0)
        return NULL;
    if (symbol[n] == '\0')
        return "";
    return symbol[n] == '.' && symbol[n + 1] != '\0' ? symbol + n + 1 : NULL;
}

/* ---- files ---- */

void descriptors_open(struct descriptors *set, const char *name)
{
    const struct embedded *file = embedded_find(name);
    if (!file)
        abort(); /* only a mistake of ours */
    struct wire rest = {file->data, file->data + file->size};
    set->n = 0;
    for (struct wire_field field; wire_next(&rest, &field);) {
        if (field.tag != tag_of(SET_FILE))
            continue;
        if (set->n == DESCRIPTORS_MOST)
            abort(); /* the build embedded more: only a mistake of ours */
        set->files[set->n++] = field.payload;
    }
}

static int file_called(const struct descriptors *set, struct wire name)
{
    for (size_t i = 0; i < set->n; i++) {
        struct wire own = find(set->files[i], NAME);
        if (length(own) == length(name) && memcmp(own.at, name.at, length(name)) == 0)
            return (int)i;
    }
    return -1;
}

int descriptors_file(const struct descriptors *set, const char *name)
{
    const uint8_t *bytes = (const uint8_t *)name;
    return file_called(set, (struct wire){bytes, bytes + strlen(name)});
}

size_t descriptors_closure(const struct descriptors *set, int file,
                           size_t indexes[DESCRIPTORS_MOST])
{
    bool taken[DESCRIPTORS_MOST] = {false};
    size_t n = 0;
    taken[file] = true;
    indexes[n++] = (size_t)file;
    for (size_t at = 0; at < n; at++) {
        struct wire rest = set->files[indexes[at]];
        for (struct wire_field field; wire_next(&rest, &field);) {
            int import = field.tag == tag_of(FILE_IMPORT) ? file_called(set, field.payload) : -1;
            if (import < 0 || taken[import])
                continue;
            taken[import] = true;
            indexes[n++] = (size_t)import;
        }
    }
    return n;
}

/* ---- symbols ---- */

/* Whether something inside the descriptor is called name, which is relative to it. */
static bool declares(const struct scope *scope, struct wire descriptor, const char *name)
{
    for (struct wire_field field; wire_next(&descriptor, &field);) {
        for (size_t i = 0; scope->children[i].field != 0; i++) {
            const struct scope *inner = scope->children[i].inner;
            if (field.tag != tag_of(scope->children[i].field))
                continue;
            if (scope->children[i].is_enum && declares(inner, field.payload, name))
                return true;
            const char *rest = behind(find(field.payload, NAME), name);
            if (!rest)
                continue;
            if (!*rest || (!scope->children[i].is_enum && declares(inner, field.payload, rest)))
                return true;
        }
    }
    return false;
}

int descriptors_of_symbol(const struct descriptors *set, const char *symbol)
{
    for (size_t i = 0; i < set->n; i++) {
        const char *rest = behind(find(set->files[i], FILE_PACKAGE), symbol);
        if (rest && *rest && declares(&file_scope, set->files[i], rest))
            return (int)i;
    }
    return -1;
}

/* ---- extensions and services ---- */

/* The number of the extension if it extends the message called type; else -1. */
static int32_t extension_number(struct wire extension, const char *type)
{
    struct wire extendee = find(extension, FIELD_EXTENDEE); /* ".google.protobuf.FieldOptions" */
    int32_t number = -1;
    if (length(extendee) == 0)
        return -1;
    extendee.at++;
    if (!is_text(extendee, type))
        return -1;
    for (struct wire_field field; wire_next(&extension, &field);) {
        if (field.tag == (FIELD_NUMBER << 3 | WIRE_VARINT))
            number = (int32_t)field.value;
    }
    return number;
}

/* Steps to the next extension of type in the rest of a file. False: there is none. */
static bool next_extension(struct wire *rest, const char *type, int32_t *number)
{
    for (struct wire_field field; wire_next(rest, &field);) {
        if (field.tag == tag_of(FILE_EXTENSION) &&
            (*number = extension_number(field.payload, type)) >= 0)
            return true;
    }
    return false;
}

int descriptors_of_extension(const struct descriptors *set, const char *type, int32_t number)
{
    int32_t found;
    for (size_t i = 0; i < set->n; i++) {
        for (struct wire rest = set->files[i]; next_extension(&rest, type, &found);) {
            if (found == number)
                return (int)i;
        }
    }
    return -1;
}

size_t descriptors_extensions(const struct descriptors *set, const char *type, int32_t *numbers,
                              size_t room)
{
    size_t n = 0;
    int32_t found;
    for (size_t i = 0; i < set->n; i++) {
        for (struct wire rest = set->files[i]; next_extension(&rest, type, &found); n++) {
            if (n < room)
                numbers[n] = found;
        }
    }
    return n;
}

static const char *join(struct arena *arena, struct wire package, struct wire name)
{
    char *text = arena_alloc(arena, length(package) + 1 + length(name) + 1);
    if (!text)
        return NULL;
    memcpy(text, package.at, length(package));
    text[length(package)] = '.';
    memcpy(text + length(package) + 1, name.at, length(name));
    text[length(package) + 1 + length(name)] = '\0';
    return text;
}

size_t descriptors_services(const struct descriptors *set, struct arena *arena, const char **names,
                            size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        struct wire package = find(set->files[i], FILE_PACKAGE);
        struct wire rest = set->files[i];
        for (struct wire_field field; wire_next(&rest, &field);) {
            if (field.tag != tag_of(FILE_SERVICE))
                continue;
            if (n < room)
                names[n] = join(arena, package, find(field.payload, NAME));
            n++;
        }
    }
    return n;
}
