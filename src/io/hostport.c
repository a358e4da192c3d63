/* Reads "host:port". So strictly that nobody could read another host out of it. */
#include "io/hostport.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The bytes that a name, or an IPv4 address, is made of. */
static size_t name_length(const char *s, size_t n)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t i = 0;
    while (i < n && s[i] && strchr(allowed, s[i]))
        i++;
    return i;
}

/* Reads the host; returns the bytes that it takes, 0 for none. */
static size_t read_host(struct hostport *hostport, const char *s, size_t n)
{
    struct in6_addr ignored;
    bool v6 = n > 0 && s[0] == '[';
    const char *end = v6 ? memchr(s, ']', n) : s + name_length(s, n);
    size_t length = end ? (size_t)(end - s) - v6 : 0;
    if (length == 0 || length >= HOSTPORT_NAME)
        return 0;
    memcpy(hostport->host, s + v6, length);
    hostport->host[length] = '\0';
    if (v6 && inet_pton(AF_INET6, hostport->host, &ignored) != 1)
        return 0;
    return length + (v6 ? 2 : 0);
}

/* The decimal number of n digits, or 0. */
static unsigned read_port(const char *s, size_t n)
{
    unsigned port = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9' || n > 5)
            return 0;
        port = port * 10 + (unsigned)(s[i] - '0');
    }
    return port <= UINT16_MAX ? port : 0;
}

bool hostport_parse(struct hostport *hostport, const char *s, size_t n, unsigned fallback)
{
    size_t host = read_host(hostport, s, n);
    if (host == 0)
        return false;
    if (host == n)
        hostport->port = fallback;
    else
        hostport->port = s[host] == ':' ? read_port(s + host + 1, n - host - 1) : 0;
    snprintf(hostport->text, sizeof(hostport->text), s[0] == '[' ? "[%s]:%u" : "%s:%u",
             hostport->host, hostport->port);
    return hostport->port > 0;
}
