/* The flags of what listens for CSI: where, for whom, for how many calls, and how it ends. */
#ifndef LUACSI_CLI_LISTEN_OPTIONS_H
#define LUACSI_CLI_LISTEN_OPTIONS_H

#include "cli/address.h"
#include "cli/options.h"
#include "io/endpoint.h"
#include "serve/process.h"

enum { LISTEN_OPTIONS = 4 };

/* All zero before the rows are written. */
struct listen_options {
    const char *address;     /* --endpoint */
    char text[ADDRESS_TEXT]; /* of the default address */
    struct endpoint endpoint;
    unsigned socket_mode;
    int64_t grace;
    int64_t max_in_flight;
};

/* Writes the rows; listen must outlive the parsing. */
void listen_options_rows(struct listen_options *listen, struct option rows[LISTEN_OPTIONS]);

/* After the parsing: puts what they say into options, which borrow listen->endpoint. -1 and err
 * when there is no such address. */
int listen_options_fill(struct listen_options *listen, struct process_options *options,
                        struct err *err);

#endif
