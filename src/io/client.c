/* Owns an outbound gRPC connection: the channel and a completion queue that only client_call
 * plucks. Runs on the thread of its user; a server may run in the same process, on queues of its
 * own.
 *
 * The socket is connected here and handed to gRPC core as a descriptor. So an unreachable endpoint
 * is known at once and with the system's reason, and no resolver, proxy, load balancer or back-off
 * stands between a call and its socket. */
#include "io/client.h"

#include "io/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    MAX_METADATA = 64,            /* pairs of one call */
    MAX_REPLY = 16 * 1024 * 1024, /* bytes */
    NS_PER_US = 1000,
    NS_PER_S = 1000 * 1000 * 1000,
};

/* The most that connecting may take when a call's own timeout is not shorter. */
static const int64_t CONNECT_NS = (int64_t)5 * NS_PER_S;

struct client {
    struct endpoint endpoint;
    grpc_completion_queue *queue;
    grpc_channel *channel; /* NULL when the next call has to connect first */
};

/* ---- connecting ---- */

/* A connected, non-blocking socket; -1 with errno. A full backlog is waited for, too. */
static int connect_socket(const struct endpoint *endpoint, int64_t timeout)
{
    const struct sockaddr *address = (const struct sockaddr *)&endpoint->address;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (timeout < NS_PER_US)
        timeout = NS_PER_US; /* a limit of 0 would be none */
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* of no meaning to a UNIX socket */
    const struct timeval limit = {.tv_sec = timeout / NS_PER_S,
                                  .tv_usec = timeout % NS_PER_S / NS_PER_US};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
        connect(fd, address, endpoint->size) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    int reason = errno == EAGAIN || errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
    errno = reason;
    return -1;
}

static grpc_arg integer_arg(const char *key, int value)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value};
}

static grpc_arg string_arg(const char *key, const char *value)
{
    return (grpc_arg){.type = GRPC_ARG_STRING, .key = (char *)key, .value.string = (char *)value};
}

static grpc_channel *channel_on(int fd)
{
    grpc_arg list[] = {
        string_arg(GRPC_ARG_DEFAULT_AUTHORITY, "localhost"),
        string_arg(GRPC_ARG_PRIMARY_USER_AGENT_STRING, "luacsi/" LUACSI_VERSION),
        integer_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        integer_arg(GRPC_ARG_ENABLE_RETRIES, 0),
        integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MAX_REPLY),
    };
    grpc_channel_args args = {.num_args = sizeof(list) / sizeof(list[0]), .args = list};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create_from_fd("localhost", fd, credentials, &args);
    grpc_channel_credentials_release(credentials);
    return channel;
}

static int open_channel(struct client *client, int64_t timeout, struct err *err)
{
    bool shorter = timeout > 0 && timeout < CONNECT_NS;
    int fd = connect_socket(&client->endpoint, shorter ? timeout : CONNECT_NS);
    if (fd < 0)
        return err_errno(err, STATUS_UNAVAILABLE, "%s", client->endpoint.text);
    client->channel = channel_on(fd);
    return 0;
}

static void close_channel(struct client *client)
{
    if (client->channel)
        grpc_channel_destroy(client->channel);
    client->channel = NULL;
}

void client_quiet_grpc(void)
{
    gpr_set_log_verbosity((gpr_log_severity)(GPR_LOG_SEVERITY_ERROR + 1));
}

struct client *client_new(const char *endpoint, int64_t timeout, struct err *err)
{
    struct client *client = calloc(1, sizeof(*client));
    if (!client) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a connection");
        return NULL;
    }
    if (endpoint_parse(&client->endpoint, endpoint, err)) {
        free(client);
        return NULL;
    }
    grpc_init();
    client->queue = grpc_completion_queue_create_for_pluck(NULL);
    if (open_channel(client, timeout, err)) {
        client_free(client);
        return NULL;
    }
    return client;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    close_channel(client);
    grpc_completion_queue_shutdown(
        client->queue); /* nothing is under way: no event is left in it */
    grpc_completion_queue_destroy(client->queue);
    free(client);
    grpc_shutdown();
}

/* ---- one call ---- */

/* What a call takes from gRPC and has to give back. */
struct call {
    grpc_call *call;
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_byte_buffer *sent;
    grpc_byte_buffer *received;
    grpc_byte_buffer *surplus; /* a second message, which a unary call must not bring */
    grpc_slice details;
    grpc_status_code status;
    size_t n_metadata;
    grpc_metadata metadata[MAX_METADATA];
};

static void call_fini(struct call *call)
{
    for (size_t i = 0; i < call->n_metadata; i++) {
        grpc_slice_unref(call->metadata[i].key);
        grpc_slice_unref(call->metadata[i].value);
    }
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_destroy(&call->trailing);
    grpc_byte_buffer_destroy(call->sent);
    grpc_byte_buffer_destroy(call->received);
    grpc_byte_buffer_destroy(call->surplus);
    grpc_slice_unref(call->details);
    if (call->call)
        grpc_call_unref(call->call);
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

static int add_metadata(struct call *call, const struct client_pair *pair, struct err *err)
{
    if (call->n_metadata == MAX_METADATA)
        return err_set(err, STATUS_INVALID_ARGUMENT, "metadata: more than %d pairs", MAX_METADATA);
    grpc_metadata *entry = &call->metadata[call->n_metadata++];
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

static gpr_timespec deadline_after(int64_t timeout)
{
    if (timeout <= 0)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(timeout, GPR_TIMESPAN));
}

static int call_init(struct call *call, struct client *client, const struct client_request *request,
                     gpr_timespec deadline, struct err *err)
{
    memset(call, 0, sizeof(*call));
    call->details = grpc_empty_slice();
    for (size_t i = 0; i < request->n_metadata; i++) {
        if (add_metadata(call, &request->metadata[i], err))
            return -1;
    }
    grpc_slice message = grpc_slice_from_copied_buffer((const char *)request->data, request->size);
    call->sent = grpc_raw_byte_buffer_create(&message, 1);
    grpc_slice_unref(message);
    grpc_slice path = grpc_slice_from_copied_string(request->path);
    if (request->path[0] == '/' && grpc_header_nonbin_value_is_legal(path))
        call->call = grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
                                              client->queue, path, NULL, deadline, NULL);
    grpc_slice_unref(path);
    if (!call->call)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "path: expected \"/service/method\" in printable ASCII, got \"%s\"",
                       request->path);
    return 0;
}

/* Starts ops as one batch and waits for it. Nothing but our own misuse can make the start fail; the
 * outcome of the batch shows in the call's status. */
static void run_batch(struct client *client, struct call *call, const grpc_op *ops, size_t n)
{
    grpc_call_error error = grpc_call_start_batch(call->call, ops, n, call, NULL);
    GPR_ASSERT(error == GRPC_CALL_OK);
    grpc_completion_queue_pluck(client->queue, call, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
}

static void send_request(struct client *client, struct call *call)
{
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = call->n_metadata, .metadata = call->metadata}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = call->sent},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &call->initial},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &call->received},
    };
    run_batch(client, call, ops, sizeof(ops) / sizeof(ops[0]));
}

/* The status comes only when every message is read: look for a second one before waiting for it. */
static void look_for_surplus(struct client *client, struct call *call)
{
    const grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
                        .data.recv_message.recv_message = &call->surplus};
    run_batch(client, call, &op, 1);
    if (call->surplus)
        grpc_call_cancel(call->call, NULL);
}

static void receive_status(struct client *client, struct call *call)
{
    const grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
                        .data.recv_status_on_client = {.trailing_metadata = &call->trailing,
                                                       .status = &call->status,
                                                       .status_details = &call->details}};
    run_batch(client, call, &op, 1);
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
static int final_code(const struct call *call, const char **text)
{
    *text = NULL;
    if (call->surplus)
        *text = "more than one message came in reply to a unary call";
    else if (call->status == GRPC_STATUS_OK && !call->received)
        *text = "status OK, but no message came";
    if (*text)
        return STATUS_INTERNAL;
    return status_valid(call->status) ? (int)call->status : STATUS_UNKNOWN;
}

static int fill_reply(struct client_reply *reply, const struct call *call, struct err *err)
{
    const char *text;
    *reply = (struct client_reply){.code = final_code(call, &text)};
    reply->message = text ? strdup(text) : copy_text(call->details);
    bool copied = reply->message != NULL;
    if (reply->code == STATUS_OK && copied)
        copied = copy_message(reply, call->received) == 0;
    if (copied)
        return 0;
    client_reply_fini(reply);
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a reply");
}

int client_call(struct client *client, const struct client_request *request,
                struct client_reply *reply, struct err *err)
{
    gpr_timespec deadline = deadline_after(request->timeout);
    if (!client->channel && open_channel(client, request->timeout, err))
        return -1;
    struct call call;
    int result = call_init(&call, client, request, deadline, err);
    if (result == 0) {
        send_request(client, &call);
        if (call.received)
            look_for_surplus(client, &call);
        receive_status(client, &call);
        result = fill_reply(reply, &call, err);
        if (call.status == GRPC_STATUS_UNAVAILABLE)
            close_channel(client);
    }
    call_fini(&call);
    return result;
}

void client_reply_fini(struct client_reply *reply)
{
    free(reply->message);
    free(reply->data);
    *reply = (struct client_reply){0};
}
