/* luacsi.v1.Control: what a test asks of the process and has it do. Loop thread. */
#ifndef LUACSI_SERVE_CONTROL_H
#define LUACSI_SERVE_CONTROL_H

#include "serve/host_call.h"
#include "serve/sessions.h"

#include <time.h>

/* A script's text comes in one message. */
enum { CONTROL_MOST_BYTES = 4 * 1024 * 1024 };

extern const char control_service[]; /* "luacsi.v1.Control" */

struct control {
    struct loop *loop;
    struct sessions *sessions;
    time_t started;           /* the process */
    void (*stop)(void *data); /* ends the process, as SIGTERM does */
    void *data;
    /* control_calls.c's own: questions that wait. */
    struct control_wait *waiting;
    size_t n_waiting;
    bool is_stopping;
};

/* Answers a call of the service, before it returns or later. data: struct control. */
void control_answer(void *data, struct host_call *call);

/* The process stops: who waits is answered now. */
void control_stop(struct control *control);

#endif
