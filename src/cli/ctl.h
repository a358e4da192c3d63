/* The inside of luacsi ctl: what its actions share. */
#ifndef LUACSI_CLI_CTL_H
#define LUACSI_CLI_CTL_H

#include "cli/remote.h"

#include <jansson.h>

/* A number that was not given; of other flags, it is NULL or false. */
#define CTL_NOT_GIVEN INT64_MIN

struct ctl {
    struct remote remote;
    const char *session; /* the flags, from here on */
    const char *method;
    const char *status;
    const char *request;
    int64_t since;
    int64_t limit;
    int64_t count;
    int64_t exactly;
    int64_t at_least;
    int64_t at_most;
    bool never;
    struct option_texts order;
    bool file;
    const struct arguments *arguments; /* behind the action */
};

/* Calls a method of luacsi.v1.Control; takes request. Returns the exit code, as remote_call. */
int ctl_call(struct ctl *ctl, const char *method, json_t *request);

/* A request that names the session. */
json_t *ctl_request(const struct ctl *ctl);

/* The actions that speak of calls. */
int ctl_calls(struct ctl *ctl);
int ctl_wait(struct ctl *ctl);
int ctl_verify(struct ctl *ctl);

#endif
