/* Owns the tables of methods and messages: static memory for the methods, one block for the
 * schemas, filled once by catalog_init and never freed before the process ends. */
#include "csi/catalog.h"

#include "base/arena.h"
#include "base/embedded.h"
#include "base/text.h"
#include "control.pb-c.h"
#include "csi.pb-c.h"
#include "csi/message.h"
#include "csi/schema_build.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "health.pb-c.h"
#include "luacsi.pb-c.h"
#include "pluginregistration.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_MESSAGES = 192,       /* CSI 1.12.0 has 134, our own services some 40 */
    PATH_TEXT = 80,           /* "/csi.v1.GroupController/CreateVolumeGroupSnapshot" */
    OPTION_CSI_SECRET = 1059, /* extension numbers of csi.proto */
    OPTION_ALPHA = 1060,
};

/* Serialized google.protobuf.FileDescriptorSets, which protoc made: one for each socket. */
static const char *const descriptor_sets[] = {"csi.desc", "control.desc"};

typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__FileDescriptorSet file_set;

static const ProtobufCServiceDescriptor *const services[] = {
    &csi__v1__identity__descriptor,
    &csi__v1__controller__descriptor,
    &csi__v1__group_controller__descriptor,
    &csi__v1__snapshot_metadata__descriptor,
    &csi__v1__node__descriptor,
    &luacsi__v1__host__descriptor, /* from here on answered by the host */
    &grpc__health__v1__health__descriptor,
    &luacsi__v1__control__descriptor, /* from here on on a socket of its own */
    &pluginregistration__registration__descriptor,
};

static struct {
    bool ready;
    struct method methods[CATALOG_CALLABLE];
    char paths[CATALOG_CALLABLE][PATH_TEXT];
    const char *names[CATALOG_METHODS + 1]; /* for "did you mean" */
    struct schema messages[MAX_MESSAGES];
    size_t n_messages;
    struct schema_field *fields; /* of all messages, one block */
    struct schema *by_name[MAX_MESSAGES];
} catalog;

/* ---- collecting the messages ---- */

static const struct schema *schema_of(const ProtobufCMessageDescriptor *pb)
{
    for (size_t i = 0; i < catalog.n_messages; i++) {
        if (catalog.messages[i].pb == pb)
            return &catalog.messages[i];
    }
    return NULL;
}

/* Notes pb and, depth first, every message that it holds. */
static int collect(const ProtobufCMessageDescriptor *pb, struct err *err)
{
    if (schema_of(pb))
        return 0;
    if (catalog.n_messages == MAX_MESSAGES)
        return err_set(err, STATUS_INTERNAL, "more than %d message types", MAX_MESSAGES);
    catalog.messages[catalog.n_messages++].pb = pb;
    for (unsigned i = 0; i < pb->n_fields; i++) {
        if (pb->fields[i].type == PROTOBUF_C_TYPE_MESSAGE && collect(pb->fields[i].descriptor, err))
            return -1;
    }
    return 0;
}

static int collect_methods(struct err *err)
{
    size_t n = 0;
    for (size_t s = 0; s < sizeof(services) / sizeof(services[0]); s++) {
        for (unsigned m = 0; m < services[s]->n_methods; m++, n++) {
            const ProtobufCMethodDescriptor *pb = &services[s]->methods[m];
            if (n == CATALOG_CALLABLE)
                return err_set(err, STATUS_INTERNAL, "more than %d methods", CATALOG_CALLABLE);
            if (collect(pb->input, err) || collect(pb->output, err))
                return -1;
            snprintf(catalog.paths[n], PATH_TEXT, "/%s/%s", services[s]->name, pb->name);
            if (n < CATALOG_METHODS)
                catalog.names[n] = pb->name;
            catalog.methods[n] = (struct method){
                .name = pb->name,
                .path = catalog.paths[n],
                .service = services[s]->name,
                .request = schema_of(pb->input),
                .response = schema_of(pb->output),
                .index = (unsigned)n,
            };
        }
    }
    return n == CATALOG_CALLABLE
               ? 0
               : err_set(err, STATUS_INTERNAL, "expected %d methods, got %zu", CATALOG_CALLABLE, n);
}

static int compare_names(const void *a, const void *b)
{
    const struct schema *const *left = a;
    const struct schema *const *right = b;
    return strcmp((*left)->pb->name, (*right)->pb->name);
}

static int build_messages(struct err *err)
{
    size_t n_fields = 0;
    for (size_t i = 0; i < catalog.n_messages; i++)
        n_fields += catalog.messages[i].pb->n_fields;
    if (!catalog.fields) /* else a call before this one got so far */
        catalog.fields = calloc(n_fields, sizeof(*catalog.fields));
    if (!catalog.fields)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the catalog");
    struct schema_field *fields = catalog.fields;
    for (size_t i = 0; i < catalog.n_messages; i++) {
        struct schema *schema = &catalog.messages[i];
        if (schema_build(schema, schema->pb, (unsigned)i, fields, err))
            return -1;
        fields += schema->n_fields;
        catalog.by_name[i] = schema;
    }
    for (struct schema_field *f = catalog.fields; f < fields; f++) {
        if (f->kind == KIND_MESSAGE)
            f->message = schema_of(f->pb->descriptor);
    }
    qsort(catalog.by_name, catalog.n_messages, sizeof(catalog.by_name[0]), compare_names);
    return 0;
}

/* ---- what protobuf-c drops ---- */

static struct schema *message_by_full_name(const char *name)
{
    struct schema key = {.pb = &(ProtobufCMessageDescriptor){.name = name}};
    struct schema *key_pointer = &key;
    struct schema **found = bsearch(&key_pointer, catalog.by_name, catalog.n_messages,
                                    sizeof(catalog.by_name[0]), compare_names);
    return found ? *found : NULL;
}

/* An extension option that is a bool: protobuf-c keeps it among the unknown fields. */
static bool option_set(const ProtobufCMessage *options, uint32_t number)
{
    for (unsigned i = 0; options && i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
        if (field->tag == number)
            return field->len > 0 && field->data[field->len - 1] != 0;
    }
    return false;
}

static void add_field_options(struct schema *schema, const message_proto *proto)
{
    for (size_t i = 0; i < proto->n_field; i++) {
        const char *name = proto->field[i]->name;
        const struct schema_field *found = schema_find(schema, name, strlen(name));
        if (!found || !proto->field[i]->options)
            continue;
        struct schema_field *field = &schema->fields[found - schema->fields];
        field->secret = option_set(&proto->field[i]->options->base, OPTION_CSI_SECRET);
        field->alpha = option_set(&proto->field[i]->options->base, OPTION_ALPHA);
    }
}

static void add_message_options(const message_proto *proto, const char *prefix)
{
    char name[256];
    snprintf(name, sizeof(name), "%s.%s", prefix, proto->name);
    struct schema *schema = message_by_full_name(name);
    if (schema) {
        if (proto->options && proto->options->map_entry)
            schema->form = FORM_MAP_ENTRY;
        schema->alpha = proto->options && option_set(&proto->options->base, OPTION_ALPHA);
        add_field_options(schema, proto);
    }
    for (size_t i = 0; i < proto->n_nested_type; i++)
        add_message_options(proto->nested_type[i], name);
}

static void add_method_options(const file_proto *file)
{
    for (size_t s = 0; s < file->n_service; s++) {
        for (size_t m = 0; m < file->service[s]->n_method; m++) {
            const Google__Protobuf__MethodDescriptorProto *proto = file->service[s]->method[m];
            char name[PATH_TEXT];
            snprintf(name, sizeof(name), "%s.%s/%s", file->package, file->service[s]->name,
                     proto->name);
            const struct method *found = catalog_callable(name);
            if (!found)
                continue;
            struct method *method = &catalog.methods[found->index];
            method->server_streaming = proto->server_streaming;
            method->alpha = proto->options && option_set(&proto->options->base, OPTION_ALPHA);
        }
    }
}

static int add_options(const char *name, struct err *err)
{
    const struct embedded *file = embedded_find(name);
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    const file_set *set =
        file ? (const file_set *)message_unpack(&google__protobuf__file_descriptor_set__descriptor,
                                                file->data, file->size, &arena, err)
             : NULL;
    for (size_t f = 0; set && f < set->n_file; f++) {
        for (size_t m = 0; m < set->file[f]->n_message_type; m++)
            add_message_options(set->file[f]->message_type[m], set->file[f]->package);
        add_method_options(set->file[f]);
    }
    arena_fini(&arena);
    if (!file)
        return err_set(err, STATUS_INTERNAL, "%s is not in the binary", name);
    return set ? 0 : err_prefix(err, "the embedded %s: ", name);
}

static int add_all_options(struct err *err)
{
    for (size_t i = 0; i < sizeof(descriptor_sets) / sizeof(descriptor_sets[0]); i++) {
        if (add_options(descriptor_sets[i], err))
            return -1;
    }
    return 0;
}

static bool is_string_map(const struct schema *entry)
{
    return entry->fields[0].kind == KIND_STRING && entry->fields[1].kind == KIND_STRING;
}

static int finish_messages(struct err *err)
{
    for (size_t i = 0; i < catalog.n_messages; i++) {
        struct schema *schema = &catalog.messages[i];
        for (unsigned f = 0; f < schema->n_fields; f++) {
            struct schema_field *field = &schema->fields[f];
            field->map = field->message && field->message->form == FORM_MAP_ENTRY;
            if (field->map && !is_string_map(field->message))
                return err_set(err, STATUS_INTERNAL,
                               "%s.%s: a map of a type that the codec does not know", schema->name,
                               field->pb->name);
        }
    }
    for (size_t i = 0; i < catalog.n_messages; i++)
        schema_attach_rules(&catalog.messages[i]);
    return 0;
}

int catalog_init(struct err *err)
{
    if (catalog.ready)
        return 0;
    if (collect_methods(err) || build_messages(err) || add_all_options(err) || finish_messages(err))
        return err_prefix(err, "catalog: ");
    catalog.ready = true;
    return 0;
}

/* ---- questions ---- */

const struct method *catalog_methods(void)
{
    return catalog.methods;
}

/* Whether name, short or whole, with or without the slash in front, is that of method. */
static bool is_called(const struct method *method, const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *whole = slash && name[0] != '/' ? name : name + (slash != NULL);
    return strcmp(slash ? method->path + 1 : method->name, whole) == 0;
}

const struct method *catalog_method(const char *name)
{
    for (size_t i = 0; i < CATALOG_METHODS; i++) {
        if (is_called(&catalog.methods[i], name))
            return &catalog.methods[i];
    }
    return NULL;
}

bool catalog_is_identity(const struct method *method)
{
    return strcmp(method->service, "csi.v1.Identity") == 0;
}

const struct method *catalog_callable(const char *name)
{
    const struct method *found = catalog_method(name);
    for (size_t i = CATALOG_METHODS; i < CATALOG_CALLABLE && !found; i++) {
        if (strchr(name, '/') && is_called(&catalog.methods[i], name))
            found = &catalog.methods[i];
    }
    return found;
}

const struct method *catalog_service(const char *name, size_t *n)
{
    size_t first = 0;
    while (first < CATALOG_CALLABLE && strcmp(catalog.methods[first].service, name) != 0)
        first++;
    for (*n = 0; first + *n < CATALOG_CALLABLE; ++*n) {
        if (strcmp(catalog.methods[first + *n].service, name) != 0)
            break;
    }
    return *n > 0 ? &catalog.methods[first] : NULL;
}

const char *catalog_nearest_method(const char *name)
{
    const char *slash = strrchr(name, '/');
    return text_nearest(slash ? slash + 1 : name, catalog.names);
}

size_t catalog_message_count(void)
{
    return catalog.n_messages;
}

const struct schema *catalog_message_at(size_t index)
{
    return &catalog.messages[index];
}

const struct schema *catalog_message(const char *name)
{
    char full[256];
    snprintf(full, sizeof(full), "csi.v1.%s", name);
    const struct schema *found = message_by_full_name(name);
    return found ? found : message_by_full_name(full);
}
