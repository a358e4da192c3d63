/* What the HTTP endpoints have in common: the address, the limits, how an answer is sent. */
#ifndef LUACSI_SERVE_HTTPD_H
#define LUACSI_SERVE_HTTPD_H

#include "base/err.h"
#include "serve/microhttpd.h"

#include <stddef.h>

/* Answers GET or HEAD of path. Where it suspends the connection it sets *own, and is called again
 * after that was resumed. */
typedef enum MHD_Result httpd_handler(void *data, struct MHD_Connection *connection,
                                      const char *path, void **own);

enum httpd_threads {
    HTTPD_ONE_THREAD,            /* handlers must not block; they may suspend a connection */
    HTTPD_THREAD_PER_CONNECTION, /* handlers may block */
};

struct httpd_options {
    const char *endpoint; /* "ADDRESS:PORT" or ":PORT", all addresses */
    enum httpd_threads threads;
    unsigned most_connections;
    httpd_handler *handler;
    void (*completed)(void *data, void *own); /* a request for which own was set is done */
    void *data;                               /* for both */
};

/* One server; it lies in its owner. */
struct httpd {
    const struct microhttpd *http;
    struct MHD_Daemon *daemon;
    struct httpd_options options;
};

/* What stands behind a flag for an endpoint: -1 and err when it is no address and port. */
int httpd_check_endpoint(const char *endpoint, struct err *err);

/* Serves from now on, on threads of its own. -1 and err: STATUS_UNAVAILABLE when nobody can listen
 * there (the address is taken), STATUS_UNIMPLEMENTED when libmicrohttpd is missing. */
int httpd_start(struct httpd *httpd, const struct httpd_options *options, struct err *err);

/* Ends its threads; no connection may be suspended. */
void httpd_stop(struct httpd *httpd);

/* For handlers: sends an answer, of which nothing is kept. The connection is closed behind it, so
 * that none that is idle holds a place. */
enum MHD_Result httpd_respond(const struct httpd *httpd, struct MHD_Connection *connection,
                              unsigned code, const char *type, const char *text, size_t size);

#define HTTPD_PLAIN "text/plain; charset=utf-8"

/* The same in plain text. */
enum MHD_Result httpd_respond_text(const struct httpd *httpd, struct MHD_Connection *connection,
                                   unsigned code, const char *text);

#endif
