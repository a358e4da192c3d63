/* Owns a listener and a gRPC server that belong together. Loop thread. */
#include "serve/side_server.h"

#include "serve/listener.h"
#include "serve/reflection.h"
#include "serve/server.h"

#include <stdlib.h>

enum { MAX_IN_FLIGHT = 100 };

struct side_server {
    struct listener *listener;
    struct server *server; /* NULL once closed */
    struct loop *loop;
};

static void on_connection(void *data, int fd)
{
    struct side_server *side = data;
    server_add_connection(side->server, fd);
}

static struct server *make_server(const struct side_server_options *options, struct err *err)
{
    struct server_options server = {
        .loop = options->loop,
        .max_in_flight = MAX_IN_FLIGHT,
        .answer = options->answer,
        .data = options->data,
        .most_host_bytes = options->most_bytes,
    };
    server.methods = catalog_service(options->service, &server.n_methods);
    if (options->descriptors) {
        server.streams[0] = reflection_v1(options->descriptors);
        server.streams[1] = reflection_v1alpha(options->descriptors);
    }
    return server_new(&server, err);
}

struct side_server *side_server_new(const struct side_server_options *options, struct err *err)
{
    struct side_server *side = calloc(1, sizeof(*side));
    if (!side) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for %s", options->service);
        return NULL;
    }
    side->loop = options->loop;
    side->listener = listener_open(options->endpoint, options->mode, err);
    side->server = side->listener ? make_server(options, err) : NULL;
    if (side->server)
        return side;
    if (side->listener)
        listener_stop(side->listener);
    side_server_free(side);
    return NULL;
}

int side_server_start(struct side_server *side, struct iothread *io, struct err *err)
{
    return listener_start(side->listener, io, side->loop, on_connection, side, err);
}

void side_server_shutdown(struct side_server *side, int64_t grace, void (*done)(void *data),
                          void *data)
{
    listener_stop(side->listener);
    server_shutdown(side->server, grace, done, data);
}

void side_server_cancel_calls(struct side_server *side)
{
    server_cancel_calls(side->server);
}

void side_server_close(struct side_server *side)
{
    if (!side)
        return;
    server_free(side->server);
    side->server = NULL;
}

void side_server_free(struct side_server *side)
{
    if (!side)
        return;
    listener_free(side->listener);
    free(side);
}
