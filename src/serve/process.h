/* The serving process: a script loaded, a socket bound, calls answered until a signal says stop. */
#ifndef LUACSI_SERVE_PROCESS_H
#define LUACSI_SERVE_PROCESS_H

#include "base/err.h"
#include "io/endpoint.h"
#include "script/vm.h"

#include <sys/types.h>

struct process_options {
    const char *script;              /* path; NULL: the built-in identity */
    const struct endpoint *endpoint; /* where to listen */
    mode_t mode;                     /* of a UNIX socket */
    const struct endpoint *control;  /* where to listen for luacsi.v1.Control; NULL: nowhere */
    int64_t grace;                   /* nanoseconds for calls in flight after SIGTERM or SIGINT */
    const char *state;    /* path of the file that keeps vm.store over a restart; NULL: none does */
    bool state_reset;     /* begin with an empty store when that file is corrupt */
    size_t max_in_flight; /* calls */
    size_t calls;         /* of each session that are kept for luacsi.v1.Control */
    size_t sessions;      /* that it may make */
    const char *http;     /* address of the HTTP endpoint; NULL: none */
    bool http_control;    /* luacsi.v1.Control is served there, too */
    bool http_public;     /* ...to others than this host */
    const char *kubelet_path;     /* the CSI socket, as the kubelet sees it: registration is... */
    const char *registration_dir; /* ...offered in this directory; both NULL: it is not */
    bool watch;                   /* reload the script when its files change */
    const struct endpoint *upstream; /* the driver behind this one; NULL: none */
    const char
        *record; /* resolved path of the file that gets what that answers, at the end; NULL: none */
    bool record_times; /* how long its answers took, too */
    struct vm_options vm;
};

/* Serves on the calling thread, the loop thread, until SIGTERM or SIGINT; returns 0 then. -1 with
 * err when it cannot start: nothing is bound unless the script has loaded. STATUS_UNAVAILABLE says
 * that nobody can listen for HTTP at the given address, STATUS_ALREADY_EXISTS that another process
 * has the endpoint. Once in a process. */
int process_run(const struct process_options *options, struct err *err);

#endif
