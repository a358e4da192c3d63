/* luacsi ctl: luacsi.v1.Control from a shell. The main thread. */
#include "cli/ctl.h"

#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/ctl_print.h"
#include "cli/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SCRIPT = 4 * 1024 * 1024, NS_PER_MS = 1000000, N_OPTIONS = 16 };

static const char name[] = "ctl";

/* ---- what actions share ---- */

json_t *ctl_request(const struct ctl *ctl)
{
    json_t *request = json_object();
    if (ctl->session)
        json_object_set_new(request, "session", json_string(ctl->session));
    return request;
}

/* came: what was there instead. */
static int fail_usage(const char *expected, const char *came)
{
    struct err err;
    err_set(&err, STATUS_INVALID_ARGUMENT, "expected %s, got \"%s\"", expected, came);
    return options_fail(name, EXIT_USAGE, err.text);
}

int ctl_call(struct ctl *ctl, const char *method, json_t *request)
{
    char full[64];
    char *text = json_dumps(request, JSON_COMPACT);
    snprintf(full, sizeof(full), "luacsi.v1.Control/%s", method);
    json_decref(request);
    if (!text)
        return options_fail(name, EXIT_ERROR, "no memory for the request");
    int exit_code = remote_call(&ctl->remote, catalog_callable(full), text, strlen(text));
    free(text);
    return exit_code;
}

/* Of a call that answers nothing. */
static int call_silently(struct ctl *ctl, const char *method, json_t *request)
{
    int exit_code = ctl_call(ctl, method, request);
    return exit_code == EXIT_OK && ctl->remote.json ? remote_print_reply(&ctl->remote) : exit_code;
}

static const char *argument(const struct ctl *ctl, int i)
{
    return i < ctl->arguments->count ? ctl->arguments->items[i] : NULL;
}

/* Puts the text of the script at path ("-": standard input) into request. */
static int add_script(struct ctl *ctl, const char *path, json_t *request, struct err *err)
{
    bool is_input = strcmp(path, "-") == 0;
    const char *text;
    char *file = NULL;
    size_t size;
    int failed = is_input ? input_read(MOST_SCRIPT, &ctl->remote.arena, &text, &size, err)
                          : file_read(path, MOST_SCRIPT, &ctl->remote.arena, &file, &size, err);
    if (failed)
        return -1;
    text = is_input ? text : file;
    if (size == 0 || !text_is_utf8(text, size) || memchr(text, '\0', size))
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s: expected a script in UTF-8, got %s", path,
                       size == 0 ? "nothing" : "other bytes");
    json_object_set_new(request, "script", json_stringn(text, size));
    json_object_set_new(request, "name", json_string(is_input ? "stdin" : path));
    return 0;
}

/* ---- the actions ---- */

static int load(struct ctl *ctl)
{
    const char *path = argument(ctl, 1);
    json_t *request = ctl_request(ctl);
    struct err err;
    if (ctl->file == (path != NULL)) {
        json_decref(request);
        return options_fail(name, EXIT_USAGE, "expected either a SCRIPT or --file");
    }
    if (ctl->file) {
        json_object_set_new(request, "file", json_true());
    } else if (add_script(ctl, path, request, &err)) {
        json_decref(request);
        return options_fail(name, EXIT_USAGE, err.text);
    }
    return call_silently(ctl, "Load", request);
}

static int set(struct ctl *ctl)
{
    int exit_code = EXIT_OK;
    for (int i = 1; i < ctl->arguments->count && exit_code == EXIT_OK; i++) {
        const char *pair = argument(ctl, i);
        const char *equals = strchr(pair, '=');
        if (!equals || equals == pair)
            return fail_usage("KEY=VALUE", pair);
        json_t *request = ctl_request(ctl);
        json_object_set_new(request, "key", json_stringn(pair, (size_t)(equals - pair)));
        json_object_set_new(request, "value", json_string(equals + 1));
        exit_code = call_silently(ctl, "SetConfig", request);
    }
    return exit_code;
}

static int advance(struct ctl *ctl)
{
    int64_t ns;
    if (!text_duration(argument(ctl, 1), &ns))
        return fail_usage("a duration such as 300ms, 5s or 1m30s", argument(ctl, 1));
    return call_silently(
        ctl, "Advance",
        json_pack("{s:I}", "milliseconds", (json_int_t)((ns + NS_PER_MS - 1) / NS_PER_MS)));
}

static int reset(struct ctl *ctl)
{
    static const char *const parts[] = {"calls", "store", "script", NULL};
    json_t *request = ctl_request(ctl);
    for (int i = 1; i < ctl->arguments->count; i++) {
        const char *const *part = parts;
        while (*part && strcmp(*part, argument(ctl, i)) != 0)
            part++;
        if (!*part) {
            json_decref(request);
            return fail_usage("calls, store or script", argument(ctl, i));
        }
        json_object_set_new(request, *part, json_true());
    }
    return call_silently(ctl, "Reset", request);
}

static int session(struct ctl *ctl)
{
    const char *what = argument(ctl, 1);
    const char *path = argument(ctl, 3);
    bool is_new = strcmp(what, "new") == 0;
    json_t *request = json_pack("{s:s?}", "session", argument(ctl, 2));
    struct err err;
    if ((!is_new && (strcmp(what, "end") != 0 || path)) || !request) {
        json_decref(request);
        return options_fail(name, EXIT_USAGE,
                            "expected session new NAME [SCRIPT] or session end NAME");
    }
    if (path && add_script(ctl, path, request, &err)) {
        json_decref(request);
        return options_fail(name, EXIT_USAGE, err.text);
    }
    return call_silently(ctl, is_new ? "CreateSession" : "EndSession", request);
}

static int status(struct ctl *ctl)
{
    int exit_code = ctl_call(ctl, "Status", json_object());
    if (exit_code != EXIT_OK || ctl->remote.json)
        return exit_code == EXIT_OK ? remote_print_reply(&ctl->remote) : exit_code;
    ctl_print_status((const Luacsi__V1__StatusResponse *)ctl->remote.reply);
    return EXIT_OK;
}

static int stop(struct ctl *ctl)
{
    return call_silently(ctl, "Stop", json_object());
}

/* ---- the command line ---- */

static const struct command_action actions[] = {
    {"calls", "", "show the calls that were answered"},
    {"wait", "", "wait until --count of them have come; fails after --timeout"},
    {"verify", "", "fail unless the calls were as expected, and say why"},
    {"load", "SCRIPT | --file", "answer as this script says; --file: as before"},
    {"set", "KEY=VALUE...", "set csi.config.KEY, and load the script anew"},
    {"advance", "DURATION", "let time of the virtual clock pass"},
    {"reset", "[calls|store|script]", "forget what has happened: all, or these"},
    {"session", "new NAME [SCRIPT]", "make a session: a state, store and calls of its own"},
    {"session", "end NAME", "end it"},
    {"status", "", "show the process and its sessions"},
    {"stop", "", "end the process as SIGTERM does"},
    {NULL, NULL, NULL},
};

/* What each takes: flags besides those that all have, and the number of arguments. */
static const struct {
    const char *name;
    int (*run)(struct ctl *ctl);
    const char *flags; /* each with a blank behind */
    int least;
    int most; /* -1: any number */
} runs[] = {
    {"calls", ctl_calls, "session method status request since limit ", 0, 0},
    {"wait", ctl_wait, "session method status request since limit count ", 0, 0},
    {"verify", ctl_verify,
     "session method status request since exactly at-least at-most never order ", 0, 0},
    {"load", load, "session file ", 0, 1},
    {"set", set, "session ", 1, -1},
    {"advance", advance, "", 1, 1},
    {"reset", reset, "session ", 0, 3},
    {"session", session, "", 2, 3},
    {"status", status, "", 0, 0},
    {"stop", stop, "", 0, 0},
};

enum { N_RUNS = sizeof(runs) / sizeof(runs[0]) };

static struct option integer_option(const char *flag, int64_t *to, const char *help)
{
    *to = CTL_NOT_GIVEN;
    return (struct option){.name = flag,
                           .value = "N",
                           .help = help,
                           .type = OPTION_INTEGER,
                           .max = INT64_MAX,
                           .to.integer = to};
}

static struct option string_option(const char *flag, const char *value, const char **to,
                                   const char *help)
{
    return (struct option){
        .name = flag, .value = value, .help = help, .type = OPTION_STRING, .to.string = to};
}

static struct option boolean_option(const char *flag, bool *to, const char *help)
{
    return (struct option){.name = flag, .help = help, .type = OPTION_BOOL, .to.boolean = to};
}

static void rows(struct ctl *ctl, struct option options[N_OPTIONS])
{
    struct remote *remote = &ctl->remote;
    options[0] = string_option(
        "control", "SOCKET", &remote->endpoint,
        "The control socket of the process. It is what --control of luacsi serve says.");
    options[1] = (struct option){
        .name = "timeout",
        .value = "DURATION",
        .fallback = "10s",
        .type = OPTION_DURATION,
        .to.integer = &remote->timeout,
        .help = "How long it may take; of wait: how long to wait for calls.",
    };
    options[2] = boolean_option("json", &remote->json, "Print one line of JSON, for machines.");
    options[3] = string_option("session", "NAME", &ctl->session,
                               "The session; without it that of the process.");
    options[4] = string_option("method", "METHOD", &ctl->method, "Only calls of this method.");
    options[5] = string_option("status", "CODE", &ctl->status,
                               "Only calls that ended in this status, such as ABORTED.");
    options[6] = string_option("request", "JSON", &ctl->request,
                               "Only calls whose request has these members, with these values.");
    options[7] =
        integer_option("since", &ctl->since, "Only calls behind the one with this number.");
    options[8] = integer_option("limit", &ctl->limit, "Show at most so many.");
    options[9] = integer_option("count", &ctl->count, "Of wait: how many calls; 1 unless given.");
    options[10] = integer_option("exactly", &ctl->exactly, "Of verify: so many calls.");
    options[11] = integer_option("at-least", &ctl->at_least,
                                 "Of verify: so many or more; 1 when nothing else is expected.");
    options[12] = integer_option("at-most", &ctl->at_most, "Of verify: so many or fewer.");
    options[13] = boolean_option("never", &ctl->never, "Of verify: no calls.");
    options[14] = (struct option){
        .name = "order",
        .value = "METHOD",
        .type = OPTION_TEXTS,
        .to.texts = &ctl->order,
        .help = "Of verify: a call of this method, behind that of the one before; repeatable.",
    };
    options[15] =
        boolean_option("file", &ctl->file, "Of load: the script that the process began with.");
}

static bool takes(const char *flags, const char *flag)
{
    size_t n = strlen(flag);
    for (const char *at = flags; (at = strstr(at, flag)) != NULL; at += n) {
        if ((at == flags || at[-1] == ' ') && at[n] == ' ')
            return true;
    }
    return false;
}

/* A flag that an action does not take is a mistake: it would do nothing. */
static int check_flags(const struct ctl *ctl, const char *action, const char *flags,
                       const struct option options[N_OPTIONS], struct err *err)
{
    for (int i = 3; i < N_OPTIONS; i++) { /* behind those that all have */
        if (ctl->arguments->given[i] && !takes(flags, options[i].name))
            return err_set(err, STATUS_INVALID_ARGUMENT, "%s takes no --%s", action,
                           options[i].name);
    }
    if (ctl->never && ctl->exactly != CTL_NOT_GIVEN)
        return err_set(err, STATUS_INVALID_ARGUMENT, "expected either --never or --exactly");
    return 0;
}

static int find_run(const char *action, struct err *err)
{
    const char *names[N_RUNS + 1] = {NULL};
    for (int i = 0; i < N_RUNS; i++) {
        names[i] = runs[i].name;
        if (strcmp(action, names[i]) == 0)
            return i;
    }
    const char *nearest = text_nearest(action, names);
    return err_set(err, STATUS_INVALID_ARGUMENT, "unknown action %s%s%s%s", action,
                   nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
}

/* The index of what is to be run; -1 and err when the command line makes no sense. */
static int check(const struct ctl *ctl, const struct option options[N_OPTIONS], struct err *err)
{
    int n = ctl->arguments->count - 1;
    int i = find_run(ctl->arguments->items[0], err);
    if (i < 0 || check_flags(ctl, runs[i].name, runs[i].flags, options, err))
        return -1;
    if (n < runs[i].least)
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s: expected more arguments", runs[i].name);
    if (runs[i].most >= 0 && n > runs[i].most)
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s: unexpected argument \"%s\"", runs[i].name,
                       ctl->arguments->items[runs[i].most + 1]);
    if (!ctl->remote.endpoint)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected --control, the socket that `luacsi serve --control` has");
    return i;
}

int command_ctl(int argc, char **argv)
{
    struct ctl ctl = {.remote = {.command = name, .shows_nested = true}};
    struct option options[N_OPTIONS];
    struct arguments arguments;
    struct err err;
    int exit_code;
    rows(&ctl, options);
    const struct command command = {
        .name = name,
        .arguments = "ACTION [ARG...]",
        .min_arguments = 1,
        .max_arguments = -1,
        .about =
            "Asks a luacsi that was started with --control what it was asked, and steers it:\n",
        .notes = "Exit codes: 0 all is well; 1 not as expected, not in time, or another status, "
                 "which standard\nerror names; 2 wrong usage; 3 the process cannot be reached.\n",
        .options = options,
        .n_options = N_OPTIONS,
        .actions = actions,
    };
    if (!options_parse(&command, argc, argv, &arguments, &exit_code))
        return exit_code;
    ctl.arguments = &arguments;
    int i = check(&ctl, options, &err);
    if (i < 0)
        return options_fail(name, EXIT_USAGE, err.text);
    if (!remote_open(&ctl.remote, &exit_code))
        return exit_code;
    exit_code = runs[i].run(&ctl);
    remote_end(&ctl.remote);
    return exit_code;
}
