/* Reads command lines by the rows of struct option. Owns no memory; the main thread, before any
 * other starts. */
#include "cli/options.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/help.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SOURCE_TEXT = 80, /* "--logging-format" */
    MAX_MODE = 0777,
};

/* Whether --help was asked for, and in which form. */
enum help { HELP_NONE, HELP_TEXT, HELP_JSON };

struct parser {
    const struct command *command;
    enum help help;
    struct arguments *arguments;
    struct err *err;
};

/* ---- names ---- */

const char *options_dashes(const char *name)
{
    return name[1] ? "--" : "-";
}

void options_variable(const struct option *option, char variable[OPTION_VARIABLE])
{
    int n = snprintf(variable, OPTION_VARIABLE, "LUACSI_%s", option->name);
    for (int i = 0; i < n && i < OPTION_VARIABLE; i++)
        variable[i] = variable[i] == '-' ? '_' : (char)toupper((unsigned char)variable[i]);
}

static bool is_name(const char *name, const char *s, size_t n)
{
    return name && strlen(name) == n && memcmp(name, s, n) == 0;
}

/* ---- values ---- */

static int expected(struct err *err, const char *source, const char *what, const char *text)
{
    return err_set(err, STATUS_INVALID_ARGUMENT, "%s: expected %s, got \"%s\"", source, what, text);
}

static int store_integer(const struct option *option, const char *source, const char *text,
                         struct err *err)
{
    int64_t value;
    char what[80];
    if (text_integer(text, &value) && value >= option->min && value <= option->max) {
        *option->to.integer = value;
        return 0;
    }
    snprintf(what, sizeof(what), "integer from %lld to %lld", (long long)option->min,
             (long long)option->max);
    return expected(err, source, what, text);
}

static int store_boolean(const struct option *option, const char *source, const char *text,
                         struct err *err)
{
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return expected(err, source, "true or false", text);
    *option->to.boolean = yes;
    return 0;
}

static int store_mode(const struct option *option, const char *source, const char *text,
                      struct err *err)
{
    size_t digits = strspn(text, "01234567");
    unsigned long mode = digits > 0 && !text[digits] ? strtoul(text, NULL, 8) : MAX_MODE + 1UL;
    if (mode > MAX_MODE)
        return expected(err, source, "permission bits in octal such as 0660", text);
    *option->to.mode = (unsigned)mode;
    return 0;
}

static int store_choice(const struct option *option, const char *source, const char *text,
                        struct err *err)
{
    char what[160] = "one of ";
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *option->to.choice = i;
            return 0;
        }
        size_t n = strlen(what);
        snprintf(what + n, sizeof(what) - n, "%s%s", i > 0 ? ", " : "", option->choices[i]);
    }
    return expected(err, source, what, text);
}

static int add_pair(const struct option *option, const char *source, const char *text, size_t size,
                    struct err *err)
{
    struct option_pairs *pairs = option->to.pairs;
    const char *equals = memchr(text, '=', size);
    if (!equals || equals == text)
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s: expected %s, got \"%.*s\"", source,
                       option->value, (int)size, text);
    if (pairs->count == OPTION_MAX_PAIRS)
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s: more than %d pairs", source,
                       OPTION_MAX_PAIRS);
    pairs->items[pairs->count++] = (struct option_pair){
        .key = text,
        .key_size = (size_t)(equals - text),
        .value = equals + 1,
        .value_size = size - (size_t)(equals - text) - 1,
    };
    return 0;
}

/* Pairs out of a variable, which can come only once: commas are between them. */
static int add_pairs(const struct option *option, const char *source, const char *text,
                     struct err *err)
{
    for (;;) {
        size_t size = strcspn(text, ",");
        if (add_pair(option, source, text, size, err))
            return -1;
        if (!text[size])
            return 0;
        text += size + 1;
    }
}

static int add_text(const struct option *option, const char *source, const char *text,
                    struct err *err)
{
    struct option_texts *texts = option->to.texts;
    if (texts->count == OPTION_MAX_TEXTS)
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s: more than %d times", source,
                       OPTION_MAX_TEXTS);
    texts->items[texts->count++] = text;
    return 0;
}

/* source: the flag or variable that the text came from, for the message. */
static int store(const struct option *option, const char *source, const char *text, struct err *err)
{
    switch (option->type) {
    case OPTION_STRING:
        *option->to.string = text;
        return option->check && option->check(text, err) ? err_prefix(err, "%s: ", source) : 0;
    case OPTION_INTEGER:
        return store_integer(option, source, text, err);
    case OPTION_BOOL:
        return store_boolean(option, source, text, err);
    case OPTION_SIZE:
        return text_size(text, option->to.integer) && *option->to.integer >= option->min
                   ? 0
                   : expected(err, source, "a number of bytes such as 64MB", text);
    case OPTION_DURATION:
        return text_duration(text, option->to.integer)
                   ? 0
                   : expected(err, source, "a duration such as 300ms, 5s or 1m30s", text);
    case OPTION_MODE:
        return store_mode(option, source, text, err);
    case OPTION_CHOICE:
        return store_choice(option, source, text, err);
    case OPTION_PAIRS:
        return add_pair(option, source, text, strlen(text), err);
    case OPTION_TEXTS:
        return add_text(option, source, text, err);
    }
    return 0;
}

/* ---- the command line ---- */

static const struct option *find(const struct command *command, const char *s, size_t n)
{
    for (size_t i = 0; i < command->n_options; i++) {
        if (is_name(command->options[i].name, s, n) || is_name(command->options[i].alias, s, n))
            return &command->options[i];
    }
    return NULL;
}

/* flag: as it was typed, size bytes up to any "=". */
static int unknown_flag(const struct parser *parser, const char *flag, size_t size)
{
    const char *names[2 * COMMAND_MAX_OPTIONS + 2];
    size_t count = 0;
    char name[SOURCE_TEXT];
    snprintf(name, sizeof(name), "%.*s", (int)size, flag);
    names[count++] = "help";
    for (size_t i = 0; i < parser->command->n_options; i++) {
        names[count++] = parser->command->options[i].name;
        if (parser->command->options[i].alias)
            names[count++] = parser->command->options[i].alias;
    }
    names[count] = NULL;
    const char *nearest = text_nearest(name + strspn(name, "-"), names);
    if (!nearest)
        return err_set(parser->err, STATUS_INVALID_ARGUMENT, "unknown flag %s", name);
    return err_set(parser->err, STATUS_INVALID_ARGUMENT, "unknown flag %s (did you mean %s%s?)",
                   name, options_dashes(nearest), nearest);
}

/* True for what can only be meant as a flag, not as the value of the flag before it. */
static bool looks_like_flag(const char *s)
{
    return s[0] == '-' && (s[1] == '-' || isalpha((unsigned char)s[1]));
}

static int ask_help(struct parser *parser, const char *form)
{
    if (form && strcmp(form, "json") != 0)
        return expected(parser->err, "--help", "no value or json", form);
    parser->help = form ? HELP_JSON : HELP_TEXT;
    return 0;
}

/* Reads the flag at argv[*i], and its value, which may be the next one. */
static int parse_flag(struct parser *parser, int argc, char **argv, int *i)
{
    const char *flag = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
    size_t n = strcspn(flag, "=");
    const char *value = flag[n] ? flag + n + 1 : NULL;
    char source[SOURCE_TEXT];
    if (is_name("help", flag, n) || is_name("h", flag, n))
        return ask_help(parser, value);
    const struct option *option = n > 0 ? find(parser->command, flag, n) : NULL;
    if (!option)
        return unknown_flag(parser, argv[*i], strcspn(argv[*i], "="));
    snprintf(source, sizeof(source), "%s%.*s", options_dashes(option->name), (int)n, flag);
    if (!value && option->type == OPTION_BOOL)
        value = "true";
    if (!value && *i + 1 < argc && !looks_like_flag(argv[*i + 1]))
        value = argv[++*i];
    if (!value)
        return err_set(parser->err, STATUS_INVALID_ARGUMENT, "%s: expected a value (%s), got none",
                       source, option->value);
    parser->arguments->given[option - parser->command->options] = true;
    return store(option, source, value, parser->err);
}

static int parse_flags(struct parser *parser, int argc, char **argv)
{
    struct arguments *rest = parser->arguments;
    bool flags = true;
    *rest = (struct arguments){.items = argv};
    for (int i = 1; i < argc && !parser->help; i++) {
        if (flags && strcmp(argv[i], "--") == 0)
            flags = false;
        else if (!flags || argv[i][0] != '-' || !argv[i][1])
            rest->items[rest->count++] = argv[i]; /* always behind what is still to be read */
        else if (parse_flag(parser, argc, argv, &i))
            return -1;
    }
    return 0;
}

static const char *environment(const struct option *option, char *variable)
{
    options_variable(option, variable);
    const char *text = getenv(variable);
    if ((!text || !*text) && option->variable) {
        snprintf(variable, OPTION_VARIABLE, "%s", option->variable);
        text = getenv(variable);
    }
    return text && *text ? text : NULL;
}

static int parse_rest(const struct parser *parser, size_t index)
{
    const struct option *option = &parser->command->options[index];
    char variable[OPTION_VARIABLE];
    if (parser->arguments->given[index])
        return 0;
    const char *text = environment(option, variable);
    if (text && option->type == OPTION_PAIRS)
        return add_pairs(option, variable, text, parser->err);
    if (text)
        return store(option, variable, text, parser->err);
    return option->fallback ? store(option, option->name, option->fallback, parser->err) : 0;
}

static int check_count(const struct parser *parser)
{
    const struct command *command = parser->command;
    const struct arguments *rest = parser->arguments;
    if (command->max_arguments >= 0 && rest->count > command->max_arguments)
        return err_set(parser->err, STATUS_INVALID_ARGUMENT, "unexpected argument \"%s\"",
                       rest->items[command->max_arguments]);
    if (rest->count < command->min_arguments)
        return err_set(parser->err, STATUS_INVALID_ARGUMENT, "expected %s, got %s",
                       command->arguments, rest->count > 0 ? "less" : "nothing");
    return 0;
}

static int parse(struct parser *parser, int argc, char **argv)
{
    if (parse_flags(parser, argc, argv))
        return -1;
    for (size_t i = 0; i < parser->command->n_options && !parser->help; i++) {
        if (parse_rest(parser, i))
            return -1;
    }
    return parser->help ? 0 : check_count(parser);
}

bool options_parse(const struct command *command, int argc, char **argv,
                   struct arguments *arguments, int *exit_code)
{
    struct err err;
    struct parser parser = {.command = command, .arguments = arguments, .err = &err};
    if (parse(&parser, argc, argv)) {
        *exit_code = options_fail(command->name, EXIT_USAGE, err.text);
        return false;
    }
    if (parser.help == HELP_TEXT)
        help_command(command);
    else if (parser.help == HELP_JSON)
        help_command_json(command);
    *exit_code = EXIT_OK;
    return !parser.help;
}

int options_fail(const char *command, int exit_code, const char *text)
{
    fprintf(stderr, "luacsi %s: %s\n", command, text);
    return exit_code;
}
