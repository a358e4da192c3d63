/* Translates a call of gRPC core for scripts. No state. */
#include "serve/call_context.h"

#include "base/text.h"
#include "io/clock.h"

#include <arpa/inet.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Saturates: a client may say any deadline. */
static int64_t in_ns(gpr_timespec time)
{
    static const int64_t most = INT64_MAX / 1000000000 - 1;
    if (time.tv_sec > most)
        return INT64_MAX;
    return time.tv_sec < -most ? INT64_MIN : time.tv_sec * 1000000000 + time.tv_nsec;
}

static bool is_infinite(gpr_timespec deadline)
{
    return gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0;
}

int64_t call_time_left(gpr_timespec deadline)
{
    if (is_infinite(deadline))
        return INT64_MAX;
    return in_ns(gpr_time_sub(deadline, gpr_now(deadline.clock_type)));
}

/* On the clock that scripts live by. The caller's own time goes on, of course, where that is
 * virtual: then it is how long the caller still waits that counts. */
static int64_t since_epoch(gpr_timespec deadline)
{
    if (is_infinite(deadline))
        return 0;
    if (clock_is_virtual())
        return clock_wall() + call_time_left(deadline);
    return in_ns(gpr_convert_clock_type(deadline, GPR_CLOCK_REALTIME));
}

static const char *keep(struct arena *arena, const char *text)
{
    const char *copy = arena_copy(arena, text, strlen(text));
    return copy ? copy : "";
}

static const char *unix_peer(int fd, struct arena *arena)
{
    struct ucred who;
    socklen_t size = sizeof(who);
    char text[80];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
        return "unix:";
    snprintf(text, sizeof(text), "unix:pid=%d,uid=%u,gid=%u", (int)who.pid, (unsigned)who.uid,
             (unsigned)who.gid);
    return keep(arena, text);
}

/* The address of a peer, whatever its family. */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static const char *tcp_peer(const union address *address, struct arena *arena)
{
    char host[INET6_ADDRSTRLEN] = "";
    char text[INET6_ADDRSTRLEN + 24];
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
        snprintf(text, sizeof(text), "ipv4:%s:%u", host, ntohs(address->v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        snprintf(text, sizeof(text), "ipv6:[%s]:%u", host, ntohs(address->v6.sin6_port));
    }
    return keep(arena, text);
}

/* gRPC core knows a connection that it was handed by the number of its descriptor alone ("fd:17");
 * the descriptor is open for as long as the call is. -1: peer is none of these. */
static int descriptor_of(const char *peer)
{
    int fd;
    return sscanf(peer, "fd:%d", &fd) == 1 ? fd : -1;
}

int call_connection(grpc_call *call)
{
    char *peer = grpc_call_get_peer(call);
    int fd = peer ? descriptor_of(peer) : -1;
    gpr_free(peer);
    return fd;
}

static const char *peer_of(grpc_call *call, struct arena *arena)
{
    union address address;
    socklen_t size = sizeof(address);
    memset(&address, 0, sizeof(address));
    char *core = grpc_call_get_peer(call);
    const char *peer = core ? keep(arena, core) : "";
    gpr_free(core);
    int fd = descriptor_of(peer);
    if (fd < 0 || getpeername(fd, &address.any, &size) != 0)
        return peer;
    return address.any.sa_family == AF_UNIX ? unix_peer(fd, arena) : tcp_peer(&address, arena);
}

static void fill_metadata(struct task_context *context, const grpc_metadata_array *metadata,
                          struct arena *arena)
{
    struct task_metadata *entries = arena_alloc(arena, metadata->count * sizeof(*entries));
    for (size_t i = 0; entries && i < metadata->count; i++) {
        const grpc_metadata *entry = &metadata->metadata[i];
        entries[i] = (struct task_metadata){
            .key = (const char *)GRPC_SLICE_START_PTR(entry->key),
            .key_size = GRPC_SLICE_LENGTH(entry->key),
            .value = (const char *)GRPC_SLICE_START_PTR(entry->value),
            .value_size = GRPC_SLICE_LENGTH(entry->value),
        };
    }
    context->metadata = entries;
    context->n_metadata = entries ? metadata->count : 0;
}

void call_id(const grpc_metadata_array *metadata, uint64_t number, char id[static CALL_ID_TEXT])
{
    for (size_t i = 0; i < metadata->count; i++) {
        const grpc_metadata *entry = &metadata->metadata[i];
        const char *value = (const char *)GRPC_SLICE_START_PTR(entry->value);
        size_t size = text_cut(value, GRPC_SLICE_LENGTH(entry->value), CALL_ID_TEXT - 1);
        if (size == 0 || grpc_slice_str_cmp(entry->key, "csi.requestid") != 0)
            continue;
        memcpy(id, value, size);
        id[size] = '\0';
        return;
    }
    snprintf(id, CALL_ID_TEXT, "%" PRIu64, number);
}

void call_context_fill(struct task_context *context, grpc_call *call,
                       const grpc_metadata_array *metadata, gpr_timespec deadline,
                       struct arena *arena)
{
    *context = (struct task_context){
        .peer = peer_of(call, arena),
        .deadline = since_epoch(deadline),
    };
    fill_metadata(context, metadata, arena);
}
