/* The subcommands: each takes its own argv (argv[0] is its name) and returns the exit code. */
#ifndef LUACSI_CLI_COMMANDS_H
#define LUACSI_CLI_COMMANDS_H

/* A row of the program's table. */
struct subcommand {
    const char *name;
    const char *arguments; /* "" when it takes none */
    const char *about;     /* a short line */
    int (*run)(int argc, char **argv);
};

int command_serve(int argc, char **argv);
int command_check(int argc, char **argv);
int command_call(int argc, char **argv);
int command_info(int argc, char **argv);
int command_capabilities(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_liveness(int argc, char **argv);
int command_status(int argc, char **argv);
int command_ctl(int argc, char **argv);
int command_repl(int argc, char **argv);
int command_init(int argc, char **argv);
int command_test(int argc, char **argv);
int command_record(int argc, char **argv);

#endif
