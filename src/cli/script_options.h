/* The flags that say how a script is loaded, for the commands that load one. */
#ifndef LUACSI_CLI_SCRIPT_OPTIONS_H
#define LUACSI_CLI_SCRIPT_OPTIONS_H

#include "cli/options.h"
#include "script/vm.h"

enum { SCRIPT_OPTIONS = 3 };

struct script_options {
    struct option_pairs set; /* --set */
    const char *nodeid;      /* --nodeid */
    int validate;            /* --validate: enum rules_mode */
    struct vm_setting settings[OPTION_MAX_PAIRS];
    char host[256]; /* this host's name, the nodeid when nobody says */
};

/* Writes the rows of --set, --nodeid and --validate; script must outlive the parsing. */
void script_options_rows(struct script_options *script, struct option rows[SCRIPT_OPTIONS]);

/* Fills the part of vm_options that the flags speak of; it points into script. */
void script_options_fill(struct script_options *script, struct vm_options *vm);

#endif
