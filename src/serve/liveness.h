/* The liveness driver, a process that stands beside a CSI driver: asks its Probe now and then, and
 * tells over HTTP what came of it. */
#ifndef LUACSI_SERVE_LIVENESS_H
#define LUACSI_SERVE_LIVENESS_H

#include "base/err.h"

#include <stdint.h>

struct liveness_options {
    const char *endpoint;     /* of the driver */
    int64_t polltime;         /* nanoseconds from one Probe to the next */
    int64_t timeout;          /* nanoseconds that a Probe may take */
    const char *http;         /* where to listen, as httpd.h has it */
    const char *metrics_path; /* "/metrics" */
};

/* Runs until SIGTERM or SIGINT, and then ends the process with status 0. -1 with err when it cannot
 * start; STATUS_UNAVAILABLE says that nobody can listen for HTTP there. Once in a process. */
int liveness_run(const struct liveness_options *options, struct err *err);

#endif
