/* Calls a driver for the commands that do: request from JSON, one outbound call, reply to a
 * message. Owns the arena in which all of it lies; the main thread. */
#include "cli/remote.h"

#include "base/text.h"
#include "csi/nested_json.h"
#include "io/client.h"
#include "script/transcode.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { N_OPTIONS = 4, INDENT = 2 };

bool remote_begin(struct remote *remote, const struct command *command, int argc, char **argv,
                  struct arguments *arguments, int *exit_code)
{
    *remote = (struct remote){.command = command->name};
    const struct option options[N_OPTIONS] = {
        address_option(&remote->endpoint),
        {.name = "timeout",
         .value = "DURATION",
         .fallback = "10s",
         .type = OPTION_DURATION,
         .to.integer = &remote->timeout,
         .help = "How long the call may take; 0 waits for ever."},
        {.name = "metadata",
         .value = "KEY=VALUE",
         .type = OPTION_PAIRS,
         .to.pairs = &remote->metadata,
         .help = "Metadata to send along; repeatable."},
        {.name = "json",
         .type = OPTION_BOOL,
         .to.boolean = &remote->json,
         .help = "Print one line of JSON, for machines."},
    };
    struct command full = *command;
    struct err err;
    full.options = options;
    full.n_options = N_OPTIONS;
    if (!options_parse(&full, argc, argv, arguments, exit_code))
        return false;
    if (address_complete(&remote->endpoint, remote->address, false, &err)) {
        *exit_code = options_fail(command->name, EXIT_USAGE, err.text);
        return false;
    }
    return remote_open(remote, exit_code);
}

bool remote_open(struct remote *remote, int *exit_code)
{
    struct err err;
    if (catalog_init(&err)) {
        *exit_code = options_fail(remote->command, EXIT_USAGE, err.text);
        return false;
    }
    arena_init(&remote->arena, SIZE_MAX);
    client_quiet_grpc();
    return true;
}

void remote_end(struct remote *remote)
{
    arena_fini(&remote->arena);
}

void remote_print_text(FILE *file, const char *text)
{
    for (const char *s = text; *s; s++) {
        unsigned char c = (unsigned char)*s;
        unsigned char next = (unsigned char)s[1];
        if (c < 0x20 || c == 0x7f) {
            fprintf(file, "\\x%02x", c);
        } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) { /* U+0080 to U+009F, control, too */
            fprintf(file, "\\x%02x", next);
            s++;
        } else {
            putc(c, file);
        }
    }
}

/* ---- telling what went wrong ---- */

static void print_json_status(const char *name, const char *message)
{
    json_t *status = json_pack("{s:s, s:s}", "code", name, "message",
                               text_is_utf8(message, strlen(message)) ? message : "(not UTF-8)");
    json_dumpf(status, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(status);
}

static int fail_status(const struct remote *remote, int code, const char *message)
{
    fprintf(stderr, "%s: ", status_name(code));
    remote_print_text(stderr, message);
    putc('\n', stderr);
    if (remote->json)
        print_json_status(status_name(code), message);
    return EXIT_ERROR;
}

/* The call did not even begin. */
static int fail_before(const struct remote *remote, const struct err *err)
{
    options_fail(remote->command, EXIT_ERROR, err->text);
    if (remote->json)
        print_json_status(status_name(err->code), err->text);
    return err->code == STATUS_UNAVAILABLE        ? EXIT_UNREACHABLE
           : err->code == STATUS_INVALID_ARGUMENT ? EXIT_USAGE
                                                  : EXIT_ERROR;
}

/* ---- the call ---- */

static int copy_metadata(struct remote *remote, struct client_pair *pairs, struct err *err)
{
    for (size_t i = 0; i < remote->metadata.count; i++) {
        const struct option_pair *given = &remote->metadata.items[i];
        pairs[i] = (struct client_pair){
            .key = arena_copy(&remote->arena, given->key, given->key_size),
            .value = given->value,
            .value_size = given->value_size,
        };
        if (!pairs[i].key)
            return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for metadata");
    }
    return 0;
}

static int exchange(struct remote *remote, const struct bytes *request, struct client_reply *reply,
                    struct err *err)
{
    struct client_pair metadata[OPTION_MAX_PAIRS];
    if (copy_metadata(remote, metadata, err))
        return -1;
    const struct client_request call = {.path = remote->method->path,
                                        .data = request->data,
                                        .size = request->size,
                                        .metadata = metadata,
                                        .n_metadata = remote->metadata.count,
                                        .timeout = remote->timeout};
    struct client *client = client_new(remote->endpoint, remote->timeout, err);
    if (!client)
        return -1;
    int result = client_call(client, &call, reply, err);
    client_free(client);
    return result;
}

static int take_reply(struct remote *remote, const struct client_reply *reply)
{
    struct err err;
    if (reply->code != STATUS_OK)
        return fail_status(remote, reply->code, reply->message);
    remote->reply =
        codec_unpack(remote->method->response, reply->data, reply->size, &remote->arena, &err);
    return remote->reply ? EXIT_OK : fail_status(remote, err.code, err.text);
}

int remote_call(struct remote *remote, const struct method *method, const char *json, size_t size)
{
    struct err err;
    struct bytes request;
    struct client_reply reply;
    remote->method = method;
    if (transcode_from_json(method->request, json, size, &remote->arena, &request, &err) ||
        exchange(remote, &request, &reply, &err))
        return fail_before(remote, &err);
    int exit_code = take_reply(remote, &reply);
    client_reply_fini(&reply);
    return exit_code;
}

int remote_print_reply(struct remote *remote)
{
    struct err err;
    const char *text;
    int indent = remote->json ? 0 : INDENT;
    if (transcode_to_json(remote->method->response, remote->reply, indent, &remote->arena, &text,
                          &err))
        return fail_status(remote, STATUS_INTERNAL, err.text);
    if (remote->shows_nested)
        text = nested_json_show(remote->method->response, text, indent, &remote->arena);
    if (!text)
        return fail_status(remote, STATUS_RESOURCE_EXHAUSTED, "no memory for the reply");
    puts(text);
    return EXIT_OK;
}

int remote_show(const struct command *command, int argc, char **argv, const char *method,
                void (*print)(const ProtobufCMessage *reply))
{
    struct remote remote;
    struct arguments none;
    int exit_code;
    if (!remote_begin(&remote, command, argc, argv, &none, &exit_code))
        return exit_code;
    exit_code = remote_call(&remote, catalog_callable(method), "{}", 2);
    if (exit_code == EXIT_OK && remote.json)
        exit_code = remote_print_reply(&remote);
    else if (exit_code == EXIT_OK)
        print(remote.reply);
    remote_end(&remote);
    return exit_code;
}
