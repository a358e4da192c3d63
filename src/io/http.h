/* HTTP requests: one request, one response, no redirects, no proxy, no cookies. Loop thread. */
#ifndef LUACSI_IO_HTTP_H
#define LUACSI_IO_HTTP_H

#include "base/err.h"
#include "io/hostport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_BODY_BYTES = 1 << 20, HTTP_HEADER_BYTES = 64 * 1024 }; /* most of a response */

struct http;
struct iothread;

struct http_header {
    const char *name;
    const char *value;
};

/* All borrowed for the call of http_start. */
struct http_request {
    const char *url;                   /* http:// or https:// */
    const char *method;                /* NULL: GET, or POST when there is a body */
    const struct http_header *headers; /* of these, our own (User-Agent, ...) are replaced */
    size_t n_headers;
    const void *body;        /* NULL: none */
    size_t body_size;        /* bytes */
    const char *cacert;      /* file with the certificates to trust; NULL: the system's */
    const char *unix_socket; /* path to connect to, whatever the URL says; NULL: none */
    int64_t timeout;         /* nanoseconds for all of it */
};

struct http_response {
    int status; /* 200 */
    const char *body;
    size_t body_size;    /* bytes */
    const char *headers; /* n_headers times "name\0value\0", names in lower case */
    size_t n_headers;
};

/* The host and port that url leads to. Fails with STATUS_INVALID_ARGUMENT: no http or https URL, or
 * one with a user, a space or a control character. */
int http_parse_url(struct hostport *hostport, const char *url, struct err *err);

/* Called once, later, unless the operation is cancelled. response: borrowed for the call, whatever
 * its status. NULL and err: NOT_FOUND for a name that does not exist, UNAVAILABLE,
 * DEADLINE_EXCEEDED, FAILED_PRECONDITION for a server whose certificate is not trusted,
 * RESOURCE_EXHAUSTED for a response that is too large, UNIMPLEMENTED without libcurl. */
typedef void http_done(void *data, const struct http_response *response, const struct err *err);

/* NULL and err: STATUS_INVALID_ARGUMENT for a request that HTTP does not carry;
 * STATUS_RESOURCE_EXHAUSTED. */
struct http *http_start(struct iothread *io, const struct http_request *request, http_done *done,
                        void *data, struct err *err);

/* done is not called; not after done. */
void http_cancel(struct http *http);

#endif
