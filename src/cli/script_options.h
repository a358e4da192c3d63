/* The flags that say how a script is loaded and what it may do, for the commands that load one. */
#ifndef LUACSI_CLI_SCRIPT_OPTIONS_H
#define LUACSI_CLI_SCRIPT_OPTIONS_H

#include "cli/options.h"
#include "cli/perms_options.h"
#include "script/vm.h"

enum { SCRIPT_OPTIONS = 6 + PERMS_OPTIONS };

struct script_options {
    struct option_pairs set; /* --set */
    const char *nodeid;      /* --nodeid */
    int validate;            /* --validate: enum rules_mode */
    int64_t handler_timeout; /* --handler-timeout: nanoseconds */
    int64_t handler_cpu;     /* --handler-cpu: nanoseconds */
    int64_t memory;          /* --memory: bytes */
    struct vm_setting settings[OPTION_MAX_PAIRS];
    char host[256];             /* this host's name, the nodeid when nobody says */
    struct perms_options allow; /* --allow-... */
    struct perms *perms;        /* made of them; from script_options_open on, as is store */
    struct store *store;        /* empty at first */
};

/* Writes the rows; script must outlive the parsing. */
void script_options_rows(struct script_options *script, struct option rows[SCRIPT_OPTIONS]);

/* After the parsing: makes what the flags speak of. -1 with err: INVALID_ARGUMENT when one of them
 * makes no sense. */
int script_options_open(struct script_options *script, struct err *err);

/* Gives it back, when no vm has it any more; also when script_options_open failed. */
void script_options_close(struct script_options *script);

/* Fills the part of vm_options that the flags speak of; it points into script. */
void script_options_fill(struct script_options *script, struct vm_options *vm);

#endif
