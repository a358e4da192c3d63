/* The flags that say how tests may steer a serving process. */
#ifndef LUACSI_CLI_CONTROL_OPTIONS_H
#define LUACSI_CLI_CONTROL_OPTIONS_H

#include "cli/options.h"

enum { CONTROL_OPTIONS = 3 };

struct control_options {
    const char *socket; /* --control; NULL: there is none */
    int64_t calls;      /* --calls */
    int64_t sessions;   /* --sessions */
};

/* Writes the rows; control must outlive the parsing. */
void control_options_rows(struct control_options *control, struct option rows[CONTROL_OPTIONS]);

#endif
