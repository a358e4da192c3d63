/* Prints --help, for people and as JSON. Owns nothing; the main thread. */
#include "cli/help.h"

#include <jansson.h>
#include <stdio.h>

#define ABOUT                                                                                 \
    "Serves the calls that a driver of the Container Storage Interface (CSI) gets, with the " \
    "answers\n"                                                                               \
    "of a Lua script; and calls such drivers.\n"

void help_program(FILE *file, const struct subcommand *commands, size_t n)
{
    fprintf(file, "Usage: luacsi COMMAND [flags] [arguments]\n\n%s\n", ABOUT);
    for (size_t i = 0; i < n; i++)
        fprintf(file, "  %-12s %-15s %s\n", commands[i].name, commands[i].arguments,
                commands[i].about);
    fprintf(file, "\nluacsi COMMAND --help tells more; luacsi --version names the version.\n");
}

static void print_option(const struct option *option)
{
    char variable[OPTION_VARIABLE];
    options_variable(option, variable);
    printf("  %s%s%s%s", options_dashes(option->name), option->name, option->value ? " " : "",
           option->value ? option->value : "");
    if (option->alias)
        printf(", %s%s", options_dashes(option->alias), option->alias);
    printf("   [%s%s%s]\n      %s", variable, option->variable ? ", " : "",
           option->variable ? option->variable : "", option->help);
    if (option->fallback)
        printf(" (default %s)", option->fallback);
    printf("\n");
}

void help_command(const struct command *command)
{
    printf("Usage: luacsi %s [flags]%s%s\n\n%s\n", command->name, *command->arguments ? " " : "",
           command->arguments, command->about);
    for (const struct command_action *a = command->actions; a && a->name; a++)
        printf("  %-8s %-22s %s\n", a->name, a->arguments, a->about);
    printf("%sFlags, with the environment variables that stand in for them:\n",
           command->actions ? "\n" : "");
    for (size_t i = 0; i < command->n_options; i++)
        print_option(&command->options[i]);
    printf("  --help, -h\n      Print this; --help=json prints it for programs.\n");
    if (command->notes)
        printf("\n%s", command->notes);
}

/* ---- JSON ---- */

/* Prints the object, and takes it. */
static void print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

void help_program_json(const struct subcommand *commands, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "name", commands[i].name, "arguments",
                                        commands[i].arguments, "about", commands[i].about));
    print_json(json_pack("{s:s, s:s, s:s, s:o}", "name", "luacsi", "version", LUACSI_VERSION,
                         "about", ABOUT, "commands", list));
}

/* The list of the texts that are not NULL. */
static json_t *two_texts(const char *first, const char *second)
{
    json_t *list = json_array();
    if (first)
        json_array_append_new(list, json_string(first));
    if (second)
        json_array_append_new(list, json_string(second));
    return list;
}

static json_t *describe_option(const struct option *option)
{
    char variable[OPTION_VARIABLE];
    json_t *choices = json_array();
    options_variable(option, variable);
    for (const char *const *choice = option->choices; choice && *choice; choice++)
        json_array_append_new(choices, json_string(*choice));
    return json_pack("{s:o, s:o, s:s?, s:s?, s:s, s:o, s:b}", "names",
                     two_texts(option->name, option->alias), "variables",
                     two_texts(variable, option->variable), "value", option->value, "default",
                     option->fallback, "help", option->help, "choices", choices, "repeatable",
                     option->type == OPTION_PAIRS || option->type == OPTION_TEXTS);
}

void help_command_json(const struct command *command)
{
    json_t *flags = json_array();
    json_t *actions = json_array();
    for (size_t i = 0; i < command->n_options; i++)
        json_array_append_new(flags, describe_option(&command->options[i]));
    for (const struct command_action *a = command->actions; a && a->name; a++)
        json_array_append_new(actions, json_pack("{s:s, s:s, s:s}", "name", a->name, "arguments",
                                                 a->arguments, "about", a->about));
    print_json(json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o}", "name", command->name, "arguments",
                         command->arguments, "about", command->about, "notes", command->notes,
                         "flags", flags, "actions", actions));
}
