/* The flags that say how tests may steer a serving process. */
#ifndef LUACSI_CLI_CONTROL_OPTIONS_H
#define LUACSI_CLI_CONTROL_OPTIONS_H

#include "cli/options.h"

enum { CONTROL_OPTIONS = 4 };

struct control_options {
    const char *socket; /* --control; NULL: there is none */
    int64_t calls;      /* --calls */
    int64_t sessions;   /* --sessions */
    int http;           /* --http-control: enum control_http */
};

enum control_http { CONTROL_HTTP_OFF, CONTROL_HTTP_LOOPBACK, CONTROL_HTTP_ANY };

/* Writes the rows; control must outlive the parsing. */
void control_options_rows(struct control_options *control, struct option rows[CONTROL_OPTIONS]);

/* After the parsing. -1 and err, INVALID_ARGUMENT, when --http-control does not go with http, which
 * is what --http-endpoint says (NULL: nothing). */
int control_options_check(const struct control_options *control, const char *http, struct err *err);

#endif
