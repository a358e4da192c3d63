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
    int go;                   /* a socket to it: a byte sets it to work */
    int log;                  /* what it logs, a file without a name */
    char dir[96];             /* of the socket alone, in TMPDIR; empty: none was made */
    struct endpoint endpoint; /* where it will serve */
};

/* Forks it; no other thread may be there. options: as for process_run, but for the endpoint; they
 * are copied with the whole process. -1 with err when the system refuses. */
int standby_new(struct standby *standby, const struct process_options *options, struct err *err);

/* Sets it to work and waits until it listens. -1 with err, which has what it logged last, when it
 * ends instead. */
int standby_start(struct standby *standby, struct err *err);

/* Ends it and removes what it leaves. Also when standby_new failed; a second time does nothing. */
void standby_end(struct standby *standby);

#endif
