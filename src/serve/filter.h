/* Which calls of a journal are meant: by method, status and what is in the request. Loop thread. */
#ifndef LUACSI_SERVE_FILTER_H
#define LUACSI_SERVE_FILTER_H

#include "base/arena.h"
#include "base/err.h"
#include "control.pb-c.h"
#include "serve/journal.h"

#include <stdbool.h>
#include <stdio.h>

struct json_t;

/* All zero but for status, which is -1: every call. */
struct filter {
    const struct method *method; /* NULL: any */
    int status;                  /* -1: any */
    struct json_t *request;      /* what must be in the request; NULL: anything */
};

/* Reads what a request says (NULL: every call). -1 with err, INVALID_ARGUMENT, for a method or a
 * status that is none, for JSON that is no object and, where the method is known, for members that
 * its request does not have. arena: for the time of the call. */
int filter_init(struct filter *filter, const Luacsi__V1__CallFilter *said, struct arena *arena,
                struct err *err);
void filter_fini(struct filter *filter);

bool filter_matches(const struct filter *filter, const struct journal_entry *entry);

/* Says of a call that does not match why: "request.name is \"b\"". */
void filter_explain(const struct filter *filter, const struct journal_entry *entry, FILE *file);

/* Says in words what is meant: "call", "calls of CreateVolume with {\"name\":\"a\"}". */
void filter_describe(const struct filter *filter, bool is_one, FILE *file);

#endif
