/* Owns HTTP requests from their start to their response. http_start and http_cancel run on the loop
 * thread, the rest on the I/O thread, but for finish.
 *
 * Names are looked up by us: libcurl would do it in a thread that it waits for when the transfer is
 * given up. */
#include "io/http.h"

#include "base/arena.h"
#include "io/http_check.h"
#include "io/ioop.h"
#include "io/lookup.h"
#include "io/transfers.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { ADDRESSES_TEXT = 1024 };

/* Bytes that grow up to a limit. */
struct buffer {
    char *data;
    size_t size;
    size_t limit;
};

struct http {
    struct ioop op;
    struct arena arena;          /* of the copy of the request */
    struct http_request request; /* a copy; constant */
    struct hostport hostport;
    const char *name; /* for messages: "http://host:port"; a path may hold secrets */
    http_done *done;
    void *data;

    /* I/O thread only, until the end. */
    struct lookup *lookup;      /* under way, or NULL */
    struct addrinfo *addresses; /* of the host; NULL when libcurl needs none */
    struct transfers *transfers;
    const struct curl *curl;
    struct transfer transfer; /* its handle: NULL before it begins and after it ended */
    struct curl_slist *headers;
    struct curl_slist *resolve;
    bool too_large;
    char error[CURL_ERROR_SIZE];

    /* Written on the I/O thread, read by finish. */
    bool failed;
    struct err err;
    long status;
    struct buffer head; /* "name\0value\0" of each header */
    size_t n_headers;
    struct buffer body;
};

static struct http *http_of(struct ioop *op)
{
    return container_of(op, struct http, op);
}

/* ---- I/O thread: the response ---- */

/* False when it does not fit, or memory is short. */
static bool append(struct buffer *buffer, const char *data, size_t size)
{
    char *larger =
        size <= buffer->limit - buffer->size ? realloc(buffer->data, buffer->size + size) : NULL;
    if (!larger)
        return false;
    buffer->data = larger;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return true;
}

/* Bytes that were taken: another number than came ends the transfer. */
static size_t on_body(char *data, size_t one, size_t size, void *user)
{
    struct http *http = user;
    (void)one;
    if (size > 0 && !append(&http->body, data, size)) {
        http->too_large = true;
        return 0;
    }
    return size;
}

static bool add_header(struct http *http, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    if (!colon)
        return true;
    size_t name = (size_t)(colon - line), value = name + 1, end = size;
    while (value < end && strchr(" \t", line[value]))
        value++;
    while (end > value && strchr(" \t\r\n", line[end - 1]))
        end--;
    size_t at = http->head.size;
    if (!append(&http->head, line, name) || !append(&http->head, "", 1) ||
        !append(&http->head, line + value, end - value) || !append(&http->head, "", 1))
        return false;
    for (char *c = http->head.data + at; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
    http->n_headers++;
    return true;
}

/* A line of the head, which may come more than once: after "100 Continue". */
static size_t on_header(char *line, size_t one, size_t size, void *user)
{
    static const char status_line[] = "HTTP/";
    struct http *http = user;
    (void)one;
    if (size >= strlen(status_line) && memcmp(line, status_line, strlen(status_line)) == 0) {
        http->head.size = 0;
        http->n_headers = 0;
    } else if (!add_header(http, line, size)) {
        http->too_large = true;
        return 0;
    }
    return size;
}

/* ---- I/O thread: the request ---- */

static void end(struct http *http)
{
    if (http->transfer.easy) {
        http->curl->easy_cleanup(http->transfer.easy);
        http->curl->slist_free_all(http->headers);
        http->curl->slist_free_all(http->resolve);
    }
    http->transfer.easy = NULL;
    ioop_end(&http->op);
}

static void fail(struct http *http, int code, const char *text)
{
    http->failed = true;
    err_set(&http->err, code, "%s: %s", http->name, text);
    end(http);
}

static int status_of(CURLcode code)
{
    switch (code) {
    case CURLE_URL_MALFORMAT:
        return STATUS_INVALID_ARGUMENT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
        return STATUS_FAILED_PRECONDITION;
    case CURLE_OUT_OF_MEMORY:
        return STATUS_RESOURCE_EXHAUSTED;
    default:
        return STATUS_UNAVAILABLE;
    }
}

static void on_transferred(struct transfer *transfer, CURLcode code)
{
    struct http *http = container_of(transfer, struct http, transfer);
    if (http->too_large) {
        fail(http, STATUS_RESOURCE_EXHAUSTED,
             "the response has a body over 1 MiB or headers over 64 KiB");
    } else if (code != CURLE_OK) {
        fail(http, status_of(code), http->error[0] ? http->error : http->curl->easy_strerror(code));
    } else {
        http->curl->easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &http->status);
        end(http);
    }
}

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)data;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool add_line(struct http *http, struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = http->curl->slist_append(*list, line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool has_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A line without a value takes out what libcurl would send by itself; one that ends in a semicolon
 * has an empty value. */
static bool set_headers(struct http *http)
{
    const struct http_request *request = &http->request;
    bool set = has_header(request, "Expect") || add_line(http, &http->headers, "Expect:");
    if (!has_header(request, "Content-Type"))
        set = set && add_line(http, &http->headers, "Content-Type:");
    for (size_t i = 0; i < request->n_headers && set; i++) {
        const struct http_header *header = &request->headers[i];
        size_t size = strlen(header->name) + strlen(header->value) + 3;
        char *line = arena_alloc(&http->arena, size);
        if (line)
            snprintf(line, size, header->value[0] ? "%s: %s" : "%s;", header->name, header->value);
        set = line && add_line(http, &http->headers, line);
    }
    return set;
}

/* Tells libcurl what the name stands for: "+host:port:address,address". */
static bool set_addresses(struct http *http)
{
    char line[HOSTPORT_TEXT + ADDRESSES_TEXT];
    size_t size = (size_t)snprintf(line, sizeof(line), "+%s", http->hostport.text);
    char separator = ':';
    for (const struct addrinfo *at = http->addresses; at; at = at->ai_next) {
        char address[64];
        if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof(address), NULL, 0,
                        NI_NUMERICHOST) != 0 ||
            size + strlen(address) + 2 > sizeof(line))
            continue;
        size += (size_t)snprintf(line + size, sizeof(line) - size, "%c%s", separator, address);
        separator = ',';
    }
    return !http->addresses || add_line(http, &http->resolve, line);
}

static bool sends_body(const struct http_request *request)
{
    return request->body || strcmp(request->method, "POST") == 0 ||
           strcmp(request->method, "PUT") == 0 || strcmp(request->method, "PATCH") == 0;
}

/* CURLE_OK, or the first error. */
static CURLcode set_method(struct http *http)
{
    const struct http_request *request = &http->request;
    CURL *easy = http->transfer.easy;
    if (strcmp(request->method, "HEAD") == 0)
        return http->curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (sends_body(request)) {
        http->curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
        http->curl->easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    }
    return http->curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* CURLE_OK, or one of the errors. Options that cannot fail are not asked. */
static CURLcode set_options(struct http *http)
{
    const struct http_request *request = &http->request;
    CURL *easy = http->transfer.easy;
    __typeof__(http->curl->easy_setopt) set = http->curl->easy_setopt;
    set(easy, CURLOPT_ERRORBUFFER, http->error);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    set(easy, CURLOPT_HEADERFUNCTION, on_header);
    set(easy, CURLOPT_HEADERDATA, http);
    set(easy, CURLOPT_WRITEFUNCTION, on_body);
    set(easy, CURLOPT_WRITEDATA, http);
    set(easy, CURLOPT_HTTPHEADER, http->headers);
    set(easy, CURLOPT_RESOLVE, http->resolve);
    CURLcode codes[] = {
        set(easy, CURLOPT_URL, request->url),
        set(easy, CURLOPT_PROTOCOLS_STR, "http,https"),
        set(easy, CURLOPT_PROXY, ""), /* nor that of the environment */
        set(easy, CURLOPT_USERAGENT, "luacsi/" LUACSI_VERSION),
        request->cacert ? set(easy, CURLOPT_CAINFO, request->cacert) : CURLE_OK,
        request->unix_socket ? set(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket) : CURLE_OK,
        set_method(http),
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i] != CURLE_OK)
            return codes[i];
    }
    return CURLE_OK;
}

static void transfer(struct http *http)
{
    struct err err;
    http->transfer.done = on_transferred;
    http->transfer.easy = http->curl->easy_init();
    if (!http->transfer.easy || !set_headers(http) || !set_addresses(http)) {
        fail(http, STATUS_RESOURCE_EXHAUSTED, "no memory for the request");
        return;
    }
    CURLcode code = set_options(http);
    if (code != CURLE_OK)
        fail(http, status_of(code), http->curl->easy_strerror(code));
    else if (transfers_add(http->transfers, &http->transfer, &err))
        fail(http, err.code, err.text);
}

static void on_lookup(void *data, struct addrinfo *addresses, const struct err *err)
{
    struct http *http = data;
    http->lookup = NULL;
    http->addresses = addresses;
    if (addresses)
        transfer(http);
    else
        fail(http, err->code, err->text);
}

static void begin(struct ioop *op)
{
    struct http *http = http_of(op);
    const struct hostport *hostport = &http->hostport;
    struct err err;
    http->transfers = transfers_of(op->io, &err);
    http->curl = http->transfers ? curl_load(&err) : NULL;
    if (!http->curl) {
        fail(http, err.code, err.text);
        return;
    }
    struct addrinfo *numeric = lookup_numeric(hostport->host, hostport->port);
    if (numeric || http->request.unix_socket) {
        if (numeric)
            freeaddrinfo(numeric); /* libcurl reads it itself */
        transfer(http);
        return;
    }
    http->lookup = lookup_start(op->io, hostport->host, hostport->port, on_lookup, http, &err);
    if (!http->lookup)
        fail(http, err.code, err.text);
}

static void stop(struct ioop *op)
{
    struct http *http = http_of(op);
    if (http->lookup)
        lookup_cancel(http->lookup);
    else
        transfers_remove(http->transfers, &http->transfer);
    end(http);
}

/* ---- loop thread ---- */

static void finish(struct ioop *op, bool timed_out)
{
    struct http *http = http_of(op);
    struct err err;
    if (timed_out) {
        ioop_timed_out(http->name, http->request.timeout, &err);
        http->done(http->data, NULL, &err);
    } else if (http->failed) {
        http->done(http->data, NULL, &http->err);
    } else {
        const struct http_response response = {
            .status = (int)http->status,
            .body = http->body.data,
            .body_size = http->body.size,
            .headers = http->head.data,
            .n_headers = http->n_headers,
        };
        http->done(http->data, &response, NULL);
    }
}

static void free_http(struct ioop *op)
{
    struct http *http = http_of(op);
    if (http->addresses)
        freeaddrinfo(http->addresses);
    free(http->head.data);
    free(http->body.data);
    arena_fini(&http->arena);
    free(http);
}

/* A copy of a text, NULL for NULL; *short_of becomes true when there is no memory. */
static const char *copy_text(struct http *http, const char *text, bool *short_of)
{
    const char *copy = text ? arena_copy(&http->arena, text, strlen(text)) : NULL;
    *short_of = *short_of || (text && !copy);
    return copy;
}

static bool copy_headers(struct http *http, const struct http_request *from)
{
    bool short_of = false;
    struct http_header *headers =
        arena_alloc(&http->arena, from->n_headers * sizeof(struct http_header));
    for (size_t i = 0; i < from->n_headers && headers; i++)
        headers[i] = (struct http_header){copy_text(http, from->headers[i].name, &short_of),
                                          copy_text(http, from->headers[i].value, &short_of)};
    http->request.headers = headers;
    return headers && !short_of;
}

/* False when memory is short. */
static bool copy_request(struct http *http, const struct http_request *from)
{
    char name[HOSTPORT_TEXT + 8];
    bool tls = strncasecmp(from->url, "https", 5) == 0, short_of = false;
    const char *method = from->method ? from->method : from->body ? "POST" : "GET";
    snprintf(name, sizeof(name), "%s://%s", tls ? "https" : "http", http->hostport.text);
    http->request = *from;
    http->request.url = copy_text(http, from->url, &short_of);
    http->request.method = copy_text(http, method, &short_of);
    http->request.cacert = copy_text(http, from->cacert, &short_of);
    http->request.unix_socket = copy_text(http, from->unix_socket, &short_of);
    http->name = copy_text(http, name, &short_of);
    if (from->body)
        http->request.body = arena_copy(&http->arena, from->body, from->body_size);
    return !short_of && (http->request.body || !from->body) && copy_headers(http, from);
}

struct http *http_start(struct iothread *io, const struct http_request *request, http_done *done,
                        void *data, struct err *err)
{
    static const struct ioop_kind kind = {begin, stop, finish, free_http};
    struct hostport hostport;
    if (http_parse_url(&hostport, request->url, err) || http_check(request, err))
        return NULL;
    struct http *http = calloc(1, sizeof(*http));
    if (!http) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for HTTP");
        return NULL;
    }
    arena_init(&http->arena, SIZE_MAX);
    http->hostport = hostport;
    http->head.limit = HTTP_HEADER_BYTES;
    http->body.limit = HTTP_BODY_BYTES;
    http->done = done;
    http->data = data;
    if (!copy_request(http, request)) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for HTTP");
        free_http(&http->op);
        return NULL;
    }
    ioop_start(&http->op, &kind, io, request->timeout);
    return http;
}

void http_cancel(struct http *http)
{
    ioop_cancel(&http->op);
}
