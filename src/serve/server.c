/* Owns a gRPC server: registers the methods, arms calls, ends in an orderly way. Loop thread. */
#include "serve/server.h"

#include "csi/catalog.h"
#include "io/channel_arg.h"
#include "serve/rpc.h"
#include "serve/unknown.h"

#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <stdlib.h>

enum {
    /* Calls of one method that can be taken at once; further ones wait in gRPC core. It looks for
     * the tag of each event among all that are under way, one by one, so that waiting costs. */
    ARMED_IDENTITY = 4,
    ARMED_OTHERS = 1,
    MAX_REQUEST_BYTES = 4 * 1024 * 1024,
    MAX_STREAMS = 100, /* of one connection; keeps rapid resets from taking memory */
    MIN_PING_INTERVAL_MS = 1000,
    LINGER_NS = 20 * 1000 * 1000,
};

struct server {
    struct rpc_host host;
    struct loop *loop;
    grpc_server_credentials *credentials;
    uint64_t n_connections;                  /* since the start */
    struct rpc *calls;                       /* until the server starts; NULL then */
    struct unknown *unknown;                 /* the same */
    struct streams *streams[SERVER_STREAMS]; /* one for each method, then NULL */
    struct op shut_down;                     /* the tag of the shutdown */
    bool is_shut_down;                       /* it came back */
    struct timer grace; /* set while calls in flight may finish, then while clients may go */
    void (*done)(void *data);
    void *data;
};

static grpc_server *create_server(void)
{
    grpc_arg args[] = {
        channel_arg_integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MAX_REQUEST_BYTES),
        channel_arg_integer(GRPC_ARG_MAX_CONCURRENT_STREAMS, MAX_STREAMS),
        channel_arg_integer(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                            MIN_PING_INTERVAL_MS),
        channel_arg_integer(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        /* a small frame can inflate to a large one: take none that is compressed, send none */
        channel_arg_integer(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        channel_arg_integer(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        channel_arg_integer(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
                            1 << GRPC_COMPRESS_NONE),
    };
    const grpc_channel_args list = {.num_args = sizeof(args) / sizeof(args[0]), .args = args};
    return grpc_server_create(&list, NULL);
}

/* Registers a method with gRPC core and makes what waits for its calls. */
static int make_calls(struct server *server, const struct method *method, struct err *err)
{
    int n = catalog_is_identity(method) ? ARMED_IDENTITY : ARMED_OTHERS;
    void *handle = grpc_server_register_method(server->host.server, method->path, NULL,
                                               GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    if (!handle)
        return err_set(err, STATUS_INTERNAL, "gRPC core does not take %s", method->path);
    for (int i = 0; i < n; i++) {
        if (!rpc_new(&server->calls, &server->host, method, handle))
            return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the server");
    }
    return 0;
}

/* All of it before the server starts: from then on nothing can fail. rpc_new puts each one first,
 * and so those of Identity, which are asked most, end up where gRPC core's search begins. */
static int make_all_calls(struct server *server, const struct server_options *options,
                          struct err *err)
{
    server->unknown = unknown_new(&server->host);
    if (!server->unknown)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the server");
    for (size_t i = options->n_methods; i-- > 0;) {
        if (make_calls(server, &options->methods[i], err))
            return -1;
    }
    return 0;
}

static int make_streams(struct server *server, const struct stream_method *methods, struct err *err)
{
    for (int i = 0; i < SERVER_STREAMS && methods[i].path; i++) {
        server->streams[i] = streams_new(&server->host, &methods[i], err);
        if (!server->streams[i])
            return -1;
    }
    return 0;
}

static void start(struct server *server)
{
    grpc_server_start(server->host.server);
    for (struct rpc *rpc = server->calls, *next; rpc; rpc = next) {
        next = rpc_next(rpc);
        rpc_wait(rpc);
    }
    for (int i = 0; i < SERVER_STREAMS && server->streams[i]; i++)
        streams_wait(server->streams[i]);
    unknown_wait(server->unknown);
    server->unknown = NULL; /* from now on they free themselves */
    server->calls = NULL;
}

struct server *server_new(const struct server_options *options, struct err *err)
{
    struct server *server = calloc(1, sizeof(*server));
    if (!server) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the server");
        return NULL;
    }
    server->loop = options->loop;
    server->host = (struct rpc_host){
        .server = create_server(),
        .queue = loop_queue(options->loop),
        .vm = options->vm,
        .sessions = options->sessions,
        .max_open = options->max_in_flight,
        .upstream = options->upstream,
        .fixture = options->fixture,
        .answer = options->answer,
        .vanish = options->vanish,
        .data = options->data,
        .most_host_bytes = options->most_host_bytes,
    };
    server->credentials = grpc_insecure_server_credentials_create();
    grpc_server_register_completion_queue(server->host.server, server->host.queue, NULL);
    if (make_all_calls(server, options, err) || make_streams(server, options->streams, err)) {
        server_free(server);
        return NULL;
    }
    start(server);
    return server;
}

void server_answer_with(struct server *server, struct vm *vm)
{
    server->host.vm = vm;
}

void server_report(const struct server *server, struct status_report *report)
{
    report->calls = (int64_t)server->host.n_calls;
    report->calls_in_flight = (int64_t)server->host.n_open;
    report->connections = (int64_t)server->n_connections;
}

void server_count(struct server *server, struct metrics *metrics)
{
    server->host.metrics = metrics;
}

void server_add_connection(struct server *server, int fd)
{
    server->n_connections++;
    grpc_server_add_channel_from_fd(server->host.server, fd, server->credentials);
}

/* Ends once gRPC core has given back all that it held: calls, waiting structs, the server itself.
 */
static void end_if_over(struct server *server)
{
    struct rpc_host *host = &server->host;
    if (!server->is_shut_down || host->n_open > 0 || host->n_waiting > 0)
        return;
    loop_timer_clear(server->loop, &server->grace);
    server->done(server->data);
}

static void on_time_over(struct timer *timer)
{
    server_cancel_calls(container_of(timer, struct server, grace));
}

static void on_shut_down(struct op *op, bool ok)
{
    struct server *server = container_of(op, struct server, shut_down);
    (void)ok;
    server->is_shut_down = true;
    end_if_over(server);
}

/* When the last call is answered, clients get a moment to read it and to go by themselves; gRPC
 * core would wait for them for ever. A call whose request is still coming in holds one of
 * n_waiting. */
static void on_fell(struct rpc_host *host)
{
    struct server *server = container_of(host, struct server, host);
    if (host->n_open > 0 || host->n_waiting > 0)
        return;
    loop_timer_set(server->loop, &server->grace, LINGER_NS);
    end_if_over(server);
}

void server_shutdown(struct server *server, int64_t grace, void (*done)(void *data), void *data)
{
    server->done = done;
    server->data = data;
    server->shut_down.fn = on_shut_down;
    server->grace.fn = on_time_over;
    server->host.fell = on_fell;
    server->host.stopping = true;
    grpc_server_shutdown_and_notify(server->host.server, server->host.queue, &server->shut_down);
    for (int i = 0; i < SERVER_STREAMS && server->streams[i]; i++)
        streams_end(server->streams[i]);
    loop_timer_set(server->loop, &server->grace, grace);
}

void server_cancel_calls(struct server *server)
{
    grpc_server_cancel_all_calls(server->host.server);
}

void server_free(struct server *server)
{
    for (struct rpc *rpc = server->calls, *next; rpc; rpc = next) {
        next = rpc_next(rpc);
        rpc_free(rpc);
    }
    unknown_free(server->unknown);
    for (int i = 0; i < SERVER_STREAMS; i++)
        streams_free(server->streams[i]);
    grpc_server_destroy(server->host.server);
    grpc_server_credentials_release(server->credentials);
    free(server);
}
