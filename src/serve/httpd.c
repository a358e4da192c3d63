/* Reads addresses, starts libmicrohttpd with the limits that all endpoints have, sends answers. No
 * state; the threads of its users. */
#include "serve/httpd.h"

#include "base/log.h"
#include "io/hostport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { IDLE_SECONDS = 10, CONNECTION_BYTES = 8 * 1024, HTTP_VERBOSITY = 4 };

/* ---- the address ---- */

/* ":9808" is all addresses; names are not resolved: it is our own address. */
static int parse_endpoint(const char *text, struct sockaddr_storage *address, struct err *err)
{
    struct hostport hostport;
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)address;
    char whole[300];
    snprintf(whole, sizeof(whole), "%s%s", text[0] == ':' ? "[::]" : "", text);
    memset(address, 0, sizeof(*address));
    if (strlen(text) < 256 && hostport_parse(&hostport, whole, strlen(whole), 0)) {
        if (inet_pton(AF_INET, hostport.host, &v4->sin_addr) == 1) {
            v4->sin_family = AF_INET;
            v4->sin_port = htons((uint16_t)hostport.port);
            return 0;
        }
        if (inet_pton(AF_INET6, hostport.host, &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons((uint16_t)hostport.port);
            return 0;
        }
    }
    return err_set(err, STATUS_INVALID_ARGUMENT,
                   "expected ADDRESS:PORT with a port from 1 to 65535, such as 127.0.0.1:9808 or "
                   ":9808, got \"%.80s\"",
                   text);
}

int httpd_check_endpoint(const char *endpoint, struct err *err)
{
    struct sockaddr_storage address;
    return parse_endpoint(endpoint, &address, err);
}

bool httpd_is_loopback(const char *endpoint)
{
    struct sockaddr_storage address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(void *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(void *)&address;
    struct err err;
    if (parse_endpoint(endpoint, &address, &err))
        return false;
    return address.ss_family == AF_INET ? ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                        : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

const char *httpd_header(const struct httpd *httpd, const struct httpd_request *request,
                         const char *name)
{
    return httpd->http->lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* ---- start and stop ---- */

/* What clients do wrong is not worth a line: any of them could fill the log. */
static void log_http(void *data, const char *format, va_list arguments)
{
    char text[256];
    (void)data;
    if (!log_v(HTTP_VERBOSITY))
        return;
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_info("HTTP", log_str("text", text));
}

/* NOLINTBEGIN(readability-*): its parameters are libmicrohttpd's */

/* Called when the headers of a request are there; where *own was set, as httpd_exchange has it. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **own)
{
    const struct httpd *httpd = data;
    const struct httpd_options *options = &httpd->options;
    struct httpd_exchange *exchange = *own;
    const struct httpd_request request = {
        .connection = connection,
        .path = path,
        .is_post = strcmp(method, "POST") == 0 && options->posts &&
                   strncmp(path, options->posts, strlen(options->posts)) == 0,
        .body = body,
        .body_size = *body_size,
    };
    bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    (void)version;
    if (!exchange && ((!is_get && !request.is_post) || *body_size > 0))
        return httpd_refuse_method(httpd, connection, "GET, HEAD", "GET or HEAD, please\n");
    *body_size = 0;
    if (exchange)
        return exchange->more(exchange, &request);
    enum MHD_Result result = options->handler(options->data, &request, &exchange);
    *own = exchange;
    return result;
}

/* NOLINTEND(readability-*) */

static void on_completed(void *data, struct MHD_Connection *connection, void **own,
                         enum MHD_RequestTerminationCode code)
{
    struct httpd_exchange *exchange = *own;
    (void)data;
    (void)connection;
    (void)code;
    if (exchange)
        exchange->completed(exchange);
    *own = NULL;
}

static struct MHD_Daemon *start_daemon(struct httpd *httpd, const struct sockaddr_storage *address)
{
    const struct httpd_options *options = &httpd->options;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    if (options->threads == HTTPD_THREAD_PER_CONNECTION)
        flags |= MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
    else
        flags |= MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    if (address->ss_family == AF_INET6)
        flags |= MHD_USE_DUAL_STACK;
    return httpd->http->start_daemon(
        flags, 0, NULL, NULL, on_request, httpd, MHD_OPTION_EXTERNAL_LOGGER, log_http, NULL,
        MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)address, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, httpd, MHD_OPTION_CONNECTION_LIMIT, options->most_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_END);
}

int httpd_start(struct httpd *httpd, const struct httpd_options *options, struct err *err)
{
    struct sockaddr_storage address;
    if (parse_endpoint(options->endpoint, &address, err) || !(httpd->http = microhttpd_load(err)))
        return -1;
    httpd->options = *options;
    errno = 0;
    httpd->daemon = start_daemon(httpd, &address);
    if (!httpd->daemon)
        return err_errno(err, STATUS_UNAVAILABLE, "cannot listen for HTTP on %s",
                         options->endpoint);
    return 0;
}

void httpd_stop(struct httpd *httpd)
{
    httpd->http->stop_daemon(httpd->daemon);
}

/* ---- answers ---- */

/* allow: the methods that would do, of an answer that says so; else NULL. */
static enum MHD_Result respond(const struct httpd *httpd, struct MHD_Connection *connection,
                               unsigned code, const char *type, const char *text, size_t size,
                               const char *allow)
{
    const struct microhttpd *http = httpd->http;
    struct MHD_Response *response =
        http->create_response_from_buffer(size, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    http->add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    http->add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http->add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (allow)
        http->add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
    enum MHD_Result result = http->queue_response(connection, code, response);
    http->destroy_response(response);
    return result;
}

enum MHD_Result httpd_respond(const struct httpd *httpd, struct MHD_Connection *connection,
                              unsigned code, const char *type, const char *text, size_t size)
{
    return respond(httpd, connection, code, type, text, size, NULL);
}

enum MHD_Result httpd_refuse_method(const struct httpd *httpd, struct MHD_Connection *connection,
                                    const char *allow, const char *text)
{
    return respond(httpd, connection, MHD_HTTP_METHOD_NOT_ALLOWED, HTTPD_PLAIN, text, strlen(text),
                   allow);
}

enum MHD_Result httpd_respond_text(const struct httpd *httpd, struct MHD_Connection *connection,
                                   unsigned code, const char *text)
{
    return httpd_respond(httpd, connection, code, HTTPD_PLAIN, text, strlen(text));
}
