/* What was asked of a driver, and what it answered, as a script that answers the same. Loop thread.
 */
#ifndef LUACSI_SERVE_FIXTURE_H
#define LUACSI_SERVE_FIXTURE_H

#include "base/err.h"
#include "csi/catalog.h"
#include "serve/relay.h"

#include <stdbool.h>

struct fixture;

/* times: keep how long the answers took. NULL and err when memory is short. */
struct fixture *fixture_new(bool times, struct err *err);

/* NULL is allowed. */
void fixture_free(struct fixture *fixture);

/* Keeps how a call of method ended, if it can: what cannot be kept is told in the log. request:
 * NULL when it is none that can be read. arena: for the reply. */
void fixture_note(struct fixture *fixture, const struct method *method,
                  const ProtobufCMessage *request, const struct relay_end *end,
                  struct arena *arena);

/* Puts the script into the file at path, whole or not at all. driver: where it was. -1 and err when
 * it cannot be written. */
int fixture_save(const struct fixture *fixture, const char *path, const char *driver,
                 struct err *err);

#endif
