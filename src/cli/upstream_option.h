/* The flag --upstream, of the commands that stand in front of a driver. */
#ifndef LUACSI_CLI_UPSTREAM_OPTION_H
#define LUACSI_CLI_UPSTREAM_OPTION_H

#include "cli/options.h"
#include "io/endpoint.h"

/* The row of --upstream, for the table of a command; *upstream must start as NULL. */
struct option upstream_option(const char **upstream, const char *help);

/* Reads what --upstream said, for a server that listens at own. -1 and err: INVALID_ARGUMENT, also
 * when it is own itself: each call would come back for ever. */
int upstream_parse(struct endpoint *upstream, const char *text, const struct endpoint *own,
                   struct err *err);

#endif
