/* The table of subcommands, and what the program says of itself. */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

static const struct subcommand commands[] = {
    {"serve", "[SCRIPT]", "answer CSI calls as a Lua script says", command_serve},
    {"record", "", "stand before a driver, and make a script of its answers", command_record},
    {"check", "SCRIPT...", "look for mistakes in scripts", command_check},
    {"call", "METHOD [JSON]", "call any method of a driver", command_call},
    {"info", "", "show a driver's name and version", command_info},
    {"capabilities", "", "show what a driver can do", command_capabilities},
    {"probe", "", "is a driver ready? For exec probes", command_probe},
    {"liveness", "", "watch a driver's health, and tell it over HTTP", command_liveness},
    {"init", "[DIR]", "write a script, a spec and settings to begin with", command_init},
    {"test", "[DIR | FILE...]", "run specs that use luacsi.testing", command_test},
    {"repl", "[SCRIPT]", "a prompt in the sandbox of a script", command_repl},
    {"status", "", "show how a serving luacsi does", command_status},
    {"ctl", "ACTION [ARG...]", "ask a test double what came, and steer it", command_ctl},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int unknown_command(const char *name)
{
    const char *names[N_COMMANDS + 1] = {NULL};
    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *nearest = text_nearest(name, names);
    fprintf(stderr, "luacsi: unknown command %s%s%s%s\n", name, nearest ? " (did you mean " : "",
            nearest ? nearest : "", nearest ? "?)" : "");
    return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help_program(stderr, commands, N_COMMANDS);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-version") == 0) {
        puts("luacsi " LUACSI_VERSION " (CSI 1.12.0)");
        return EXIT_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-help") == 0 || strcmp(name, "-h") == 0) {
        help_program(stdout, commands, N_COMMANDS);
        return EXIT_OK;
    }
    if (strcmp(name, "--help=json") == 0) {
        help_program_json(commands, N_COMMANDS);
        return EXIT_OK;
    }
    return unknown_command(name);
}

int main(int argc, char **argv)
{
    int exit_code = run(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        perror("luacsi: standard output");
        return exit_code == EXIT_OK ? EXIT_ERROR : exit_code;
    }
    return exit_code;
}
