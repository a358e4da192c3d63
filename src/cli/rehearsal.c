/* Owns the standbys, and how the outcome of a play is told. The main thread. */
#include "cli/rehearsal.h"

#include "base/text.h"
#include "cli/play.h"
#include "cli/remote.h"
#include "io/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IN_FLIGHT = 1000, SOCKET_MODE = 0600 };

static int check_callers_list(const char *list, struct err *err)
{
    unsigned set;
    return callers_parse(list, &set, err);
}

void rehearsal_rows(struct rehearsal *rehearsal, struct option rows[REHEARSAL_OPTIONS])
{
    rows[0] = (struct option){
        .name = "for",
        .value = "CALLERS",
        .help = "Also serve each SCRIPT and play these callers against it, with commas between: "
                "livenessprobe,\n      registrar, kubelet, provisioner, attacher, resizer, "
                "snapshotter, health-monitor, nomad,\n      csi-sanity, or all.",
        .type = OPTION_STRING,
        .check = check_callers_list,
        .to.string = &rehearsal->callers,
    };
    rows[1] = (struct option){
        .name = "for-timeout",
        .value = "DURATION",
        .fallback = "30s",
        .help = "How long to look at a caller that waits, for Probe to be ready or for an answer.",
        .type = OPTION_DURATION,
        .to.integer = &rehearsal->patience,
    };
}

/* What a reply breaks is told by the check that runs besides. */
static void ignore_problem(void *data, const struct vm_problem *problem)
{
    (void)data;
    (void)problem;
}

int rehearsal_begin(struct rehearsal *rehearsal, const struct vm_options *vm,
                    const struct arguments *scripts, struct err *err)
{
    struct process_options options = {
        .mode = SOCKET_MODE,
        .max_in_flight = MAX_IN_FLIGHT,
        .vm = *vm,
    };
    if (!rehearsal->callers)
        return 0;
    if (rehearsal->patience == 0)
        return err_set(err, STATUS_INVALID_ARGUMENT, "--for-timeout: expected more than 0");
    options.vm.problem = ignore_problem;
    if (callers_parse(rehearsal->callers, &rehearsal->set, err))
        return -1;
    rehearsal->standbys = calloc((size_t)scripts->count, sizeof(*rehearsal->standbys));
    if (!rehearsal->standbys)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the scripts");
    for (int i = 0; i < scripts->count; i++) {
        options.script = scripts->items[i];
        rehearsal->count = i + 1;
        if (standby_new(&rehearsal->standbys[i], &options, err))
            return -1;
    }
    client_quiet_grpc();
    return 0;
}

/* ---- telling ---- */

static void print_outcome(const struct caller *caller, const struct outcome *outcome)
{
    printf("%-16s%-10s%-31s", caller->name, play_verdict(outcome->verdict),
           outcome->call ? outcome->call : "-");
    remote_print_text(stdout, outcome->text);
    putchar('\n');
}

static void add_outcome(json_t *rows, const struct caller *caller, const struct outcome *outcome)
{
    const char *text = outcome->text;
    json_array_append_new(rows,
                          json_pack("{s:s, s:b, s:s, s:s*, s:s*, s:s}", "caller", caller->name,
                                    "ok", play_is_fine(outcome->verdict), "verdict",
                                    play_verdict(outcome->verdict), "call", outcome->call, "code",
                                    outcome->code ? status_name(outcome->code) : NULL, "text",
                                    text_is_utf8(text, strlen(text)) ? text : "(not UTF-8)"));
}

static int play(const struct rehearsal *rehearsal, const struct standby *standby, json_t *rows)
{
    struct arena arena;
    struct stage stage = {
        .endpoint = standby->endpoint.text,
        .patience = rehearsal->patience,
        .arena = &arena,
    };
    int bad = 0;
    arena_init(&arena, SIZE_MAX);
    if (!rows)
        printf("%-16s%-10s%-31s%s\n", "CALLER", "VERDICT", "AT", "WHAT HAPPENS");
    for (size_t i = 0; i < N_CALLERS; i++) {
        if (!(rehearsal->set & 1U << i))
            continue;
        struct outcome outcome = play_caller(&stage, &callers[i]);
        bad += !play_is_fine(outcome.verdict);
        if (rows)
            add_outcome(rows, &callers[i], &outcome);
        else
            print_outcome(&callers[i], &outcome);
    }
    arena_fini(&arena);
    return bad;
}

int rehearsal_play(struct rehearsal *rehearsal, int index, json_t *rows, struct err *err)
{
    struct standby *standby = &rehearsal->standbys[index];
    if (standby_start(standby, err))
        return -1;
    int bad = play(rehearsal, standby, rows);
    standby_end(standby);
    return bad;
}

void rehearsal_end(struct rehearsal *rehearsal)
{
    for (int i = 0; i < rehearsal->count; i++)
        standby_end(&rehearsal->standbys[i]);
    free(rehearsal->standbys);
}
