/* The part of luacsi.v1.Control that speaks of calls. Loop thread. */
#ifndef LUACSI_SERVE_CONTROL_CALLS_H
#define LUACSI_SERVE_CONTROL_CALLS_H

#include "control.pb-c.h"
#include "serve/control.h"
#include "serve/journal.h"

/* The methods of that name. */
void control_calls(struct control *control, struct host_call *call);
void control_verify(struct control *control, struct host_call *call);

/* A list of calls on its way into a response; it lies in an arena. */
struct call_list {
    Luacsi__V1__Call **items;
    size_t n;
    size_t room;
    size_t bytes; /* of what the calls hold */
};

/* Adds entry, of the session called name; false when memory is short. */
bool call_list_add(struct call_list *list, const struct journal_entry *entry, const char *name,
                   struct arena *arena);

/* What the parts of the service share: how calls are answered. */
void control_no_memory(struct host_call *call);

/* The session called name. NULL and err, NOT_FOUND: there is none. */
struct session *control_session(const struct control *control, const char *name, struct err *err);

#endif
