/* The reply of luacsi.v1.Host/GetStatus: what the parts of the process know of themselves. */
#ifndef LUACSI_SERVE_STATUS_H
#define LUACSI_SERVE_STATUS_H

#include "base/arena.h"
#include "base/err.h"
#include "script/codec.h"

#include <stdint.h>

/* Texts are borrowed. Times are seconds since the epoch. */
struct status_report {
    int64_t started;
    const char *script;     /* path; NULL: the built-in identity, or none */
    const char *upstream;   /* address of the driver behind; NULL: there is none */
    int64_t loaded;         /* the script that serves now */
    int64_t reloads;        /* taken over */
    int64_t failed_reloads; /* not taken over */
    int64_t failed;         /* when that was last; 0: never */
    const char *last_error; /* of the last reload; empty when it was taken over */
    int64_t calls;
    int64_t calls_in_flight;
    int64_t tasks;
    int64_t suspended_tasks;
    int64_t abandoned_threads;
    int64_t background_failures;
    int64_t lua_memory;
    int64_t handler_cpu; /* nanoseconds */
    int64_t checks_up;
    int64_t checks_not_up;
    int64_t connections;            /* accepted since the start */
    const char *registration;       /* with the kubelet; NULL: it is not wanted */
    const char *registration_error; /* why there is none, as far as known; NULL or empty: nothing */
    bool is_registered;
};

/* Serializes the report into arena. -1 and err when memory is short. */
int status_reply(const struct status_report *report, struct arena *arena, struct bytes *reply,
                 struct err *err);

#endif
