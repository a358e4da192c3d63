/* Knows --upstream. No state; the main thread. */
#include "cli/upstream_option.h"

#include "base/path.h"

#include <string.h>

static int check_endpoint(const char *text, struct err *err)
{
    struct endpoint endpoint;
    return endpoint_parse(&endpoint, text, err);
}

struct option upstream_option(const char **upstream, const char *help)
{
    return (struct option){
        .name = "upstream",
        .value = "ADDRESS",
        .help = help,
        .type = OPTION_STRING,
        .check = check_endpoint,
        .to.string = upstream,
    };
}

static bool is_any_address(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* Whether both lead to the same socket. A remote host is not asked who it is. */
static int is_same(const struct endpoint *a, const struct endpoint *own, bool *same,
                   struct err *err)
{
    char left[PATH_MAX], right[PATH_MAX];
    *same = false;
    if (!a->path[0] != !own->path[0])
        return 0;
    if (!a->path[0]) {
        *same = a->port == own->port && (strcmp(a->host, own->host) == 0 ||
                                         (is_any_address(own->host) && is_loopback(a->host)));
        return 0;
    }
    if (path_resolve(a->path, left, err) || path_resolve(own->path, right, err))
        return -1;
    *same = strcmp(left, right) == 0;
    return 0;
}

int upstream_parse(struct endpoint *upstream, const char *text, const struct endpoint *own,
                   struct err *err)
{
    bool same;
    if (endpoint_parse(upstream, text, err) || is_same(upstream, own, &same, err))
        return -1;
    if (same)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "--upstream %s: expected another driver, got the address that is served "
                       "here",
                       text);
    return 0;
}
