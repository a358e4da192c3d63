/* What the HTTP endpoints have in common: the address, the limits, how an answer is sent. */
#ifndef LUACSI_SERVE_HTTPD_H
#define LUACSI_SERVE_HTTPD_H

#include "base/err.h"
#include "serve/microhttpd.h"

#include <stdbool.h>
#include <stddef.h>

struct httpd_request {
    struct MHD_Connection *connection;
    const char *path;
    bool is_post;     /* else GET or HEAD */
    const char *body; /* of a POST: the next piece; none when it has all come */
    size_t body_size;
};

/* A request that is not answered at once; it lies in its owner. */
struct httpd_exchange {
    /* Called for each piece of the body, once when all of it has come, and after the connection was
     * resumed. */
    enum MHD_Result (*more)(struct httpd_exchange *exchange, const struct httpd_request *request);
    void (*completed)(struct httpd_exchange *exchange); /* the last that is heard of it */
};

/* Answers a request whose headers have come, or sets *own. */
typedef enum MHD_Result httpd_handler(void *data, const struct httpd_request *request,
                                      struct httpd_exchange **own);

enum httpd_threads {
    HTTPD_ONE_THREAD,            /* handlers must not block; they may suspend a connection */
    HTTPD_THREAD_PER_CONNECTION, /* handlers may block */
};

struct httpd_options {
    const char *endpoint; /* "ADDRESS:PORT" or ":PORT", all addresses */
    enum httpd_threads threads;
    unsigned most_connections;
    const char *posts; /* the prefix of paths that take POST; NULL: none does */
    httpd_handler *handler;
    void *data; /* for handler */
};

/* One server; it lies in its owner. */
struct httpd {
    const struct microhttpd *http;
    struct MHD_Daemon *daemon;
    struct httpd_options options;
};

/* What stands behind a flag for an endpoint: -1 and err when it is no address and port. */
int httpd_check_endpoint(const char *endpoint, struct err *err);

/* Whether only this host can reach the endpoint, which is one. */
bool httpd_is_loopback(const char *endpoint);

/* The value of a header of the request; NULL: it is not there. */
const char *httpd_header(const struct httpd *httpd, const struct httpd_request *request,
                         const char *name);

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

/* 405; allow: the methods that would do, "GET, HEAD". */
enum MHD_Result httpd_refuse_method(const struct httpd *httpd, struct MHD_Connection *connection,
                                    const char *allow, const char *text);

#endif
