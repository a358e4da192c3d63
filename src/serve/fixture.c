/* Owns the texts of what was recorded: for each method its requests in the order they came first,
 * for each request its answers in their order, equal ones in a row as one. Loop thread. */
#include "serve/fixture.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "csi/lua_text.h"
#include "csi/message.h"

#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_BYTES = 64 * 1024 * 1024, /* of all texts */
    REQUEST_INDENT = 6,
    REPLY_INDENT = 8,
    MOST_INLINE = 60, /* of an answer's text, so that all of it has room in a line */
};

struct answer {
    struct answer *next;
    char *text; /* `reply = {…}` or `code = …, message = …` */
    uint64_t times;
    int64_t nanoseconds; /* of all times together */
};

struct exchange {
    struct exchange *next;
    char *request; /* as Lua, without secrets */
    struct answer *first;
    struct answer *last;
};

struct record {
    struct exchange *first;
    struct exchange **end;
    void *tree;       /* of tsearch: the exchanges by request */
    uint64_t skipped; /* calls that could not be kept */
};

struct fixture {
    bool times;
    size_t bytes;
    struct record records[CATALOG_METHODS];
};

struct fixture *fixture_new(bool times, struct err *err)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to record");
        return NULL;
    }
    fixture->times = times;
    for (size_t i = 0; i < CATALOG_METHODS; i++)
        fixture->records[i].end = &fixture->records[i].first;
    return fixture;
}

/* ---- keeping ---- */

static int compare_requests(const void *a, const void *b)
{
    return strcmp(((const struct exchange *)a)->request, ((const struct exchange *)b)->request);
}

/* The exchange of this request, perhaps a new one; takes request. NULL when memory is short. */
static struct exchange *find_exchange(struct record *record, char *request)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange) {
        free(request);
        return NULL;
    }
    exchange->request = request;
    struct exchange **found = tsearch(exchange, &record->tree, compare_requests);
    if (found && *found == exchange) {
        *record->end = exchange;
        record->end = &exchange->next;
        return exchange;
    }
    free(request);
    free(exchange);
    return found ? *found : NULL;
}

/* Takes text. */
static int add_answer(struct exchange *exchange, char *text, int64_t nanoseconds)
{
    struct answer *last = exchange->last;
    if (last && strcmp(last->text, text) == 0) {
        last->times++;
        last->nanoseconds += nanoseconds;
        free(text);
        return 0;
    }
    struct answer *answer = calloc(1, sizeof(*answer));
    if (!answer) {
        free(text);
        return -1;
    }
    *answer = (struct answer){.text = text, .times = 1, .nanoseconds = nanoseconds};
    *(last ? &last->next : &exchange->first) = answer;
    exchange->last = answer;
    return 0;
}

static int no_memory(struct err *err)
{
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory");
}

/* As a script may fail: with a message that is there, in UTF-8. */
static int write_status(FILE *file, int status, const char *message)
{
    if (!message[0] || !text_is_utf8(message, strlen(message)))
        message = message[0] ? "(a message that is not UTF-8)" : "(no message)";
    fprintf(file, "code = \"%s\", message = ",
            status_name(status_valid(status) ? status : STATUS_UNKNOWN));
    lua_text_string(file, message, strlen(message));
    return 0;
}

static int write_reply(FILE *file, const struct schema *schema, const struct relay_end *end,
                       struct arena *arena, struct err *err)
{
    if (end->n_replies != 1)
        return err_set(err, STATUS_INTERNAL, "expected one reply, got %u", end->n_replies);
    if (message_check(schema, end->reply.data, end->reply.size, err))
        return -1;
    const ProtobufCMessage *reply =
        message_unpack(schema->pb, end->reply.data, end->reply.size, arena, err);
    if (!reply)
        return err_prefix(err, "the reply: ");
    fputs("reply = ", file);
    return lua_text_message(file, schema, reply, REPLY_INDENT, err);
}

/* A text while it is written. */
struct draft {
    char *text;
    size_t size;
    FILE *file;
};

static int draft_begin(struct draft *draft, struct err *err)
{
    *draft = (struct draft){0};
    draft->file = open_memstream(&draft->text, &draft->size);
    return draft->file ? 0 : no_memory(err);
}

/* The text, which the caller frees. NULL and err when it has failed already, or fails now. */
static char *draft_end(struct draft *draft, int failed, struct err *err)
{
    if (fclose(draft->file) != 0 && !failed)
        failed = no_memory(err);
    if (!failed)
        return draft->text;
    free(draft->text);
    return NULL;
}

/* The text of an answer; the caller frees it. NULL and err when it has none. */
static char *answer_text(const struct method *method, const struct relay_end *end,
                         struct arena *arena, struct err *err)
{
    struct draft draft;
    if (draft_begin(&draft, err))
        return NULL;
    int failed = end->status == STATUS_OK
                     ? write_reply(draft.file, method->response, end, arena, err)
                     : write_status(draft.file, end->status, end->message);
    return draft_end(&draft, failed, err);
}

static char *request_text(const struct method *method, const ProtobufCMessage *request,
                          struct err *err)
{
    struct draft draft;
    if (draft_begin(&draft, err))
        return NULL;
    int failed = lua_text_message(draft.file, method->request, request, REQUEST_INDENT, err);
    return draft_end(&draft, failed, err);
}

static int keep(struct fixture *fixture, const struct method *method,
                const ProtobufCMessage *request, const struct relay_end *end, struct arena *arena,
                struct err *err)
{
    if (method->server_streaming)
        return err_set(err, STATUS_UNIMPLEMENTED, "a script cannot answer with a stream");
    if (!end->by_driver)
        return err_set(err, STATUS_UNAVAILABLE, "the driver did not answer: %s", end->message);
    if (!request)
        return err_set(err, STATUS_INTERNAL, "the request is no %s", method->request->name);
    if (fixture->bytes > MOST_BYTES)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "%d MiB are recorded already",
                       MOST_BYTES >> 20);
    char *asked = request_text(method, request, err);
    char *answered = asked ? answer_text(method, end, arena, err) : NULL;
    if (!answered) {
        free(asked);
        return -1;
    }
    fixture->bytes += strlen(asked) + strlen(answered);
    struct exchange *exchange = find_exchange(&fixture->records[method->index], asked);
    if (!exchange)
        free(answered);
    return exchange && !add_answer(exchange, answered, end->nanoseconds) ? 0 : no_memory(err);
}

void fixture_note(struct fixture *fixture, const struct method *method,
                  const ProtobufCMessage *request, const struct relay_end *end, struct arena *arena)
{
    struct err err;
    if (!keep(fixture, method, request, end, arena, &err))
        return;
    fixture->records[method->index].skipped++;
    log_warning("Call not recorded", log_str("method", method->path), log_str("reason", err.text));
}

/* ---- writing ---- */

static void write_answer(const struct fixture *fixture, const struct answer *answer, FILE *file)
{
    bool is_long = strlen(answer->text) > MOST_INLINE || strchr(answer->text, '\n');
    const char *between = is_long ? "\n        " : " ";
    fprintf(file, "      {");
    if (answer->times > 1)
        fprintf(file, "%stimes = %" PRIu64 ",", between, answer->times);
    if (fixture->times)
        fprintf(file, "%sseconds = %.3g,", between,
                (double)answer->nanoseconds / 1e9 / (double)answer->times);
    fprintf(file, "%s%s%s},\n", between, answer->text, is_long ? ",\n      " : " ");
}

static void write_exchange(const struct fixture *fixture, const struct exchange *exchange,
                           FILE *file)
{
    fprintf(file, "    {\n      request = %s,\n", exchange->request);
    for (const struct answer *answer = exchange->first; answer; answer = answer->next)
        write_answer(fixture, answer, file);
    fputs("    },\n", file);
}

static void write_methods(const struct fixture *fixture, FILE *file)
{
    const struct method *methods = catalog_methods();
    for (size_t i = 0; i < CATALOG_METHODS; i++) {
        const struct record *record = &fixture->records[i];
        if (record->skipped > 0)
            fprintf(file, "  -- calls of %s that could not be recorded: %" PRIu64 "\n",
                    methods[i].name, record->skipped);
        if (!record->first)
            continue;
        fprintf(file, "  %s = {\n", methods[i].name);
        for (const struct exchange *exchange = record->first; exchange; exchange = exchange->next)
            write_exchange(fixture, exchange, file);
        fputs("  },\n\n", file);
    }
}

static void write_script(const struct fixture *fixture, const char *driver, FILE *file)
{
    const struct method *methods = catalog_methods();
    fprintf(file,
            "-- What the driver at %s answered, recorded by luacsi " LUACSI_VERSION ".\n"
            "-- `luacsi serve` with this file answers the same. It may be edited.\n"
            "local replay = require \"csi.replay\"\n\n"
            "return replay {\n",
            driver);
    write_methods(fixture, file);
    fputs(
        "  -- Not called while this was recorded: a call ends in FAILED_PRECONDITION. Without its\n"
        "  -- line a method has its default.\n",
        file);
    for (size_t i = 0; i < CATALOG_METHODS; i++) {
        if (!fixture->records[i].first && !methods[i].server_streaming)
            fprintf(file, "  %s = {},\n", methods[i].name);
    }
    fputs("}\n", file);
}

int fixture_save(const struct fixture *fixture, const char *path, const char *driver,
                 struct err *err)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return no_memory(err);
    write_script(fixture, driver, file);
    int failed = fclose(file) != 0 ? no_memory(err) : file_replace(path, text, size, err);
    free(text);
    return failed;
}

/* ---- the end ---- */

static void keep_node(void *node)
{
    (void)node; /* the list owns it */
}

static void free_exchange(struct exchange *exchange)
{
    for (struct answer *answer = exchange->first, *next; answer; answer = next) {
        next = answer->next;
        free(answer->text);
        free(answer);
    }
    free(exchange->request);
    free(exchange);
}

void fixture_free(struct fixture *fixture)
{
    for (size_t i = 0; fixture && i < CATALOG_METHODS; i++) {
        tdestroy(fixture->records[i].tree, keep_node);
        for (struct exchange *exchange = fixture->records[i].first, *next; exchange;
             exchange = next) {
            next = exchange->next;
            free_exchange(exchange);
        }
    }
    free(fixture);
}
