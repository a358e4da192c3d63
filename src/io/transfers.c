/* Owns libcurl's multi handle: libcurl says which sockets and which time to wait for, libuv waits,
 * and libcurl is told. I/O thread. */
#include "io/transfers.h"

#include <stdlib.h>

enum { IDLE_CONNECTIONS = 8 };

struct transfers {
    struct iopart part;
    uv_loop_t *uv;
    const struct curl *curl;
    CURLM *multi;
    uv_timer_t timer;
};

/* A socket of libcurl's that is waited for. */
struct watch {
    uv_poll_t poll;
    curl_socket_t fd;
    struct transfers *transfers;
};

static const char part_kind;

/* Tells the owners of those that have ended. */
static void take_ended(struct transfers *transfers)
{
    const struct curl *curl = transfers->curl;
    int left;
    for (CURLMsg *message; (message = curl->multi_info_read(transfers->multi, &left));) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; /* message is libcurl's until the next call */
        struct transfer *transfer = NULL;
        curl->easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
        curl->multi_remove_handle(transfers->multi, easy);
        transfer->done(transfer, code);
    }
}

static void act(struct transfers *transfers, curl_socket_t fd, int events)
{
    int running;
    transfers->curl->multi_socket_action(transfers->multi, fd, events, &running);
    take_ended(transfers);
}

/* ---- called by libuv ---- */

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    act(watch->transfers, watch->fd, flags);
}

static void on_time(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

static void free_transfers(uv_handle_t *handle)
{
    free(handle->data);
}

/* ---- called by libcurl ---- */

static struct watch *new_watch(struct transfers *transfers, curl_socket_t fd)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return NULL;
    if (uv_poll_init(transfers->uv, &watch->poll, fd)) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->fd = fd;
    watch->transfers = transfers;
    transfers->curl->multi_assign(transfers->multi, fd, watch);
    return watch;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct transfers *transfers = data;
    struct watch *watch = socket_data;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            transfers->curl->multi_assign(transfers->multi, fd, NULL);
            uv_close((uv_handle_t *)&watch->poll, free_watch);
        }
        return 0;
    }
    if (!watch)
        watch = new_watch(transfers, fd);
    if (!watch)
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_events);
}

static int set_time(CURLM *multi, long milliseconds, void *data)
{
    struct transfers *transfers = data;
    (void)multi;
    if (milliseconds < 0)
        uv_timer_stop(&transfers->timer);
    else
        uv_timer_start(&transfers->timer, on_time, (uint64_t)milliseconds, 0);
    return 0;
}

/* ---- from the first transfer to the end of the thread ---- */

static void end(struct iopart *part)
{
    struct transfers *transfers = container_of(part, struct transfers, part);
    transfers->curl->multi_cleanup(transfers->multi);
    uv_close((uv_handle_t *)&transfers->timer, free_transfers);
}

static struct transfers *new_transfers(struct iothread *io, const struct curl *curl)
{
    struct transfers *transfers = calloc(1, sizeof(*transfers));
    CURLM *multi = transfers ? curl->multi_init() : NULL;
    if (!multi) {
        free(transfers);
        return NULL;
    }
    transfers->part.kind = &part_kind;
    transfers->part.end = end;
    transfers->uv = iothread_uv(io);
    transfers->curl = curl;
    transfers->multi = multi;
    uv_timer_init(transfers->uv, &transfers->timer);
    transfers->timer.data = transfers;
    curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, transfers);
    curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_time);
    curl->multi_setopt(multi, CURLMOPT_TIMERDATA, transfers);
    curl->multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    iothread_add_part(io, &transfers->part);
    return transfers;
}

struct transfers *transfers_of(struct iothread *io, struct err *err)
{
    struct iopart *part = iothread_part(io, &part_kind);
    if (part)
        return container_of(part, struct transfers, part);
    const struct curl *curl = curl_load(err);
    struct transfers *transfers = curl ? new_transfers(io, curl) : NULL;
    if (curl && !transfers)
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for HTTP");
    return transfers;
}

int transfers_add(struct transfers *transfers, struct transfer *transfer, struct err *err)
{
    const struct curl *curl = transfers->curl;
    curl->easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    CURLMcode code = curl->multi_add_handle(transfers->multi, transfer->easy);
    if (code == CURLM_OK)
        return 0;
    return err_set(err, STATUS_INTERNAL, "HTTP: %s", curl->multi_strerror(code));
}

void transfers_remove(struct transfers *transfers, struct transfer *transfer)
{
    transfers->curl->multi_remove_handle(transfers->multi, transfer->easy);
}
