/* A client's end of HTTP/2 over a UNIX socket: as much as unary gRPC calls with an empty request
 * want. It blocks, and it is small, so that the server is what is measured. Failures end the
 * program. */
#ifndef LUACSI_BENCH_HTTP2_H
#define LUACSI_BENCH_HTTP2_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct http2 {
    int fd;
    const char *path; /* "/csi.v1.Identity/Probe": of every call on this connection; borrowed */
    uint32_t stream;  /* of the next call */
    size_t unseen;    /* bytes of DATA that the server's window still lacks */
};

/* Prints what and errno's text, and ends the program. */
_Noreturn void die(const char *what);

/* Connects and sends the preface. 0, or -1 with errno when nobody listens. path must outlive the
 * connection. */
int http2_open(struct http2 *http2, const char *socket, const char *path);

/* The same, as soon as the child process server listens. Ends the program when that ends before it
 * does, or takes more than a minute. */
void http2_open_when_listening(struct http2 *http2, const char *socket, const char *path,
                               pid_t server);

/* Sends one call. */
void http2_send(struct http2 *http2);

/* Reads until the trailers of a call have come. One without a message has failed. */
void http2_receive(struct http2 *http2);

/* Both. */
void http2_call(struct http2 *http2);

void http2_close(struct http2 *http2);

#endif
