/* Owns an outbound gRPC connection: the channel and a completion queue that only client_call
 * plucks. Runs on the thread of its user; a server may run in the same process, on queues of its
 * own.
 *
 * The socket is connected here and handed to gRPC core as a descriptor. So an unreachable endpoint
 * is known at once and with the system's reason, and no resolver, proxy, load balancer or back-off
 * stands between a call and its socket. */
#include "io/client.h"

#include "io/endpoint.h"
#include "io/unary.h"

#include <errno.h>
#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
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

static int open_channel(struct client *client, int64_t timeout, struct err *err)
{
    bool shorter = timeout > 0 && timeout < CONNECT_NS;
    int fd = connect_socket(&client->endpoint, shorter ? timeout : CONNECT_NS);
    if (fd < 0)
        return err_errno(err, STATUS_UNAVAILABLE, "%s", client->endpoint.text);
    client->channel = unary_channel(fd);
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

struct client *client_prepare(const char *endpoint, struct err *err)
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
    return client;
}

struct client *client_new(const char *endpoint, int64_t timeout, struct err *err)
{
    struct client *client = client_prepare(endpoint, err);
    if (!client || open_channel(client, timeout, err) == 0)
        return client;
    client_free(client);
    return NULL;
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

static void exchange(struct client *client, struct unary *unary)
{
    while (unary_next(unary, unary))
        grpc_completion_queue_pluck(client->queue, unary, gpr_inf_future(GPR_CLOCK_MONOTONIC),
                                    NULL);
}

int client_call(struct client *client, const struct client_request *request,
                struct client_reply *reply, struct err *err)
{
    gpr_timespec deadline = unary_deadline(request->timeout);
    if (!client->channel && open_channel(client, request->timeout, err))
        return -1;
    struct unary unary;
    int result = unary_init(&unary, request, err);
    if (result == 0) {
        unary_open(&unary, client->channel, client->queue, deadline);
        exchange(client, &unary);
        result = unary_reply(&unary, reply, err);
        if (unary_unavailable(&unary))
            close_channel(client);
    }
    unary_fini(&unary);
    return result;
}

void client_reply_fini(struct client_reply *reply)
{
    free(reply->message);
    free(reply->data);
    *reply = (struct client_reply){0};
}
