/* What the program and its commands say of themselves under --help: for people, and with
 * --help=json for programs. The man pages and the completions are made of the latter. */
#ifndef LUACSI_CLI_HELP_H
#define LUACSI_CLI_HELP_H

#include "cli/commands.h"
#include "cli/options.h"

#include <stddef.h>
#include <stdio.h>

/* Prints the usage of the program with its n commands. */
void help_program(FILE *file, const struct subcommand *commands, size_t n);

/* The same as one line of JSON, on standard output. */
void help_program_json(const struct subcommand *commands, size_t n);

/* Prints on standard output what a command does, its flags and its exit codes. */
void help_command(const struct command *command);

/* The same as one line of JSON. */
void help_command_json(const struct command *command);

#endif
