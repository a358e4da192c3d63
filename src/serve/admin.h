/* The HTTP endpoint for probes and metrics: /healthz, /livez, /readyz, /metrics, /version. A thread
 * of its own; what it tells it asks the loop thread for. */
#ifndef LUACSI_SERVE_ADMIN_H
#define LUACSI_SERVE_ADMIN_H

#include "base/err.h"
#include "io/loop.h"
#include "serve/prober.h"

#include <stdio.h>

struct admin;
struct control;

struct admin_options {
    const char *endpoint; /* as httpd.h has it */
    struct loop *loop;
    struct prober *prober;
    struct control *control; /* to be served as JSON, too; NULL: not here */
    bool is_public;          /* as control_http_new has it */
    /* Writes what /metrics answers. Loop thread. */
    void (*write_metrics)(void *data, FILE *file);
    void *data; /* for write_metrics */
};

/* Listens and answers from now on. NULL and err: as httpd_start, or STATUS_RESOURCE_EXHAUSTED. */
struct admin *admin_start(const struct admin_options *options, struct err *err);

/* Answers who still waits with 503 and ends the thread. Loop thread, before loop_free; NULL is
 * allowed.
 */
void admin_stop(struct admin *admin);

/* After loop_free: questions may still be on their way through the loop. NULL is allowed. */
void admin_free(struct admin *admin);

#endif
