/* Owns one connection: frames out, frames in, flow control. The caller's thread. */
#include "http2.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_SETTINGS = 4,
    FRAME_PING = 6,
    FRAME_GOAWAY = 7,
    FRAME_WINDOW_UPDATE = 8,
};
enum { FLAG_ACK = 1, FLAG_END_STREAM = 1, FLAG_END_HEADERS = 4 };
enum { HEAD = 9, LARGEST_FRAME = 16384, WINDOW_STEP = 16384 };
enum { CONNECT_SECONDS = 60, TRY_AGAIN_NS = 20000 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void write_all(int fd, const void *bytes, size_t size)
{
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        die("write to the server");
}

static void read_all(int fd, uint8_t *bytes, size_t size)
{
    while (size) {
        ssize_t n = read(fd, bytes, size);
        if (n <= 0)
            die("read from the server");
        bytes += n;
        size -= (size_t)n;
    }
}

/* Writes a frame to out and returns where it ends. */
static uint8_t *put_frame(uint8_t *out, uint8_t type, uint8_t flags, uint32_t stream,
                          const void *payload, size_t size)
{
    const uint8_t head[HEAD] = {(uint8_t)(size >> 16),
                                (uint8_t)(size >> 8),
                                (uint8_t)size,
                                type,
                                flags,
                                (uint8_t)(stream >> 24),
                                (uint8_t)(stream >> 16),
                                (uint8_t)(stream >> 8),
                                (uint8_t)stream};
    memcpy(out, head, HEAD);
    memcpy(out + HEAD, payload, size);
    return out + HEAD + size;
}

static void send_frame(const struct http2 *http2, uint8_t type, uint8_t flags, const void *payload,
                       size_t size)
{
    uint8_t out[64];
    write_all(http2->fd, out, (size_t)(put_frame(out, type, flags, 0, payload, size) - out));
}

int http2_open(struct http2 *http2, const char *socket_path, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    *http2 = (struct http2){.path = path, .stream = 1};
    http2->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (http2->fd < 0)
        die("socket");
    if (connect(http2->fd, (struct sockaddr *)&address, sizeof(address))) {
        int why = errno;
        close(http2->fd);
        errno = why;
        return -1;
    }
    write_all(http2->fd, preface, sizeof(preface) - 1);
    send_frame(http2, FRAME_SETTINGS, 0, "", 0);
    return 0;
}

void http2_open_when_listening(struct http2 *http2, const char *socket_path, const char *path,
                               pid_t server)
{
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (http2_open(http2, socket_path, path)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - begin.tv_sec > CONNECT_SECONDS || waitpid(server, NULL, WNOHANG))
            die("connect to the server");
        nanosleep(&(struct timespec){.tv_nsec = TRY_AGAIN_NS}, NULL);
    }
}

void http2_close(struct http2 *http2)
{
    close(http2->fd);
}

/* The headers of a call (HPACK, RFC 7541). The first call's go into the server's table; the later
 * ones name them by their place there, as a real client does. */
static size_t put_headers(const struct http2 *http2, uint8_t *out)
{
    static const char again[] = "\x83\x86\xc1\xc0\xbf\xbe";
    static const char first[] = "\x41\x09localhost"
                                "\x5f\x10"
                                "application/grpc"
                                "\x40\x02te\x08trailers";
    if (http2->stream > 1) {
        memcpy(out, again, sizeof(again) - 1);
        return sizeof(again) - 1;
    }
    size_t n = strlen(http2->path);
    memcpy(out, "\x83\x86\x44", 3); /* :method POST, :scheme http, :path */
    out[3] = (uint8_t)n;
    memcpy(out + 4, http2->path, n);
    memcpy(out + 4 + n, first, sizeof(first) - 1);
    return 4 + n + sizeof(first) - 1;
}

void http2_send(struct http2 *http2)
{
    static const uint8_t empty_message[5];
    uint8_t headers[200], out[256];
    size_t size = put_headers(http2, headers);
    uint8_t *end = put_frame(out, FRAME_HEADERS, FLAG_END_HEADERS, http2->stream, headers, size);
    end = put_frame(end, FRAME_DATA, FLAG_END_STREAM, http2->stream, empty_message,
                    sizeof(empty_message));
    write_all(http2->fd, out, (size_t)(end - out));
    http2->stream += 2;
}

static void took_data(struct http2 *http2, size_t size)
{
    http2->unseen += size;
    if (http2->unseen < WINDOW_STEP)
        return;
    const uint8_t n[4] = {(uint8_t)(http2->unseen >> 24), (uint8_t)(http2->unseen >> 16),
                          (uint8_t)(http2->unseen >> 8), (uint8_t)http2->unseen};
    send_frame(http2, FRAME_WINDOW_UPDATE, 0, n, sizeof(n));
    http2->unseen = 0;
}

void http2_receive(struct http2 *http2)
{
    bool message = false;
    for (bool ended = false; !ended;) {
        uint8_t head[HEAD], payload[LARGEST_FRAME];
        read_all(http2->fd, head, HEAD);
        size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        uint8_t flags = head[4];
        if (size > sizeof(payload))
            die("frame over 16384 bytes");
        read_all(http2->fd, payload, size);
        switch (head[3]) {
        case FRAME_SETTINGS:
            if (!(flags & FLAG_ACK))
                send_frame(http2, FRAME_SETTINGS, FLAG_ACK, "", 0);
            break;
        case FRAME_PING:
            if (!(flags & FLAG_ACK))
                send_frame(http2, FRAME_PING, FLAG_ACK, payload, size);
            break;
        case FRAME_DATA:
            message = true;
            took_data(http2, size);
            break;
        case FRAME_HEADERS:
            ended = flags & FLAG_END_STREAM;
            break;
        case FRAME_GOAWAY:
            die("the server said GOAWAY");
        }
    }
    if (!message) {
        fprintf(stderr, "bench: %s failed\n", http2->path);
        exit(1);
    }
}

void http2_call(struct http2 *http2)
{
    http2_send(http2);
    http2_receive(http2);
}
