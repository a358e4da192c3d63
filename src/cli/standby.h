/* A process that will serve a script, as luacsi serve would, on a private socket: made while this
 * one has a single thread, put to work later. */
#ifndef LUACSI_CLI_STANDBY_H
#define LUACSI_CLI_STANDBY_H

#include "base/err.h"
#include "io/endpoint.h"
#include "serve/process.h"

#include <sys/types.h>

struct standby {
    pid_t pid;
    int go;                   /* a socket to it: an endpoint sets it to work there */
    int log;                  /* what it logs, a file without a name */
    char dir[96];             /* of its socket alone, in TMPDIR; empty: none was made */
    struct endpoint endpoint; /* where it serves, after standby_start */
};

/* Forks it; no other thread may be there. options: as for process_run, but for the endpoint; they
 * are copied with the whole process. -1 with err when the system refuses. */
int standby_new(struct standby *standby, const struct process_options *options, struct err *err);

/* Sets it to work and waits until it listens. From then on until standby_end, a signal that ends
 * this process removes the socket, too; one standby at a time. -1 with err, which has what it
 * logged last, when it ends instead. */
int standby_start(struct standby *standby, struct err *err);

/* Ends it and removes what it leaves. Also when standby_new failed; a second time does nothing. */
void standby_end(struct standby *standby);

#endif
