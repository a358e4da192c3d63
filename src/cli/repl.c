/* luacsi repl: a prompt in the sandbox of a script. The main thread is the loop thread. */
#include "script/repl.h"

#include "base/log.h"
#include "cli/commands.h"
#include "cli/prompt.h"
#include "cli/script_options.h"
#include "csi/catalog.h"
#include "io/iothread.h"
#include "io/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char first_prompt[] = "luacsi> ";
static const char more_prompt[] = "     -> ";

struct session {
    struct script_options script;
    const char *history;
    char history_file[PATH_MAX];
    bool is_terminal;
    struct loop *loop;
    struct iothread *io;
    struct vm *vm;
    struct repl *repl;
    struct prompt *prompt;
    char *text; /* of a statement that goes on over several lines; NULL: none */
    unsigned line;
    bool at_end; /* all lines were read */
    int exit_code;
};

static void log_problem(void *data, const struct vm_problem *problem)
{
    (void)data;
    if (problem->line > 0)
        fprintf(stderr, "%s:%d: %s\n", problem->file, problem->line, problem->text);
    else
        fprintf(stderr, "%s: %s\n", problem->file, problem->text);
}

/* ---- lines ---- */

static void forget_text(struct session *session)
{
    free(session->text);
    session->text = NULL;
}

/* From a terminal the next line may be better; what a script of lines says ends with it. */
static void tell_failure(struct session *session, const char *message)
{
    fflush(stdout);
    if (session->is_terminal) {
        fprintf(stderr, "%s\n", message);
        return;
    }
    fprintf(stderr, "luacsi repl: line %u: %s\n", session->line, message);
    session->exit_code = EXIT_ERROR;
}

static void go_on(struct session *session)
{
    if (session->at_end || (session->exit_code != EXIT_OK && !session->is_terminal))
        loop_stop(session->loop);
    else
        prompt_next(session->prompt, session->text ? more_prompt : first_prompt);
}

static void on_print(void *data, const char *text, size_t size)
{
    (void)data;
    fwrite(text, 1, size, stdout);
}

static void on_done(void *data, enum repl_outcome outcome, const char *message)
{
    struct session *session = data;
    fflush(stdout);
    if (outcome == REPL_FAILED || (outcome == REPL_INCOMPLETE && session->at_end))
        tell_failure(session, message);
    if (outcome != REPL_INCOMPLETE)
        forget_text(session);
    go_on(session);
}

/* Adds a line to what is to be evaluated. */
static bool add_line(struct session *session, const char *line)
{
    size_t before = session->text ? strlen(session->text) : 0;
    char *text = realloc(session->text, before + strlen(line) + 2);
    if (!text)
        return false;
    session->text = text;
    sprintf(text + before, before ? "\n%s" : "%s", line);
    return true;
}

static void on_line(void *data, const char *line)
{
    struct session *session = data;
    session->line++;
    if (!line) {
        session->at_end = true;
        if (session->text && !session->is_terminal)
            repl_evaluate(session->repl, session->text);
        else
            loop_stop(session->loop);
    } else if (add_line(session, line)) {
        repl_evaluate(session->repl, session->text);
    } else {
        tell_failure(session, "no memory for the line");
        go_on(session);
    }
}

static void on_cancel(void *data)
{
    struct session *session = data;
    forget_text(session);
    go_on(session);
}

static void on_interrupt(void *data)
{
    struct session *session = data;
    repl_interrupt(session->repl);
}

static void on_complete(void *data, const char *text, char *buffer, size_t size)
{
    struct session *session = data;
    repl_complete(session->repl, text, buffer, size);
}

/* ---- the file of the history ---- */

static bool add_folder(char *path, const char *name)
{
    size_t n = strlen(path);
    if (snprintf(path + n, PATH_MAX - n, "/%s", name) >= (int)(PATH_MAX - n))
        return false;
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* $XDG_STATE_HOME/luacsi/history, else ~/.local/state/luacsi/history; NULL where neither can be. */
static const char *default_history(struct session *session)
{
    char *path = session->history_file;
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    bool has_state = state && *state == '/';
    if (!has_state && !(home && *home == '/'))
        return NULL;
    snprintf(path, PATH_MAX, "%s", has_state ? state : home);
    bool made = has_state || (add_folder(path, ".local") && add_folder(path, "state"));
    if (!made || !add_folder(path, "luacsi") || strlen(path) + sizeof("/history") > PATH_MAX)
        return NULL;
    return strcat(path, "/history");
}

static const char *history_of(struct session *session)
{
    if (!session->is_terminal)
        return NULL;
    if (!session->history)
        return default_history(session);
    return *session->history ? session->history : NULL;
}

/* ---- the session ---- */

static int load(struct session *session, const char *script, struct err *err)
{
    struct vm_options options = {.problem = log_problem, .data = session};
    script_options_fill(&session->script, &options);
    session->vm = vm_new(&options, err);
    if (!session->vm)
        return -1;
    if (vm_load(session->vm, script, err))
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s does not load", script);
    vm_start(session->vm, session->loop, session->io, NULL);
    return 0;
}

static int start(struct session *session, const char *script, struct err *err)
{
    if (catalog_init(err))
        return -1;
    iothread_block_signals();
    if (!(session->loop = loop_new(err)) || !(session->io = iothread_start(session->loop, err)) ||
        load(session, script, err))
        return -1;
    const struct repl_options repl = {.print = on_print, .done = on_done, .data = session};
    const struct prompt_options prompt = {
        .loop = session->loop,
        .is_terminal = session->is_terminal,
        .history = history_of(session),
        .line = on_line,
        .cancel = on_cancel,
        .interrupt = on_interrupt,
        .complete = on_complete,
        .data = session,
    };
    session->repl = repl_new(session->vm, &repl, err);
    if (!session->repl || !(session->prompt = prompt_start(&prompt, err)))
        return -1;
    prompt_next(session->prompt, first_prompt);
    return 0;
}

static void stop(struct session *session)
{
    if (session->prompt)
        prompt_stop(session->prompt);
    if (session->vm)
        vm_cancel_tasks(session->vm, STATUS_CANCELLED, "the prompt ends");
    repl_free(session->repl);
    if (session->io)
        iothread_stop(session->io);
    if (session->vm)
        vm_free(session->vm);
    if (session->loop)
        loop_free(session->loop);
    iothread_free(session->io);
    free(session->text);
}

static int run(struct session *session, const char *script)
{
    struct err err;
    if (script_options_open(&session->script, &err)) {
        script_options_close(&session->script);
        return options_fail("repl", EXIT_USAGE, err.text);
    }
    log_init(LOG_TEXT, 0);
    session->is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (start(session, script, &err))
        session->exit_code = options_fail("repl", EXIT_ERROR, err.text);
    else
        loop_run(session->loop);
    stop(session);
    script_options_close(&session->script);
    return session->exit_code;
}

int command_repl(int argc, char **argv)
{
    struct session session = {.exit_code = EXIT_OK};
    struct option options[SCRIPT_OPTIONS + 1];
    script_options_rows(&session.script, options);
    options[SCRIPT_OPTIONS] = (struct option){
        .name = "history",
        .value = "FILE",
        .help = "Where the lines of a terminal are kept; empty: nowhere.",
        .type = OPTION_STRING,
        .to.string = &session.history,
    };
    const struct command command = {
        .name = "repl",
        .arguments = "[SCRIPT]",
        .max_arguments = 1,
        .about =
            "Reads Lua and runs it in the sandbox of SCRIPT, or of a built-in identity: with "
            "csi, with its\n"
            "permissions, and with its handlers, as Probe() or call(\"Probe\", {}). Prints the "
            "values of\n"
            "expressions. From a terminal Ctrl-C interrupts, Tab completes and Ctrl-D ends it; "
            "lines from\n"
            "elsewhere are read without a prompt, up to the first that fails.\n",
        .notes = "Exit codes: 0 ended; 1 SCRIPT does not load, or a line failed that came from no "
                 "terminal;\n"
                 "2 wrong usage; 130 what ran could not be interrupted.\n",
        .options = options,
        .n_options = SCRIPT_OPTIONS + 1,
    };
    struct arguments arguments;
    int exit_code;
    if (!options_parse(&command, argc, argv, &arguments, &exit_code))
        return exit_code;
    return run(&session, arguments.count > 0 ? arguments.items[0] : NULL);
}
