/* Writes the lines of the log that tell of a call. The line with request and reply has the form of
 * csi-driver-host-path's, for the parsers that read those. Loop thread; no state. */
#include "serve/call_log.h"

#include "csi/message.h"
#include "csi/redact.h"

#include <stdio.h>
#include <string.h>

/* How far the document may have grown behind each part: each has its room, whatever came before. */
enum { REQUEST_END = 1300, REPLY_END = 2300, DOCUMENT_END = LOG_DOCUMENT - REDACT_RESERVE };

/* "DEADLINE_EXCEEDED" as Go's gRPC says it: "DeadlineExceeded". */
static void go_name(int status, char name[static 32])
{
    const char *c = status == STATUS_CANCELLED ? "CANCELED" : status_name(status);
    bool starts_word = true;
    if (status == STATUS_OK) {
        strcpy(name, "OK");
        return;
    }
    for (; *c; c++) {
        if (*c != '_')
            *name++ = starts_word ? *c : (char)(*c - 'A' + 'a');
        starts_word = *c == '_';
    }
    *name = '\0';
}

/* Lets the document grow up to limit, for the next part. */
static void next_part(struct redact *document, size_t limit, const char *key)
{
    document->cut = false;
    document->limit = limit;
    redact_put(document, key);
}

static void put_reply(struct redact *document, const struct call_log *call)
{
    const struct schema *schema = call->method->response;
    struct err err;
    const ProtobufCMessage *reply =
        call->status == STATUS_OK
            ? message_unpack(schema->pb, call->reply.data, call->reply.size, call->arena, &err)
            : NULL;
    if (reply)
        redact_message(document, schema, reply);
    else
        redact_put(document, "null");
}

/* The error as text, as Go prints it, and as the object that it is. */
static void put_error(struct redact *document, const struct call_log *call)
{
    char text[600], name[32], code[16];
    if (call->status == STATUS_OK) {
        redact_put(document, "\"\",\"FullError\":null");
        return;
    }
    go_name(call->status, name);
    int n = snprintf(text, sizeof(text), "rpc error: code = %s desc = %.500s", name, call->message);
    snprintf(code, sizeof(code), "%d", call->status);
    document->limit = REPLY_END + (DOCUMENT_END - REPLY_END) / 3;
    redact_string(document, text, (size_t)n);
    next_part(document, REPLY_END + (DOCUMENT_END - REPLY_END) / 3 * 2,
              ",\"FullError\":{\"code\":");
    redact_put(document, code);
    redact_put(document, ",\"message\":");
    redact_string(document, call->message, strlen(call->message));
    redact_close(document, "}");
}

static void log_bodies(const struct call_log *call)
{
    char text[LOG_DOCUMENT];
    struct redact document = {.text = text, .limit = REQUEST_END};
    redact_put(&document, "{\"Method\":");
    redact_string(&document, call->method->path, strlen(call->method->path));
    redact_put(&document, ",\"Request\":");
    if (call->request)
        redact_message(&document, call->method->request, call->request);
    else
        redact_put(&document, "{}");
    next_part(&document, REPLY_END, ",\"Response\":");
    put_reply(&document, call);
    next_part(&document, DOCUMENT_END, ",\"Error\":");
    put_error(&document, call);
    next_part(&document, DOCUMENT_END, ",\"RequestID\":");
    redact_string(&document, call->id, strlen(call->id));
    redact_close(&document, document.lost ? ",\"Cut\":true}" : "}");
    log_write_document(__FILE__, __LINE__, "gRPCCall", text,
                       (const struct log_field[]){log_str("id", call->id), {.kind = LOG_END}});
}

void call_log(const struct call_log *call)
{
    const char *name = call->method->name;
    bool is_probe = strcmp(name, "Probe") == 0 || strcmp(name, "Check") == 0;
    if (call->status != STATUS_OK)
        log_error("Call failed", log_str("method", call->method->path), log_str("id", call->id),
                  log_str("code", status_name(call->status)), log_str("message", call->message));
    else if (log_v(is_probe ? CALL_LOG_BODIES : CALL_LOG_CALLS))
        log_info("Call answered", log_str("method", call->method->path), log_str("id", call->id));
    if (log_v(CALL_LOG_BODIES))
        log_bodies(call);
}
