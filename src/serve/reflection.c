/* Answers one request of reflection with one response; keeps nothing. Loop thread. */
#include "serve/reflection.h"

#include "base/text.h"
#include "csi/descriptors.h"
#include "csi/message.h"
#include "reflection.pb-c.h"
#include "serve/host_message.h"

enum { MOST_REQUEST = 16 * 1024, MOST_OPEN = 16 };

/* The arms of the two oneofs; protobuf-c's names fill a line each. */
#define ASKED(arm)    GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##arm
#define ANSWERED(arm) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##arm

typedef Grpc__Reflection__V1__ServerReflectionRequest request_message;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_message;

/* One request on its way; all of it lies in the arena, or on the stack of on_received. */
struct answer {
    struct arena *arena;
    struct descriptors set;
    response_message response;
    Grpc__Reflection__V1__FileDescriptorResponse files;
    Grpc__Reflection__V1__ExtensionNumberResponse extensions;
    Grpc__Reflection__V1__ListServiceResponse services;
    Grpc__Reflection__V1__ErrorResponse error;
};

static int no_memory(struct err *err)
{
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the answer");
}

static void answer_not_found(struct answer *answer, const char *what)
{
    grpc__reflection__v1__error_response__init(&answer->error);
    answer->error.error_code = STATUS_NOT_FOUND;
    answer->error.error_message = host_message_text(what);
    answer->response.message_response_case = ANSWERED(ERROR_RESPONSE);
    answer->response.error_response = &answer->error;
}

/* The file with this index and all that it imports; what: of the error when it is negative. */
static int answer_file(struct answer *answer, int file, const char *what, struct err *err)
{
    size_t indexes[DESCRIPTORS_MOST];
    if (file < 0) {
        answer_not_found(answer, what);
        return 0;
    }
    grpc__reflection__v1__file_descriptor_response__init(&answer->files);
    size_t n = descriptors_closure(&answer->set, file, indexes);
    ProtobufCBinaryData *list = arena_alloc(answer->arena, n * sizeof(*list));
    if (!list)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        struct wire bytes = answer->set.files[indexes[i]];
        list[i] = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)bytes.at,
                                        .len = (size_t)(bytes.end - bytes.at)};
    }
    answer->files.file_descriptor_proto = list;
    answer->files.n_file_descriptor_proto = n;
    answer->response.message_response_case = ANSWERED(FILE_DESCRIPTOR_RESPONSE);
    answer->response.file_descriptor_response = &answer->files;
    return 0;
}

static int answer_extensions(struct answer *answer, const char *type, struct err *err)
{
    size_t n = descriptors_extensions(&answer->set, type, NULL, 0);
    if (n == 0 && descriptors_of_symbol(&answer->set, type) < 0) {
        answer_not_found(answer, "no such message");
        return 0;
    }
    grpc__reflection__v1__extension_number_response__init(&answer->extensions);
    int32_t *numbers = arena_alloc(answer->arena, n * sizeof(*numbers));
    if (!numbers)
        return no_memory(err);
    descriptors_extensions(&answer->set, type, numbers, n);
    answer->extensions.base_type_name = host_message_text(type);
    answer->extensions.extension_number = numbers;
    answer->extensions.n_extension_number = n;
    answer->response.message_response_case = ANSWERED(ALL_EXTENSION_NUMBERS_RESPONSE);
    answer->response.all_extension_numbers_response = &answer->extensions;
    return 0;
}

static int answer_services(struct answer *answer, struct err *err)
{
    size_t n = descriptors_services(&answer->set, answer->arena, NULL, 0);
    const char **names = arena_alloc(answer->arena, n * sizeof(*names));
    Grpc__Reflection__V1__ServiceResponse *items = arena_alloc(answer->arena, n * sizeof(*items));
    Grpc__Reflection__V1__ServiceResponse **list = arena_alloc(answer->arena, n * sizeof(*list));
    if (!names || !items || !list)
        return no_memory(err);
    descriptors_services(&answer->set, answer->arena, names, n);
    for (size_t i = 0; i < n; i++) {
        if (!names[i])
            return no_memory(err);
        grpc__reflection__v1__service_response__init(&items[i]);
        items[i].name = host_message_text(names[i]);
        list[i] = &items[i];
    }
    grpc__reflection__v1__list_service_response__init(&answer->services);
    answer->services.service = list;
    answer->services.n_service = n;
    answer->response.message_response_case = ANSWERED(LIST_SERVICES_RESPONSE);
    answer->response.list_services_response = &answer->services;
    return 0;
}

static int answer_request(struct answer *answer, const request_message *request, struct err *err)
{
    const struct descriptors *set = &answer->set;
    const Grpc__Reflection__V1__ExtensionRequest *extension;
    switch (request->message_request_case) {
    case ASKED(FILE_BY_FILENAME):
        return answer_file(answer, descriptors_file(set, request->file_by_filename), "no such file",
                           err);
    case ASKED(FILE_CONTAINING_SYMBOL):
        return answer_file(answer, descriptors_of_symbol(set, request->file_containing_symbol),
                           "no such symbol", err);
    case ASKED(FILE_CONTAINING_EXTENSION):
        extension = request->file_containing_extension;
        return answer_file(
            answer,
            descriptors_of_extension(set, extension->containing_type, extension->extension_number),
            "no such extension", err);
    case ASKED(ALL_EXTENSION_NUMBERS_OF_TYPE):
        return answer_extensions(answer, request->all_extension_numbers_of_type, err);
    case ASKED(LIST_SERVICES):
        return answer_services(answer, err);
    default:
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected one question in the request, got none");
    }
}

static void send_response(struct stream *stream, const response_message *response)
{
    struct bytes bytes;
    struct err err;
    if (host_message_pack(&response->base, stream_arena(stream), &bytes, &err))
        stream_end(stream, err.code, err.text);
    else
        stream_send(stream, bytes);
}

/* protobuf-c takes any bytes for a string; what comes is given back, and must be one then. inner:
 * the tag of the field that is a message. */
static bool has_good_strings(struct wire message, uint64_t inner)
{
    for (struct wire_field field; wire_next(&message, &field);) {
        const char *text = (const char *)field.payload.at;
        bool is_good = field.tag == inner
                           ? has_good_strings(field.payload, 0)
                           : text_is_utf8(text, (size_t)(field.payload.end - field.payload.at));
        if (!is_good)
            return false;
    }
    return true;
}

static const request_message *read_request(struct bytes bytes, struct arena *arena, struct err *err)
{
    const struct wire wire = {bytes.data, bytes.data + bytes.size};
    const ProtobufCMessage *request = NULL;
    err->code = STATUS_INTERNAL;
    if (has_good_strings(wire, ASKED(FILE_CONTAINING_EXTENSION) << 3 | WIRE_BYTES))
        request = message_unpack(&grpc__reflection__v1__server_reflection_request__descriptor,
                                 bytes.data, bytes.size, arena, err);
    if (!request && err->code == STATUS_INTERNAL)
        err_set(err, STATUS_INVALID_ARGUMENT, "expected a ServerReflectionRequest, got garbage");
    return (const request_message *)request;
}

static void on_received(struct stream *stream, struct bytes message)
{
    struct answer answer = {.arena = stream_arena(stream)};
    struct err err;
    const request_message *request = read_request(message, answer.arena, &err);
    if (!request) {
        stream_end(stream, err.code, err.text);
        return;
    }
    descriptors_open(&answer.set, stream_data(stream));
    grpc__reflection__v1__server_reflection_response__init(&answer.response);
    answer.response.valid_host = request->host;
    answer.response.original_request = (request_message *)(uintptr_t)request;
    if (answer_request(&answer, request, &err))
        stream_end(stream, err.code, err.text);
    else
        send_response(stream, &answer.response);
}

static struct stream_method reflection(const char *path, const char *set)
{
    return (struct stream_method){
        .path = path,
        .most_bytes = MOST_REQUEST,
        .most_open = MOST_OPEN,
        .data = (void *)(uintptr_t)set, /* on_received only reads it */
        .received = on_received,
    };
}

struct stream_method reflection_v1(const char *set)
{
    return reflection("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", set);
}

struct stream_method reflection_v1alpha(const char *set)
{
    return reflection("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", set);
}
