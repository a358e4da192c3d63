/* "host:port" as it stands in tcp://host:port and in URLs. No state; any thread. */
#ifndef LUACSI_IO_HOSTPORT_H
#define LUACSI_IO_HOSTPORT_H

#include <stdbool.h>
#include <stddef.h>

enum { HOSTPORT_NAME = 256, HOSTPORT_TEXT = HOSTPORT_NAME + 9 };

struct hostport {
    char host[HOSTPORT_NAME]; /* a name or a numeric address, without brackets */
    unsigned port;
    char text[HOSTPORT_TEXT]; /* "name:80", "127.0.0.1:80", "[::1]:80" */
};

/* Reads the n bytes at s: a name or an IPv4 address, or an IPv6 address in brackets, and a port
 * from 1 to 65535. fallback: the port when none is given; 0: one must be. False when it is anything
 * else: no user, no other character than names and addresses have. */
bool hostport_parse(struct hostport *hostport, const char *s, size_t n, unsigned fallback);

#endif
