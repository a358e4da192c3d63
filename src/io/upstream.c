/* Owns the channel to the driver behind this one. Loop thread. */
#include "io/upstream.h"

#include "base/text.h"
#include "io/channel_arg.h"

#include <ctype.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* How soon a driver that was away is tried again: first, and at most. */
    FIRST_BACKOFF_MS = 100,
    MOST_BACKOFF_MS = 1000,
    MAX_REPLY = 64 * 1024 * 1024, /* bytes of one message */
    TARGET_TEXT = 400,            /* each byte of a path may become three */
};

struct upstream {
    struct endpoint endpoint;
    grpc_channel *channel; /* NULL unless it is open */
};

struct upstream *upstream_new(const struct endpoint *endpoint, struct err *err)
{
    struct upstream *upstream = calloc(1, sizeof(*upstream));
    if (upstream)
        upstream->endpoint = *endpoint;
    else
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the upstream");
    return upstream;
}

/* Appends text to the URI in target, escaped where a URI has other uses for a character. */
static void append_escaped(char target[TARGET_TEXT], const char *text)
{
    size_t n = strlen(target);
    for (const char *c = text; *c && n + 4 < TARGET_TEXT; c++) {
        bool plain = isalnum((unsigned char)*c) || strchr("/-._~:", *c);
        n += (size_t)snprintf(target + n, TARGET_TEXT - n, plain ? "%c" : "%%%02X",
                              (unsigned char)*c);
    }
}

/* The endpoint as gRPC core names it. */
static void name_target(const struct endpoint *endpoint, char target[TARGET_TEXT])
{
    char address[sizeof(endpoint->host) + 16];
    bool v6 = endpoint->address.ss_family == AF_INET6;
    if (endpoint->path[0]) {
        snprintf(target, TARGET_TEXT, "unix:");
        append_escaped(target, endpoint->path);
        return;
    }
    snprintf(address, sizeof(address), v6 ? "[%s]:%u" : "%s:%u", endpoint->host, endpoint->port);
    snprintf(target, TARGET_TEXT, v6 ? "ipv6:" : "ipv4:");
    append_escaped(target, address);
}

void upstream_open(struct upstream *upstream)
{
    grpc_arg list[] = {
        channel_arg_string(GRPC_ARG_DEFAULT_AUTHORITY, "localhost"),
        channel_arg_string(GRPC_ARG_PRIMARY_USER_AGENT_STRING, "luacsi/" LUACSI_VERSION),
        channel_arg_integer(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, FIRST_BACKOFF_MS),
        channel_arg_integer(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, MOST_BACKOFF_MS),
        channel_arg_integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MAX_REPLY),
        /* what goes through is neither opened nor repeated */
        channel_arg_integer(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        channel_arg_integer(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        channel_arg_integer(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
                            1 << GRPC_COMPRESS_NONE),
        channel_arg_integer(GRPC_ARG_ENABLE_RETRIES, 0),
        /* the address is all there is to know */
        channel_arg_integer(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        channel_arg_integer(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        channel_arg_integer(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
    };
    const grpc_channel_args args = {.num_args = sizeof(list) / sizeof(list[0]), .args = list};
    char target[TARGET_TEXT];
    name_target(&upstream->endpoint, target);
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    upstream->channel = grpc_channel_create(target, credentials, &args);
    grpc_channel_credentials_release(credentials);
}

void upstream_close(struct upstream *upstream)
{
    if (upstream->channel)
        grpc_channel_destroy(upstream->channel);
    upstream->channel = NULL;
}

void upstream_free(struct upstream *upstream)
{
    free(upstream);
}

const char *upstream_text(const struct upstream *upstream)
{
    return upstream->endpoint.text;
}

grpc_call *upstream_call(struct upstream *upstream, grpc_completion_queue *queue, grpc_slice path,
                         gpr_timespec deadline)
{
    return grpc_channel_create_call(upstream->channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, path,
                                    NULL, deadline, NULL);
}

/* ---- metadata ---- */

static bool begins_with(grpc_slice slice, const char *text)
{
    size_t n = strlen(text);
    return GRPC_SLICE_LENGTH(slice) >= n && memcmp(GRPC_SLICE_START_PTR(slice), text, n) == 0;
}

bool upstream_carries(const grpc_metadata *entry)
{
    static const char *const reserved[] = {"te", "content-type", "content-length", "user-agent",
                                           "host"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (grpc_slice_str_cmp(entry->key, reserved[i]) == 0)
            return false;
    }
    if (!grpc_header_key_is_legal(entry->key))
        return false;
    if (grpc_is_binary_header(entry->key)) /* grpc-status-details-bin among them */
        return true;
    return !begins_with(entry->key, "grpc-") && grpc_header_nonbin_value_is_legal(entry->value);
}

/* ---- status ---- */

/* gRPC core makes a status of its own look like the driver's when a connection breaks. */
static bool has_broken(const struct upstream *upstream, grpc_status_code status)
{
    return (status == GRPC_STATUS_UNAVAILABLE || status == GRPC_STATUS_UNKNOWN) &&
           grpc_channel_check_connectivity_state(upstream->channel, 0) != GRPC_CHANNEL_READY;
}

bool upstream_failed(const struct upstream *upstream, grpc_status_code status,
                     const char *error_string)
{
    return error_string &&
           (!strstr(error_string, "Error received from peer") || has_broken(upstream, status));
}

/* gRPC core tells of addresses, of which there is one: "failed to connect to all addresses; last
 * error: UNKNOWN: unix:/run/csi.sock: No such file or directory". The system's reason stands last.
 */
static const char *shorten(const char *reason, const char **prefix)
{
    static const char all[] = "failed to connect to all addresses";
    const char *last = strstr(reason, ": ") ? strrchr(reason, ':') + 1 : NULL;
    bool is_unreachable = last && strncmp(reason, all, strlen(all)) == 0;
    *prefix = is_unreachable ? "cannot be reached:" : "";
    return is_unreachable ? last : reason;
}

void upstream_describe(const struct upstream *upstream, grpc_slice details,
                       char text[UPSTREAM_TEXT])
{
    char reason[UPSTREAM_TEXT / 2];
    const char *prefix;
    const char *bytes = (const char *)GRPC_SLICE_START_PTR(details);
    snprintf(reason, sizeof(reason), "%.*s",
             (int)text_cut(bytes, GRPC_SLICE_LENGTH(details), sizeof(reason) - 1), bytes);
    const char *last = shorten(reason, &prefix);
    snprintf(text, UPSTREAM_TEXT, "upstream %s: %s%s", upstream->endpoint.text, prefix, last);
}
