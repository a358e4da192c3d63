/* What the commands that call a driver share: their flags, the call itself and how its outcome is
 * told. */
#ifndef LUACSI_CLI_REMOTE_H
#define LUACSI_CLI_REMOTE_H

#include "base/arena.h"
#include "cli/address.h"
#include "cli/options.h"
#include "csi/catalog.h"

#include <stdbool.h>
#include <stdio.h>

/* One such command while it runs. */
struct remote {
    const char *command;  /* its name */
    const char *endpoint; /* from here to metadata: what the flags said */
    int64_t timeout;      /* nanoseconds; 0: none */
    bool json;
    struct option_pairs metadata;
    bool shows_nested; /* remote_print_reply shows JSON that strings hold, see nested_json.h */
    char address[ADDRESS_TEXT]; /* of the default endpoint */
    struct arena arena;         /* of everything that the call makes */
    const struct method *method;
    const ProtobufCMessage *reply; /* of method->response, in arena; after a call that went well */
};

/* The exit codes of remote_call, for --help. */
#define REMOTE_EXIT_CODES                                                                          \
    "Exit codes: 0 the call was answered OK; 1 it ended in another status, which standard error\n" \
    "names; 2 wrong usage; 3 the driver cannot be reached.\n"

/* For commands with flags of their own: those of remote are filled, timeout and endpoint among
 * them. As remote_begin from there on. */
bool remote_open(struct remote *remote, int *exit_code);

/* Reads the command line with the flags that all of these commands have (command->options is left
 * to this function). True: go on, and end with remote_end. False: leave with *exit_code. */
bool remote_begin(struct remote *remote, const struct command *command, int argc, char **argv,
                  struct arguments *arguments, int *exit_code);

/* Calls a method with a request in JSON. Returns the exit code; unless that is EXIT_OK, the reason
 * is told on standard error, and under --json a status on standard output too. */
int remote_call(struct remote *remote, const struct method *method, const char *json, size_t size);

/* Prints the reply as JSON: one line under --json, else indented. Returns the exit code. */
int remote_print_reply(struct remote *remote);

/* The whole of a command without arguments: calls a method (as of catalog_callable) with an empty
 * request and shows the reply, with print, or as JSON under --json. Returns the exit code. */
int remote_show(const struct command *command, int argc, char **argv, const char *method,
                void (*print)(const ProtobufCMessage *reply));

/* Prints text that came from the driver; control characters, which could move a terminal's cursor,
 * stand as \xNN. */
void remote_print_text(FILE *file, const char *text);

void remote_end(struct remote *remote);

#endif
