/* The least that a gRPC server on gRPC core 1.51 can do for three constant replies: no Lua, no
 * configuration, no second thought. Same link mode, same knobs and same order of work as
 * src/serve: what luacsi adds to a call is what it takes beyond this. Two threads, as there: one
 * polls and answers, one accepts.
 *
 * usage: floor SOCKET */
#include "base/abseil.h"

#include <fcntl.h>
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ARMED = 8, METHODS = 3 };

struct method {
    const char *path;
    const char *reply; /* encoded */
    size_t size;
    void *registered; /* in gRPC core */
};

/* A call that is waited for or answered; used again for the next one. */
struct call {
    struct method *method;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    grpc_byte_buffer *reply;
    int cancelled;
    bool answered; /* the reply's batch is under way */
};

#define NAME   \
    "\x0a\x15" \
    "bench.csi.example.com"
#define VERSION \
    "\x12\x05"  \
    "1.0.0"
#define BUILD          \
    "\x1a\x0d\x0a\x05" \
    "build"            \
    "\x12\x04"         \
    "2026"
#define COMMIT         \
    "\x1a\x11\x0a\x06" \
    "commit"           \
    "\x12\x07"         \
    "d670460"
#define SERVICE(type)   "\x0a\x04\x0a\x02\x08" type
#define EXPANSION(type) "\x0a\x04\x12\x02\x08" type
#define REPLY(bytes)    bytes, sizeof(bytes) - 1

static struct method methods[METHODS] = {
    {"/csi.v1.Identity/GetPluginInfo", REPLY(NAME VERSION BUILD COMMIT), NULL},
    {"/csi.v1.Identity/Probe", REPLY("\x0a\x02\x08\x01"), NULL},
    {"/csi.v1.Identity/GetPluginCapabilities",
     REPLY(SERVICE("\x01") SERVICE("\x02") EXPANSION("\x01")), NULL},
};

static grpc_server *server;
static grpc_completion_queue *queue;
static grpc_server_credentials *credentials;

static grpc_arg integer_arg(const char *key, int value)
{
    return (grpc_arg){
        .type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

static void create_server(void)
{
    grpc_arg args[] = {
        integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, 4 * 1024 * 1024),
        integer_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100),
        integer_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000),
        integer_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        integer_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        integer_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        integer_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE),
    };
    const grpc_channel_args list = {.num_args = sizeof(args) / sizeof(args[0]), .args = args};
    queue = grpc_completion_queue_create_for_next(NULL);
    server = grpc_server_create(&list, NULL);
    credentials = grpc_insecure_server_credentials_create();
    grpc_server_register_completion_queue(server, queue, NULL);
    for (int i = 0; i < METHODS; i++)
        methods[i].registered = grpc_server_register_method(
            server, methods[i].path, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    grpc_server_start(server);
}

static void wait_for_call(struct call *call)
{
    call->answered = false;
    if (grpc_server_request_registered_call(server, call->method->registered, &call->call,
                                            &call->deadline, &call->metadata, &call->payload, queue,
                                            queue, call) != GRPC_CALL_OK)
        abort();
}

static void answer(struct call *call)
{
    grpc_slice slice = grpc_slice_from_static_buffer(call->method->reply, call->method->size);
    call->reply = grpc_raw_byte_buffer_create(&slice, 1);
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = call->reply},
        {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
         .data.recv_close_on_server.cancelled = &call->cancelled},
    };
    call->answered = true;
    if (grpc_call_start_batch(call->call, ops, 4, call, NULL) != GRPC_CALL_OK)
        abort();
}

static void end(struct call *call)
{
    grpc_call_unref(call->call);
    if (call->payload)
        grpc_byte_buffer_destroy(call->payload);
    grpc_byte_buffer_destroy(call->reply);
    call->metadata.count = 0;
    wait_for_call(call);
}

/* The accepting thread. */
static void *accept_connections(void *data)
{
    int listener = *(int *)data;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            grpc_server_add_channel_from_fd(server, fd, credentials);
    }
    return NULL;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, SOMAXCONN)) {
        perror(path);
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    static struct call calls[METHODS][ARMED];
    pthread_t thread;
    if (argc != 2) {
        fputs("usage: floor SOCKET\n", stderr);
        return 2;
    }
    abseil_quiet();
    grpc_init();
    create_server();
    for (int i = 0; i < METHODS; i++) {
        for (int k = 0; k < ARMED; k++) {
            calls[i][k].method = &methods[i];
            wait_for_call(&calls[i][k]);
        }
    }
    int listener = listen_on(argv[1]);
    if (pthread_create(&thread, NULL, accept_connections, &listener))
        return 1;
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct call *call = event.tag;
        if (call->answered)
            end(call);
        else
            answer(call);
    }
}
