/* The flags that say what a script may touch, for the commands that run one. */
#ifndef LUACSI_CLI_PERMS_OPTIONS_H
#define LUACSI_CLI_PERMS_OPTIONS_H

#include "cli/options.h"
#include "script/perms.h"

enum { PERMS_OPTIONS = PERMS_KINDS + 1 };

struct perms_options {
    struct option_texts lists[PERMS_KINDS]; /* --allow-read and so on, by enum perms_kind */
    bool all;                               /* --allow-all */
};

/* Writes the rows of --allow-...; options must outlive the parsing. */
void perms_options_rows(struct perms_options *options, struct option rows[PERMS_OPTIONS]);

/* What the flags allow, for perms_free; NULL with err (INVALID_ARGUMENT) when one makes no sense.
 */
struct perms *perms_options_make(const struct perms_options *options, struct err *err);

#endif
