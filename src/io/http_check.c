/* Reads URLs and looks at methods and headers. Strictly: what is sent is what the script wrote. */
#include "io/http_check.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *s)
{
    const char *at = s;
    while (is_letter_or_digit(*at) || (*at && strchr("!#$%&'*+-.^_`|~", *at)))
        at++;
    return at > s && *at == '\0';
}

/* Printable ASCII, spaces and bytes above ASCII: no line ends there. */
static bool is_header_value(const char *s)
{
    while ((unsigned char)*s >= ' ' && *s != 0x7f)
        s++;
    return *s == '\0' || (*s == '\t' && is_header_value(s + 1));
}

static bool is_printable(const char *s)
{
    while (*s > ' ' && *s < 0x7f)
        s++;
    return *s == '\0';
}

int http_parse_url(struct hostport *hostport, const char *url, struct err *err)
{
    static const char http[] = "http://", https[] = "https://";
    bool tls = strncasecmp(url, https, strlen(https)) == 0;
    if (!tls && strncasecmp(url, http, strlen(http)) != 0)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected a URL that begins with http:// or https://, got \"%s\"", url);
    const char *authority = url + strlen(tls ? https : http);
    size_t size = strcspn(authority, "/?#");
    if (!hostport_parse(hostport, authority, size, tls ? HTTPS_PORT : HTTP_PORT))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected a host, or host:port, behind %s, got \"%.*s\"", tls ? https : http,
                       (int)size, authority);
    if (!is_printable(url))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected a URL without spaces, control characters and bytes above ASCII");
    return 0;
}

int http_check(const struct http_request *request, struct err *err)
{
    if (request->method && !is_token(request->method))
        return err_set(err, STATUS_INVALID_ARGUMENT, "method: expected a name like GET, got \"%s\"",
                       request->method);
    for (size_t i = 0; i < request->n_headers; i++) {
        const struct http_header *header = &request->headers[i];
        if (!is_token(header->name))
            return err_set(err, STATUS_INVALID_ARGUMENT,
                           "headers: expected a header's name, got \"%s\"", header->name);
        if (!is_header_value(header->value))
            return err_set(err, STATUS_INVALID_ARGUMENT,
                           "headers.%s: expected a value without line ends and control characters",
                           header->name);
    }
    return 0;
}
