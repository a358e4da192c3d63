/* Walks messages as protobuf-c holds them and writes Lua. What fits into a line stands in one. */
#include "csi/lua_text.h"

#include "base/text.h"
#include "csi/fields.h"
#include "csi/timestamp.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 100, STEP = 2, INLINE = -1 /* instead of an indent: all on this line */ };

struct out {
    FILE *file;
    struct err *err;
    bool failed; /* err is set */
};

/* ---- strings ---- */

void lua_text_string(FILE *file, const char *s, size_t n)
{
    static const char plain[] = "\n\r\t\"\\", letters[] = "nrt\"\\";
    putc('"', file);
    for (size_t size; n > 0; s += size, n -= size) {
        size = text_utf8_char(s, n);
        bool is_control = size == 1 && iscntrl((unsigned char)*s);
        const char *escape = size == 1 && *s ? strchr(plain, *s) : NULL;
        if (escape)
            fprintf(file, "\\%c", letters[escape - plain]);
        else if (size == 0 || is_control)
            fprintf(file, "\\%03u", (unsigned)(unsigned char)*s);
        else
            fwrite(s, 1, size, file);
        size = size > 0 ? size : 1;
    }
    putc('"', file);
}

/* Whether it may stand as a key without brackets. */
static bool is_name(const char *key)
{
    static const char *const reserved[] = {
        "and",      "break",  "do",   "else", "elseif", "end",   "false", "for",
        "function", "goto",   "if",   "in",   "local",  "nil",   "not",   "or",
        "repeat",   "return", "then", "true", "until",  "while",
    };
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strcmp(key, reserved[i]) == 0)
            return false;
    }
    size_t n = strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
    return n > 0 && key[n] == '\0' && !isdigit((unsigned char)key[0]);
}

static void put_key(struct out *out, const char *key)
{
    if (is_name(key)) {
        fputs(key, out->file);
    } else {
        putc('[', out->file);
        lua_text_string(out->file, key, strlen(key));
        putc(']', out->file);
    }
    fputs(" = ", out->file);
}

/* ---- tables ---- */

/* Writes message; what: its schema, or the one field of it to write. indent: INLINE, or that of the
 * lines after the first. */
typedef void writer(struct out *out, const void *what, const ProtobufCMessage *message, int indent);

/* INLINE if that has room behind indent. */
static int choose(const struct out *out, writer *write, const void *what,
                  const ProtobufCMessage *message, int indent)
{
    char *text = NULL;
    size_t size = 0;
    struct err err;
    struct out trial = {.file = indent == INLINE ? NULL : open_memstream(&text, &size),
                        .err = &err};
    if (!trial.file || out->failed)
        return indent;
    write(&trial, what, message, INLINE);
    fclose(trial.file);
    free(text);
    return (size_t)indent + size < WIDTH ? INLINE : indent;
}

static void next_item(struct out *out, bool *is_first, int indent)
{
    if (indent == INLINE)
        fputs(*is_first ? " " : ", ", out->file);
    else
        fprintf(out->file, "%s\n%*s", *is_first ? "" : ",", indent + STEP, "");
    *is_first = false;
}

static void end_table(struct out *out, bool is_empty, int indent)
{
    if (is_empty)
        fputs("}", out->file);
    else if (indent == INLINE)
        fputs(" }", out->file);
    else
        fprintf(out->file, ",\n%*s}", indent, "");
}

static int below(int indent)
{
    return indent == INLINE ? INLINE : indent + STEP;
}

/* ---- values ---- */

static void put_message(struct out *out, const void *what, const ProtobufCMessage *message,
                        int indent);

static void fail(struct out *out, const struct schema_field *field, const char *what)
{
    if (!out->failed)
        err_set(out->err, STATUS_INTERNAL, "%s.%s: %s", field->parent->name, field->pb->name, what);
    out->failed = true;
}

static void put_integer(struct out *out, int64_t value)
{
    if (value == INT64_MIN) /* its digits would be a float */
        fputs("math.mininteger", out->file);
    else
        fprintf(out->file, "%" PRId64, value);
}

static void put_enum(struct out *out, const struct schema_field *field, int value)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(field->pb->descriptor, value);
    if (known)
        lua_text_string(out->file, known->name, strlen(known->name));
    else
        fail(out, field, "a number that CSI does not know");
}

static void put_timestamp(struct out *out, const struct schema_field *field,
                          const ProtobufCMessage *message)
{
    int64_t seconds;
    int32_t nanos;
    char text[TIMESTAMP_TEXT];
    fields_timestamp(field->message, message, &seconds, &nanos);
    if (timestamp_format(seconds, nanos, text))
        lua_text_string(out->file, text, strlen(text));
    else
        fail(out, field, "a time out of range");
}

static void put_value(struct out *out, const struct schema_field *field, const void *member,
                      int indent);

static void put_submessage(struct out *out, const struct schema_field *field,
                           const ProtobufCMessage *message, int indent)
{
    const struct schema_field *wrapped = &field->message->fields[0];
    if (field->message->form == FORM_TIMESTAMP)
        put_timestamp(out, field, message);
    else if (field->message->form == FORM_WRAPPER)
        put_value(out, wrapped, fields_value(wrapped, message), indent);
    else
        put_message(out, field->message, message, indent);
}

/* The one value that lies at member. */
static void put_value(struct out *out, const struct schema_field *field, const void *member,
                      int indent)
{
    switch (field->kind) {
    case KIND_BOOL:
        fputs(*(const protobuf_c_boolean *)member ? "true" : "false", out->file);
        break;
    case KIND_INT32:
        put_integer(out, *(const int32_t *)member);
        break;
    case KIND_INT64:
        put_integer(out, *(const int64_t *)member);
        break;
    case KIND_ENUM:
        put_enum(out, field, *(const int *)member);
        break;
    case KIND_STRING: {
        const char *s = *(const char *const *)member;
        lua_text_string(out->file, s, strlen(s));
        break;
    }
    case KIND_BYTES: {
        const ProtobufCBinaryData *bytes = member;
        lua_text_string(out->file, (const char *)bytes->data, bytes->len);
        break;
    }
    case KIND_MESSAGE:
        put_submessage(out, field, *(const ProtobufCMessage *const *)member, indent);
        break;
    }
}

/* ---- lists and maps ---- */

static void put_list(struct out *out, const struct schema_field *field,
                     const ProtobufCMessage *message, int indent)
{
    bool is_first = true;
    for (size_t i = 0; i < fields_count(field, message); i++) {
        next_item(out, &is_first, indent);
        put_value(out, field, fields_item(field, message, i), below(indent));
    }
}

static const char *entry_key(const struct schema *entry, const ProtobufCMessage *message)
{
    return *(const char *const *)fields_value(&entry->fields[0], message);
}

static int compare_entries(const void *a, const void *b, void *entry)
{
    return strcmp(entry_key(entry, *(const ProtobufCMessage *const *)a),
                  entry_key(entry, *(const ProtobufCMessage *const *)b));
}

static void put_map(struct out *out, const struct schema_field *field,
                    const ProtobufCMessage *message, int indent)
{
    const struct schema *entry = field->message;
    size_t n = fields_count(field, message);
    const ProtobufCMessage **sorted = calloc(n, sizeof(*sorted));
    bool is_first = true;
    if (!sorted) {
        fail(out, field, "no memory");
        return;
    }
    memcpy(sorted, fields_item(field, message, 0), n * sizeof(*sorted));
    qsort_r(sorted, n, sizeof(*sorted), compare_entries, (void *)(uintptr_t)entry);
    for (size_t i = 0; i < n; i++) {
        next_item(out, &is_first, indent);
        put_key(out, entry_key(entry, sorted[i]));
        put_value(out, &entry->fields[1], fields_value(&entry->fields[1], sorted[i]),
                  below(indent));
    }
    free(sorted);
}

static void put_repeated(struct out *out, const void *what, const ProtobufCMessage *message,
                         int indent)
{
    const struct schema_field *field = what;
    indent = choose(out, put_repeated, what, message, indent);
    putc('{', out->file);
    if (field->map)
        put_map(out, field, message, indent);
    else
        put_list(out, field, message, indent);
    end_table(out, false, indent);
}

/* ---- messages ---- */

static void put_message(struct out *out, const void *what, const ProtobufCMessage *message,
                        int indent)
{
    const struct schema *schema = what;
    bool is_first = true;
    indent = choose(out, put_message, what, message, indent);
    putc('{', out->file);
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (field->secret || !fields_is_set(field, message))
            continue;
        next_item(out, &is_first, indent);
        put_key(out, field->pb->name);
        if (field->repeated)
            put_repeated(out, field, message, below(indent));
        else
            put_value(out, field, fields_value(field, message), below(indent));
    }
    end_table(out, is_first, indent);
}

int lua_text_message(FILE *file, const struct schema *schema, const ProtobufCMessage *message,
                     unsigned indent, struct err *err)
{
    struct out out = {.file = file, .err = err};
    put_message(&out, schema, message, (int)indent);
    return out.failed ? -1 : 0;
}
