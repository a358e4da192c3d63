/* grpc.health.v1: is the driver, or one of CSI's services, ready? What the script's Probe says goes
 * for all of them. Loop thread. */
#ifndef LUACSI_SERVE_HEALTH_H
#define LUACSI_SERVE_HEALTH_H

#include "io/loop.h"
#include "serve/prober.h"
#include "serve/rpc.h"
#include "serve/stream.h"

struct health;

/* Both are borrowed. NULL when memory is short. */
struct health *health_new(struct prober *prober, struct loop *loop);

/* Answers Check: one question to the script. */
void health_check(struct health *health, struct host_call *call);

/* Watch. The script is asked every few seconds, once for all who watch; when nobody does, not at
 * all.
 */
struct stream_method health_watch(struct health *health);

/* After scripts_stop, when no call is left. NULL is allowed. */
void health_free(struct health *health);

#endif
