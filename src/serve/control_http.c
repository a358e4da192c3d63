/* The way of one request: begin checks it, on_piece collects its body, on_asked makes a host_call
 * of it on the loop thread, reply or fail make JSON of what comes back. */
#include "serve/control_http.h"

#include "csi/nested_json.h"
#include "io/hostport.h"
#include "script/transcode.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_BODY = CONTROL_MOST_BYTES + 64 * 1024, ARENA_BYTES = 64 * 1024 * 1024, PATH_TEXT = 40 };

static const char version[] = CONTROL_HTTP_PREFIX "v1/";
static const char media_type[] = "application/json";

struct control_http {
    struct control *control;
    struct questions *questions;
    bool is_public;
    struct request *open; /* loop thread: those that are not answered */
};

/* One request. The body is the HTTP thread's until it is put, then the loop thread's. */
struct request {
    struct question question;
    struct control_http *http;
    const struct method *method;
    char *body;
    size_t size;
    size_t room;
    struct arena arena; /* loop thread, as what follows */
    struct host_call call;
    struct request *next; /* in http->open */
    struct request **place;
};

/* ---- loop thread ---- */

static void close_request(struct request *request)
{
    *request->place = request->next;
    if (request->next)
        request->next->place = request->place;
    arena_fini(&request->arena);
    question_unref(&request->question);
}

static unsigned http_code(int status)
{
    switch (status) {
    case STATUS_INVALID_ARGUMENT:
    case STATUS_FAILED_PRECONDITION:
    case STATUS_OUT_OF_RANGE:
        return MHD_HTTP_BAD_REQUEST;
    case STATUS_NOT_FOUND:
        return MHD_HTTP_NOT_FOUND;
    case STATUS_ALREADY_EXISTS:
    case STATUS_ABORTED:
        return MHD_HTTP_CONFLICT;
    case STATUS_RESOURCE_EXHAUSTED:
        return MHD_HTTP_TOO_MANY_REQUESTS;
    case STATUS_UNAVAILABLE:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

static void fail_request(struct request *request, const struct err *err)
{
    json_t *object = json_pack("{s:s, s:s}", "code", status_name(err->code), "message", err->text);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    question_answer(&request->question, http_code(err->code), text);
    free(text);
    close_request(request);
}

static void fail(struct host_call *call, const struct err *err)
{
    fail_request(container_of(call, struct request, call), err);
}

static void reply(struct host_call *call, struct bytes reply)
{
    struct request *request = container_of(call, struct request, call);
    const struct schema *schema = request->method->response;
    const ProtobufCMessage *message;
    const char *text;
    struct err err;
    if (!(message = codec_unpack(schema, reply.data, reply.size, &request->arena, &err)) ||
        transcode_to_json(schema, message, 0, &request->arena, &text, &err)) {
        fail_request(request, &err);
        return;
    }
    question_answer(&request->question, MHD_HTTP_OK,
                    nested_json_show(schema, text, 0, &request->arena));
    close_request(request);
}

/* Makes the message of the body, which is JSON. */
static int read_body(struct request *request, struct err *err)
{
    const struct schema *schema = request->method->request;
    const char *text = request->size > 0
                           ? nested_json_hide(schema, request->body, request->size, &request->arena)
                           : "{}";
    struct bytes bytes;
    if (!text)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the request");
    if (transcode_from_json(schema, text, strlen(text), &request->arena, &bytes, err))
        return -1;
    request->call.request = codec_unpack(schema, bytes.data, bytes.size, &request->arena, err);
    return request->call.request ? 0 : -1;
}

static void on_asked(struct question *question)
{
    struct request *request = container_of(question, struct request, question);
    struct control_http *http = request->http;
    struct err err;
    arena_init(&request->arena, ARENA_BYTES);
    request->next = http->open;
    request->place = &http->open;
    if (request->next)
        request->next->place = &request->next;
    http->open = request;
    request->call = (struct host_call){
        .method = request->method,
        .arena = &request->arena,
        .reply = reply,
        .fail = fail,
    };
    if (read_body(request, &err))
        fail_request(request, &err);
    else
        control_answer(http->control, &request->call);
}

static void on_freed(struct question *question)
{
    struct request *request = container_of(question, struct request, question);
    free(request->body);
    free(request);
}

/* ---- HTTP thread ---- */

static bool append(struct request *request, const char *piece, size_t size)
{
    size_t needed = request->size + size;
    if (needed > request->room) {
        size_t room = needed < 2 * request->room ? 2 * request->room : needed;
        char *body = realloc(request->body, room);
        if (!body)
            return false;
        request->body = body;
        request->room = room;
    }
    memcpy(request->body + request->size, piece, size);
    request->size = needed;
    return true;
}

static enum MHD_Result on_piece(struct httpd_exchange *exchange, const struct httpd_request *piece)
{
    struct request *request = container_of(exchange, struct request, question.exchange);
    if (piece->body_size == 0 && request->size > MOST_BODY)
        return httpd_respond_text(request->question.all->httpd, piece->connection,
                                  MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
    if (piece->body_size == 0)
        return question_put(&request->question);
    if (request->size > MOST_BODY) /* the rest is not worth keeping */
        return MHD_YES;
    return append(request, piece->body, piece->body_size) ? MHD_YES : MHD_NO;
}

/* Names that lead to this host whatever a name server says: an address, or localhost. */
static bool is_own_name(const char *host)
{
    struct hostport hostport;
    struct in6_addr address;
    if (!hostport_parse(&hostport, host, strlen(host), 80))
        return false;
    return strcasecmp(hostport.host, "localhost") == 0 ||
           inet_pton(AF_INET, hostport.host, &address) == 1 ||
           inet_pton(AF_INET6, hostport.host, &address) == 1;
}

static bool is_json(const char *type)
{
    size_t n = strlen(media_type);
    return type && strncasecmp(type, media_type, n) == 0 && !isalnum((unsigned char)type[n]);
}

/* "set-config" of "/control/v1/set-config" to the method SetConfig; NULL: there is none. */
static const struct method *find_method(const char *path)
{
    size_t n;
    const struct method *methods = catalog_service(control_service, &n);
    if (strncmp(path, version, strlen(version)) != 0)
        return NULL;
    path += strlen(version);
    for (size_t i = 0; i < n; i++) {
        char name[PATH_TEXT];
        size_t size = 0;
        for (const char *c = methods[i].name; *c && size + 2 < sizeof(name); c++) {
            if (isupper((unsigned char)*c) && size > 0)
                name[size++] = '-';
            name[size++] = (char)tolower((unsigned char)*c);
        }
        name[size] = '\0';
        if (strcmp(name, path) == 0)
            return &methods[i];
    }
    return NULL;
}

/* Changes nothing, and needs no body. */
static bool only_reads(const struct method *method)
{
    return strcmp(method->name, "Calls") == 0 || strcmp(method->name, "Status") == 0;
}

/* What is wrong with the request, with *code; NULL: nothing. A page in a browser on this host may
 * send requests here, too: they have an Origin, or a name as Host that its author made lead here.
 */
static const char *objection(const struct control_http *http, const struct httpd_request *request,
                             const struct method *method, unsigned *code)
{
    const struct httpd *httpd = http->questions->httpd;
    const char *host = httpd_header(httpd, request, "Host");
    *code = MHD_HTTP_FORBIDDEN;
    if (httpd_header(httpd, request, "Origin"))
        return "not from a web page\n";
    if (!http->is_public && host && !is_own_name(host))
        return "expected an address or localhost as Host\n";
    *code = MHD_HTTP_NOT_FOUND;
    if (!method)
        return "luacsi.v1.Control has no such method: try /control/v1/status\n";
    *code = MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    if (request->is_post && !is_json(httpd_header(httpd, request, "Content-Type")))
        return "expected Content-Type: application/json\n";
    return NULL;
}

bool control_http_is(const char *path)
{
    return strncmp(path, CONTROL_HTTP_PREFIX, strlen(CONTROL_HTTP_PREFIX)) == 0;
}

enum MHD_Result control_http_begin(struct control_http *http, const struct httpd_request *request,
                                   struct httpd_exchange **own)
{
    const struct method *method = find_method(request->path);
    unsigned code;
    const char *reason = objection(http, request, method, &code);
    if (reason)
        return httpd_respond_text(http->questions->httpd, request->connection, code, reason);
    if (!request->is_post && !only_reads(method))
        return httpd_refuse_method(http->questions->httpd, request->connection, "POST",
                                   "POST, please\n");
    struct request *made = calloc(1, sizeof(*made));
    if (!made)
        return MHD_NO;
    *made = (struct request){
        .question = {.asked = on_asked, .freed = on_freed, .type = media_type},
        .http = http,
        .method = method,
    };
    question_begin(&made->question, http->questions, request->connection, own);
    if (!request->is_post)
        return question_put(&made->question);
    made->question.exchange.more = on_piece;
    return MHD_YES;
}

/* ---- start and end ---- */

struct control_http *control_http_new(struct control *control, struct questions *questions,
                                      bool is_public)
{
    struct control_http *http = calloc(1, sizeof(*http));
    if (http)
        *http = (struct control_http){
            .control = control, .questions = questions, .is_public = is_public};
    return http;
}

void control_http_free(struct control_http *http)
{
    if (!http)
        return;
    while (http->open)
        close_request(http->open);
    free(http);
}
