/* luacsi call: any method, JSON in and out. */
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_REQUEST = 16 * 1024 * 1024 }; /* bytes of JSON */

static const struct command command = {
    .name = "call",
    .arguments = "METHOD [JSON]",
    .min_arguments = 1,
    .max_arguments = 2,
    .about =
        "Calls a method of the driver and prints its reply as JSON. METHOD is a short name "
        "(Probe)\n"
        "or a whole one (csi.v1.Identity/Probe). The request is JSON with the field names of\n"
        "csi.proto; \"-\" reads it from standard input. Without JSON a request that has no fields "
        "is\n"
        "empty; any other is read from standard input unless that is a terminal. No input is {}.\n",
    .notes = REMOTE_EXIT_CODES,
};

static bool wants_input(const struct method *method, const char *argument)
{
    if (argument)
        return strcmp(argument, "-") == 0;
    return method->request->n_fields > 0 && !isatty(STDIN_FILENO);
}

static int request_json(struct remote *remote, const struct method *method, const char *argument,
                        const char **json, size_t *size, struct err *err)
{
    *json = argument ? argument : "";
    *size = strlen(*json);
    if (wants_input(method, argument) && input_read(MAX_REQUEST, &remote->arena, json, size, err))
        return -1;
    size_t blank = 0;
    while (blank < *size && strchr(" \t\r\n", (*json)[blank]) && (*json)[blank])
        blank++;
    if (blank == *size) {
        *json = "{}";
        *size = 2;
    }
    return 0;
}

static const struct method *find_method(const char *name)
{
    const struct method *method = catalog_callable(name);
    if (method)
        return method;
    const char *nearest = catalog_nearest_method(name);
    fprintf(stderr, "luacsi call: unknown method %s%s%s%s\n", name,
            nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
    return NULL;
}

static int call(struct remote *remote, const struct arguments *arguments)
{
    const struct method *method = find_method(arguments->items[0]);
    const char *argument = arguments->count > 1 ? arguments->items[1] : NULL;
    const char *json;
    size_t size;
    struct err err;
    if (!method)
        return EXIT_USAGE;
    if (request_json(remote, method, argument, &json, &size, &err))
        return options_fail(command.name, EXIT_USAGE, err.text);
    int exit_code = remote_call(remote, method, json, size);
    return exit_code == EXIT_OK ? remote_print_reply(remote) : exit_code;
}

int command_call(int argc, char **argv)
{
    struct remote remote;
    struct arguments arguments;
    int exit_code;
    if (!remote_begin(&remote, &command, argc, argv, &arguments, &exit_code))
        return exit_code;
    exit_code = call(&remote, &arguments);
    remote_end(&remote);
    return exit_code;
}
