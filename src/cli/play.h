/* Plays callers against a driver that listens, and says what would become of each. */
#ifndef LUACSI_CLI_PLAY_H
#define LUACSI_CLI_PLAY_H

#include "base/arena.h"
#include "cli/callers.h"

#include <stdbool.h>
#include <stdint.h>

/* What all plays against one driver share. Real callers start together, so what Probe says while
 * the driver begins counts for each of them, and is asked only once. */
struct stage {
    const char *endpoint; /* of the driver */
    int64_t patience;     /* nanoseconds for the driver to become ready, and for each call; not 0 */
    struct arena *arena;  /* of replies and texts */
    bool has_probed;      /* the rest is known */
    bool is_ready;
    int64_t waited;  /* nanoseconds until it was, or until patience was over */
    int code;        /* of the last Probe */
    const char *why; /* its message */
};

struct outcome {
    enum verdict verdict;
    const char *call; /* the method at which it was decided; NULL: none, all went well */
    int code;         /* enum status that the call ended in; STATUS_OK: the reply decided */
    const char *text; /* what happens, and why; in the stage's arena or constant */
};

/* The name of a verdict: "works". */
const char *play_verdict(enum verdict verdict);

/* Whether the caller gets to its work: WORKS or LIMITED. */
bool play_is_fine(enum verdict verdict);

struct outcome play_caller(struct stage *stage, const struct caller *caller);

#endif
