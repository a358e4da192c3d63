/* libmicrohttpd, loaded when an HTTP endpoint is asked for: to link it would cost every start, for
 * the TLS library that it needs. */
#ifndef LUACSI_SERVE_MICROHTTPD_H
#define LUACSI_SERVE_MICROHTTPD_H

#include "base/err.h"

#include <microhttpd.h>

/* What we call of it; MHD_x is microhttpd->x. */
#define MICROHTTPD_TABLE(X)        \
    X(start_daemon)                \
    X(stop_daemon)                 \
    X(suspend_connection)          \
    X(resume_connection)           \
    X(create_response_from_buffer) \
    X(add_response_header)         \
    X(lookup_connection_value)     \
    X(queue_response)              \
    X(destroy_response)            \
    X(set_panic_func)

struct microhttpd {
#define MICROHTTPD_MEMBER(name) __typeof__(MHD_##name) *(name);
    MICROHTTPD_TABLE(MICROHTTPD_MEMBER)
#undef MICROHTTPD_MEMBER
};

/* The table, the same every time. NULL and err (STATUS_UNIMPLEMENTED) where the library is not
 * installed. Main thread. */
const struct microhttpd *microhttpd_load(struct err *err);

#endif
