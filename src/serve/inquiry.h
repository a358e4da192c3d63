/* Asks the script, or the driver behind it, what a client would ask, without one: for the host's
 * own needs. Loop thread. */
#ifndef LUACSI_SERVE_INQUIRY_H
#define LUACSI_SERVE_INQUIRY_H

#include "csi/catalog.h"
#include "serve/scripts.h"

#include <stdbool.h>
#include <stdint.h>

/* How it ended. Borrowed for the call. */
struct inquiry_answer {
    int status;                    /* enum status */
    const char *message;           /* of a status that is not OK */
    const ProtobufCMessage *reply; /* of STATUS_OK, else NULL */
};

/* One method, asked again and again; it lies in its owner, who sets nothing here. */
struct inquiry {
    void (*answered)(struct inquiry *inquiry, const struct inquiry_answer *answer);
    const struct scripts *scripts;
    const struct method *method;
    const char *id;            /* in log lines */
    int64_t wall;              /* of this time */
    struct outbound *outbound; /* while the driver behind is asked */
    bool is_running;
};

/* method: a short name; the request is always empty. scripts is borrowed, id constant. The inquiry
 * may go when it is not running: after scripts_stop. */
void inquiry_init(struct inquiry *inquiry, const struct scripts *scripts, const char *method,
                  const char *id,
                  void (*answered)(struct inquiry *inquiry, const struct inquiry_answer *answer));

/* Calls answered once: before this returns, or later, when wall nanoseconds are over at the latest.
 * Not while it is running. */
void inquiry_run(struct inquiry *inquiry, int64_t wall);

/* What is asked of the driver behind is taken back: answered is not called for it. A handler that
 * runs is for scripts_stop to end. */
void inquiry_stop(struct inquiry *inquiry);

#endif
