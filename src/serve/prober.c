/* Owns the list of those who wait for a run of Probe: one run for all of them. Loop thread. */
#include "serve/prober.h"

#include "csi.pb-c.h"
#include "serve/inquiry.h"

#include <stdlib.h>

static const int64_t most_wall = 3000000000; /* what livenessprobe waits */

struct prober {
    struct inquiry inquiry;
    struct probe_asker *askers; /* who waits for the run */
};

static void on_answered(struct inquiry *inquiry, const struct inquiry_answer *answer)
{
    struct prober *prober = container_of(inquiry, struct prober, inquiry);
    const Csi__V1__ProbeResponse *reply = (const Csi__V1__ProbeResponse *)answer->reply;
    const struct probe_result result = {
        .status = answer->status,
        .message = reply ? "" : answer->message,
        .ready = reply && (!reply->ready || reply->ready->value),
    };
    struct probe_asker *asker = prober->askers;
    prober->askers = NULL;
    while (asker) {
        struct probe_asker *next = asker->next;
        asker->answered(asker, &result);
        asker = next;
    }
}

struct prober *prober_new(const struct scripts *scripts)
{
    struct prober *prober = calloc(1, sizeof(*prober));
    if (prober)
        inquiry_init(&prober->inquiry, scripts, "Probe", "probe", on_answered);
    return prober;
}

void prober_ask(struct prober *prober, struct probe_asker *asker)
{
    asker->next = prober->askers;
    prober->askers = asker;
    if (!prober->inquiry.is_running)
        inquiry_run(&prober->inquiry, most_wall);
}

void prober_forget(struct prober *prober, const struct probe_asker *asker)
{
    struct probe_asker **place = &prober->askers;
    while (*place != asker)
        place = &(*place)->next;
    *place = asker->next;
}

void prober_stop(struct prober *prober)
{
    if (prober)
        inquiry_stop(&prober->inquiry);
}

void prober_free(struct prober *prober)
{
    free(prober);
}
