/* luacsi check --for: serves scripts and plays callers against them. */
#ifndef LUACSI_CLI_REHEARSAL_H
#define LUACSI_CLI_REHEARSAL_H

#include "base/err.h"
#include "cli/options.h"
#include "cli/standby.h"
#include "script/vm.h"

#include <jansson.h>
#include <stdint.h>

struct rehearsal {
    const char *callers;      /* --for; NULL: none is played */
    int64_t patience;         /* --for-timeout: nanoseconds */
    unsigned set;             /* of callers, as callers_parse has it */
    int count;                /* of standbys */
    struct standby *standbys; /* one for each script; NULL: none */
};

enum { REHEARSAL_OPTIONS = 2 };

void rehearsal_rows(struct rehearsal *rehearsal, struct option rows[REHEARSAL_OPTIONS]);

/* After the parsing: makes a process ready for each script, before there is a second thread. Does
 * nothing without --for. -1 with err when the system refuses. vm is borrowed for the call. */
int rehearsal_begin(struct rehearsal *rehearsal, const struct vm_options *vm,
                    const struct arguments *scripts, struct err *err);

/* Serves the script of this index and plays the callers: a row of a table for each on standard
 * output, or, when rows is not NULL, an object in that array. Returns how many of them do not get
 * to their work; -1 with err when the script is not served. */
int rehearsal_play(struct rehearsal *rehearsal, int index, json_t *rows, struct err *err);

/* Also when rehearsal_begin failed, or was not called. */
void rehearsal_end(struct rehearsal *rehearsal);

#endif
