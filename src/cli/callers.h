/* The callers of CSI drivers as data: what each asks for when it starts, how long it waits, and
 * what it makes of the answers. Facts about csi-lib-utils, the sidecars of kubernetes-csi, the
 * kubelet, Nomad and csi-sanity. Constant. */
#ifndef LUACSI_CLI_CALLERS_H
#define LUACSI_CLI_CALLERS_H

#include "base/err.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of a caller. */
enum verdict {
    GOES_ON, /* nothing yet: its next step decides */
    WORKS,
    LIMITED,  /* it works, but part of what it is for does not */
    WAITS,    /* it waited for the driver to be ready as long as we looked */
    FAILS,    /* it goes on, and does not use the driver */
    EXITS,    /* it ends, and whoever runs it starts it again */
    RESTARTS, /* it has the driver started again */
};

struct reaction {
    enum verdict verdict;
    const char *text; /* what happens, for people */
};

/* One step: a call, or a decision when call is NULL. */
struct caller_step {
    const char *call; /* the method; its request is empty */
    int seconds;      /* how long the call may take; 0: as long as it likes */
    bool shares;      /* the time of the call before goes on instead */
    bool reconnects;  /* on a connection of its own */
    /* The step is left out when the driver has one of these capabilities, so far as the caller has
     * asked for them... */
    uint64_t unless;
    /* ...or, when this is not 0, none of these. */
    uint64_t only_with;
    /* What the caller dislikes about the reply; NULL: nothing. A NULL look likes all. */
    const char *(*look)(const ProtobufCMessage *reply);
    struct reaction failed;  /* the call ends in an error, or look dislikes the reply */
    struct reaction unready; /* of Probe: ready is false; GOES_ON where the caller does not mind */
    struct reaction then;    /* of a decision */
};

struct caller {
    const char *name;
    const struct caller_step *steps; /* the last one decides without a condition */
};

enum { N_CALLERS = 10 };

extern const struct caller callers[N_CALLERS];

/* The capabilities that a reply to this method (its short name) tells of, as bits. */
uint64_t callers_capabilities(const char *method, const ProtobufCMessage *reply);

/* Reads "provisioner,kubelet" or "all" into a set with bit i for callers[i]. -1 with err:
 * INVALID_ARGUMENT, which names the word. */
int callers_parse(const char *list, unsigned *set, struct err *err);

#endif
