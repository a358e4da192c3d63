/* Owns what one outbound unary call takes from gRPC core. Runs on the thread that polls its
 * completion queue. */
#include "io/unary.h"

#include "io/channel_arg.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPLY = 16 * 1024 * 1024 }; /* bytes */

grpc_channel *unary_channel(int fd)
{
    grpc_arg list[] = {
        channel_arg_string(GRPC_ARG_DEFAULT_AUTHORITY, "localhost"),
        channel_arg_string(GRPC_ARG_PRIMARY_USER_AGENT_STRING, "luacsi/" LUACSI_VERSION),
        channel_arg_integer(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        channel_arg_integer(GRPC_ARG_ENABLE_RETRIES, 0),
        channel_arg_integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MAX_REPLY),
    };
    grpc_channel_args args = {.num_args = sizeof(list) / sizeof(list[0]), .args = list};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create_from_fd("localhost", fd, credentials, &args);
    grpc_channel_credentials_release(credentials);
    return channel;
}

/* HTTP/2's own headers, and gRPC's, are not for callers: gRPC core aborts on some of them. */
static bool is_reserved(const char *key)
{
    static const char *const names[] = {"te", "content-type", "content-length", "user-agent",
                                        "host"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(key, names[i]) == 0)
            return true;
    }
    return strncmp(key, "grpc-", 5) == 0;
}

static int add_metadata(struct unary *unary, const struct client_pair *pair, struct err *err)
{
    if (unary->n_metadata == UNARY_METADATA)
        return err_set(err, STATUS_INVALID_ARGUMENT, "metadata: more than %d pairs",
                       UNARY_METADATA);
    grpc_metadata *entry = &unary->metadata[unary->n_metadata++];
    entry->key = grpc_slice_from_copied_string(pair->key);
    entry->value = grpc_slice_from_copied_buffer(pair->value, pair->value_size);
    if (!grpc_header_key_is_legal(entry->key))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "metadata: expected a key of a-z, 0-9, \"-\", \"_\" and \".\", got \"%s\"",
                       pair->key);
    if (is_reserved(pair->key))
        return err_set(err, STATUS_INVALID_ARGUMENT, "metadata: the key \"%s\" belongs to gRPC",
                       pair->key);
    if (!grpc_is_binary_header(entry->key) && !grpc_header_nonbin_value_is_legal(entry->value))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "metadata.%s: expected printable ASCII (or a key that ends in \"-bin\")",
                       pair->key);
    return 0;
}

gpr_timespec unary_deadline(int64_t timeout)
{
    if (timeout <= 0)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(timeout, GPR_TIMESPAN));
}

int unary_init(struct unary *unary, const struct client_request *request, struct err *err)
{
    memset(unary, 0, sizeof(*unary));
    unary->details = grpc_empty_slice();
    unary->path = grpc_slice_from_copied_string(request->path);
    grpc_slice message = grpc_slice_from_copied_buffer((const char *)request->data, request->size);
    unary->sent = grpc_raw_byte_buffer_create(&message, 1);
    grpc_slice_unref(message);
    if (request->path[0] != '/' || !grpc_header_nonbin_value_is_legal(unary->path))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "path: expected \"/service/method\" in printable ASCII, got \"%s\"",
                       request->path);
    for (size_t i = 0; i < request->n_metadata; i++) {
        if (add_metadata(unary, &request->metadata[i], err))
            return -1;
    }
    return 0;
}

void unary_open(struct unary *unary, grpc_channel *channel, grpc_completion_queue *queue,
                gpr_timespec deadline)
{
    unary->call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
                                           unary->path, NULL, deadline, NULL);
}

void unary_adopt(struct unary *unary, grpc_call *call)
{
    unary->call = call;
}

grpc_slice unary_path(const struct unary *unary)
{
    return unary->path;
}

/* Nothing but our own misuse can make the start of a batch fail; the outcome shows in the status.
 */
static void start(struct unary *unary, const grpc_op *ops, size_t n, void *tag)
{
    grpc_call_error error = grpc_call_start_batch(unary->call, ops, n, tag, NULL);
    GPR_ASSERT(error == GRPC_CALL_OK);
}

static void send_request(struct unary *unary, void *tag)
{
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = unary->n_metadata, .metadata = unary->metadata}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = unary->sent},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &unary->initial},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &unary->received},
    };
    start(unary, ops, sizeof(ops) / sizeof(ops[0]), tag);
}

static void look_for_surplus(struct unary *unary, void *tag)
{
    const grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
                        .data.recv_message.recv_message = &unary->surplus};
    start(unary, &op, 1, tag);
}

static void receive_status(struct unary *unary, void *tag)
{
    const grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
                        .data.recv_status_on_client = {.trailing_metadata = &unary->trailing,
                                                       .status = &unary->status,
                                                       .status_details = &unary->details,
                                                       .error_string = &unary->error}};
    start(unary, &op, 1, tag);
}

bool unary_next(struct unary *unary, void *tag)
{
    switch (unary->stage) {
    case UNARY_REQUEST:
        unary->stage = UNARY_SURPLUS;
        send_request(unary, tag);
        return true;
    case UNARY_SURPLUS:
        /* the status comes only when every message is read: look for a second one before it */
        unary->stage = UNARY_STATUS;
        if (!unary->received)
            return unary_next(unary, tag);
        look_for_surplus(unary, tag);
        return true;
    case UNARY_STATUS:
        unary->stage = UNARY_OVER;
        if (unary->surplus)
            unary_cancel(unary);
        receive_status(unary, tag);
        return true;
    case UNARY_OVER:
        break;
    }
    return false;
}

void unary_cancel(struct unary *unary)
{
    grpc_call_cancel(unary->call, NULL);
}

bool unary_unavailable(const struct unary *unary)
{
    return unary->status == GRPC_STATUS_UNAVAILABLE;
}

/* Copies the received message. 0; -1: no memory, or a compressed message that does not inflate. */
static int copy_message(struct client_reply *reply, grpc_byte_buffer *received)
{
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, received))
        return -1;
    grpc_slice all = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    reply->size = GRPC_SLICE_LENGTH(all);
    if (reply->size > 0) {
        reply->data = malloc(reply->size);
        if (reply->data)
            memcpy(reply->data, GRPC_SLICE_START_PTR(all), reply->size);
    }
    grpc_slice_unref(all);
    return reply->size == 0 || reply->data ? 0 : -1;
}

static char *copy_text(grpc_slice slice)
{
    return strndup((const char *)GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
}

/* What the status of the call is to the caller; *text is the message, where it is not the server's.
 */
static int final_code(const struct unary *unary, const char **text)
{
    *text = NULL;
    if (unary->surplus)
        *text = "more than one message came in reply to a unary call";
    else if (unary->status == GRPC_STATUS_OK && !unary->received)
        *text = "status OK, but no message came";
    if (*text)
        return STATUS_INTERNAL;
    return status_valid(unary->status) ? (int)unary->status : STATUS_UNKNOWN;
}

int unary_reply(const struct unary *unary, struct client_reply *reply, struct err *err)
{
    const char *text;
    *reply = (struct client_reply){.code = final_code(unary, &text)};
    reply->message = text ? strdup(text) : copy_text(unary->details);
    bool copied = reply->message != NULL;
    if (reply->code == STATUS_OK && copied)
        copied = copy_message(reply, unary->received) == 0;
    if (copied)
        return 0;
    client_reply_fini(reply);
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a reply");
}

void unary_fini(struct unary *unary)
{
    for (size_t i = 0; i < unary->n_metadata; i++) {
        grpc_slice_unref(unary->metadata[i].key);
        grpc_slice_unref(unary->metadata[i].value);
    }
    grpc_metadata_array_destroy(&unary->initial);
    grpc_metadata_array_destroy(&unary->trailing);
    grpc_byte_buffer_destroy(unary->sent);
    grpc_byte_buffer_destroy(unary->received);
    grpc_byte_buffer_destroy(unary->surplus);
    grpc_slice_unref(unary->details);
    gpr_free((void *)(uintptr_t)unary->error);
    grpc_slice_unref(unary->path);
    if (unary->call)
        grpc_call_unref(unary->call);
}
