/* Reads the text of an endpoint. No state; any thread. */
#include "io/endpoint.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static int parse_unix(struct endpoint *endpoint, const char *text, const char *path,
                      struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char absolute[4096] = "";
    size_t used = 0;

    if (strncmp(path, "//", 2) == 0) {
        path += 2;
        if (*path != '/')
            return err_set(err, STATUS_INVALID_ARGUMENT,
                           "endpoint \"%s\": expected an absolute path after unix://, as in "
                           "unix:///run/csi.sock",
                           text);
    }
    if (*path == '\0' || path[strlen(path) - 1] == '/')
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "endpoint \"%s\": expected the path of a socket, got \"%s\"", text, path);
    if (*path != '/') {
        if (!getcwd(absolute, sizeof(absolute) - 1))
            return err_errno(err, STATUS_INVALID_ARGUMENT,
                             "endpoint \"%s\": the working directory is not known", text);
        used = strlen(absolute);
        absolute[used++] = '/';
    }
    size_t size = used + strlen(path);
    if (size >= sizeof(address.sun_path))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "endpoint \"%s\": expected a path of at most %zu bytes, got %zu bytes", text,
                       sizeof(address.sun_path) - 1, size);
    memcpy(address.sun_path, absolute, used);
    memcpy(address.sun_path + used, path, strlen(path));

    memcpy(&endpoint->address, &address, sizeof(address));
    endpoint->size = sizeof(address);
    memcpy(endpoint->path, address.sun_path, sizeof(endpoint->path));
    snprintf(endpoint->text, sizeof(endpoint->text), "unix://%s", endpoint->path);
    return 0;
}

/* Fills address and host from the numeric address of n bytes at s; returns whether it is one. */
static bool read_host(struct endpoint *endpoint, const char *s, size_t n, bool v6)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)&endpoint->address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&endpoint->address;
    if (n >= sizeof(endpoint->host))
        return false;
    memcpy(endpoint->host, s, n);
    endpoint->host[n] = '\0';
    endpoint->address.ss_family = v6 ? AF_INET6 : AF_INET;
    endpoint->size = v6 ? sizeof(*in6) : sizeof(*in4);
    return inet_pton(endpoint->address.ss_family, endpoint->host,
                     v6 ? (void *)&in6->sin6_addr : (void *)&in4->sin_addr) == 1;
}

static int parse_tcp(struct endpoint *endpoint, const char *text, const char *rest, struct err *err)
{
    bool v6 = *rest == '[';
    const char *colon = strrchr(rest, ':');
    const char *host = rest + v6;
    const char *host_end = v6 ? strchr(rest, ']') : colon;
    int64_t port;

    if (!colon || !host_end || host_end + v6 != colon ||
        !read_host(endpoint, host, (size_t)(host_end - host), v6))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "endpoint \"%s\": expected a numeric address and a port, as in "
                       "tcp://127.0.0.1:9000 or tcp://[::1]:9000, got \"%s\"",
                       text, rest);
    if (!text_integer(colon + 1, &port) || port < 1 || port > UINT16_MAX)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "endpoint \"%s\": expected a port from 1 to %d, got \"%s\"", text,
                       UINT16_MAX, colon + 1);

    /* sockaddr_in and sockaddr_in6 have the port at the same place. */
    ((struct sockaddr_in *)&endpoint->address)->sin_port = htons((uint16_t)port);
    endpoint->port = (unsigned)port;
    snprintf(endpoint->text, sizeof(endpoint->text), v6 ? "tcp://[%s]:%u" : "tcp://%s:%u",
             endpoint->host, endpoint->port);
    return 0;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

int endpoint_parse(struct endpoint *endpoint, const char *text, struct err *err)
{
    memset(endpoint, 0, sizeof(*endpoint));
    if (*text == '/')
        return parse_unix(endpoint, text, text, err);
    if (begins_with(text, "unix:"))
        return parse_unix(endpoint, text, text + strlen("unix:"), err);
    if (begins_with(text, "tcp://"))
        return parse_tcp(endpoint, text, text + strlen("tcp://"), err);
    return err_set(err, STATUS_INVALID_ARGUMENT,
                   "endpoint: expected unix:///path, unix:path, an absolute path or "
                   "tcp://address:port, got %s%s%s",
                   *text ? "\"" : "an empty text", text, *text ? "\"" : "");
}
