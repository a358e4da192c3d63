/* Asks the system's resolver in a thread for blocking work. */
#include "io/lookup.h"

#include "io/hostport.h"
#include "io/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_TEXT = 16 };

struct lookup {
    struct work work;
    char host[HOSTPORT_NAME];
    char port[PORT_TEXT];
    int failed; /* of getaddrinfo */
    int system; /* errno when failed is EAI_SYSTEM */
    struct addrinfo *addresses;
    lookup_done *done;
    void *data;
};

static int resolve(const char *host, const char *port, int flags, struct addrinfo **addresses)
{
    const struct addrinfo wanted = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    *addresses = NULL;
    return getaddrinfo(host, port, &wanted, addresses);
}

static void run(struct work *work)
{
    struct lookup *lookup = container_of(work, struct lookup, work);
    lookup->failed = resolve(lookup->host, lookup->port, AI_ADDRCONFIG, &lookup->addresses);
    lookup->system = errno;
}

static void on_done(struct work *work)
{
    struct lookup *lookup = container_of(work, struct lookup, work);
    struct err err;
    if (!lookup->failed) {
        struct addrinfo *addresses = lookup->addresses;
        lookup->addresses = NULL;
        lookup->done(lookup->data, addresses, NULL);
        return;
    }
    bool unknown = lookup->failed == EAI_NONAME || lookup->failed == EAI_NODATA;
    err_set(&err, unknown ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE, "%s: %s", lookup->host,
            lookup->failed == EAI_SYSTEM ? strerror(lookup->system) : gai_strerror(lookup->failed));
    lookup->done(lookup->data, NULL, &err);
}

static void free_lookup(struct work *work)
{
    struct lookup *lookup = container_of(work, struct lookup, work);
    if (lookup->addresses)
        freeaddrinfo(lookup->addresses);
    free(lookup);
}

struct lookup *lookup_start(struct iothread *io, const char *host, unsigned port, lookup_done *done,
                            void *data, struct err *err)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (!lookup) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to look up %s", host);
        return NULL;
    }
    lookup->work.run = run;
    lookup->work.done = on_done;
    lookup->work.free = free_lookup;
    lookup->done = done;
    lookup->data = data;
    snprintf(lookup->host, sizeof(lookup->host), "%s", host);
    snprintf(lookup->port, sizeof(lookup->port), "%u", port);
    if (!work_start(&lookup->work, io, err))
        return lookup;
    free(lookup);
    return NULL;
}

struct addrinfo *lookup_numeric(const char *host, unsigned port)
{
    struct addrinfo *addresses;
    char text[PORT_TEXT];
    snprintf(text, sizeof(text), "%u", port);
    return resolve(host, text, AI_NUMERICHOST, &addresses) == 0 ? addresses : NULL;
}

void lookup_cancel(struct lookup *lookup)
{
    work_abandon(&lookup->work);
}
