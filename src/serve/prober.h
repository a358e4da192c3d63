/* Asks the script's own Probe for those who are no gRPC client: HTTP probes, grpc.health. Who asks
 * while it runs waits for that run. Loop thread. */
#ifndef LUACSI_SERVE_PROBER_H
#define LUACSI_SERVE_PROBER_H

#include "io/loop.h"
#include "serve/scripts.h"

#include <stdbool.h>

struct prober;

/* How Probe ended. */
struct probe_result {
    int status;          /* enum status */
    const char *message; /* of the status; borrowed for the call */
    bool ready;          /* status is OK, and ready is true or absent */
};

/* Someone who asks; it lies in its owner until answered is called. */
struct probe_asker {
    struct probe_asker *next; /* the prober's own */
    void (*answered)(struct probe_asker *asker, const struct probe_result *result);
};

/* scripts is borrowed. NULL when memory is short. */
struct prober *prober_new(const struct scripts *scripts);

/* Calls asker->answered once, within three seconds: before this returns, or later. */
void prober_ask(struct prober *prober, struct probe_asker *asker);

/* Takes back what was asked: asker is not called any more. It must not have been yet. */
void prober_forget(struct prober *prober, const struct probe_asker *asker);

/* What is asked of the driver behind is not waited for any more; no asker may be left. NULL is
 * allowed. */
void prober_stop(struct prober *prober);

/* When no run is under way: after scripts_stop. NULL is allowed. */
void prober_free(struct prober *prober);

#endif
