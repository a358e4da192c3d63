/* The command line of a subcommand, from a table: a row says everything about a flag, and --help,
 * the environment and the checks all come from it. No allocation: what is stored points into argv,
 * the environment and the table. */
#ifndef LUACSI_CLI_OPTIONS_H
#define LUACSI_CLI_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes that all commands share. */
enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

/* key=value of a repeatable flag; the texts are not NUL-terminated. */
struct option_pair {
    const char *key;
    size_t key_size; /* at least 1 */
    const char *value;
    size_t value_size;
};

enum { OPTION_MAX_PAIRS = 64 };

/* In the order given. A key may come twice; who uses them decides what that means. */
struct option_pairs {
    size_t count;
    struct option_pair items[OPTION_MAX_PAIRS];
};

enum { OPTION_MAX_TEXTS = 64 };

/* The values of a repeatable flag, in the order given. */
struct option_texts {
    size_t count;
    const char *items[OPTION_MAX_TEXTS];
};

/* How the text of a flag is read. */
enum option_type {
    OPTION_STRING,   /* to.string */
    OPTION_INTEGER,  /* to.integer, from min to max */
    OPTION_BOOL,     /* to.boolean: true, false, 1, 0; true without a value */
    OPTION_SIZE,     /* to.integer, bytes: "64MB", "65536" */
    OPTION_DURATION, /* to.integer, nanoseconds: "300ms", "1m30s", seconds */
    OPTION_MODE,     /* to.mode: permission bits in octal */
    OPTION_CHOICE,   /* to.choice: index into choices */
    OPTION_PAIRS,    /* to.pairs: key=value, repeatable; in the environment with commas between */
    OPTION_TEXTS,    /* to.texts: repeatable */
};

struct option {
    const char *name;     /* "socket-mode" for --socket-mode and LUACSI_SOCKET_MODE */
    const char *alias;    /* another name on the command line; NULL: none */
    const char *variable; /* an environment variable asked after LUACSI_...; NULL: none */
    const char *value;    /* what --help calls the value: "MODE"; NULL for OPTION_BOOL */
    const char *fallback; /* read when neither flag nor variable is there; NULL: nothing is */
    const char *help;     /* a sentence or two; the choices, if any, are among it */
    enum option_type type;
    int (*check)(const char *text, struct err *err); /* of OPTION_STRING; NULL: any text will do */
    int64_t min, max;                                /* of OPTION_INTEGER */
    const char *const *choices;                      /* of OPTION_CHOICE; ends with NULL */
    union {
        const char **string;
        int64_t *integer;
        bool *boolean;
        unsigned *mode;
        int *choice;
        struct option_pairs *pairs;
        struct option_texts *texts;
    } to; /* where the value goes */
};

enum { COMMAND_MAX_OPTIONS = 32 };

/* What a command can do, where it can do more than one thing: its first argument. */
struct command_action {
    const char *name;
    const char *arguments; /* that follow; "" when it takes none */
    const char *about;     /* a short line */
};

struct command {
    const char *name;      /* "call" */
    const char *arguments; /* "METHOD [JSON]"; "" when it takes none */
    int min_arguments;
    int max_arguments; /* -1: any number */
    const char *about; /* what it does: whole lines, each ended by a newline */
    const char *notes; /* after the flags in --help (exit codes); as about; NULL: none */
    const struct option *options;
    size_t n_options; /* at most COMMAND_MAX_OPTIONS */
    const struct command_action
        *actions; /* NULL: it does one thing; else ends with the name NULL */
};

/* What is left after the flags. */
struct arguments {
    int count;
    char **items;                    /* in argv, which is reordered for it */
    bool given[COMMAND_MAX_OPTIONS]; /* the flags that were on the command line, as in options */
};

/* Reads argv (argv[0] is the command's name). Flags beat the environment, that beats the fallback;
 * an empty variable counts as absent. One dash or two, "--name=value" or "--name value", mixed with
 * arguments, up to "--".
 * True: go on. False: *exit_code says how to leave; --help or the one line of an error is printed.
 */
bool options_parse(const struct command *command, int argc, char **argv,
                   struct arguments *arguments, int *exit_code);

/* "--", or "-" before a name of one letter. */
const char *options_dashes(const char *name);

enum { OPTION_VARIABLE = 64 };

/* Writes the name of the variable that stands in for the flag: "LUACSI_LOGGING_FORMAT". */
void options_variable(const struct option *option, char variable[OPTION_VARIABLE]);

/* Prints "luacsi COMMAND: text" to standard error; returns exit_code. */
int options_fail(const char *command, int exit_code, const char *text);

#endif
