/* The gRPC server: every method of CSI registered, connections added as they are accepted, calls
 * answered by the script. Loop thread. */
#ifndef LUACSI_SERVE_SERVER_H
#define LUACSI_SERVE_SERVER_H

#include "base/err.h"
#include "io/loop.h"
#include "script/vm.h"
#include "serve/status.h"

#include <stdint.h>

struct metrics;
struct server;

/* Starts serving vm's answers, without any connection yet. vm and loop are borrowed until
 * server_free. NULL and err when gRPC core refuses. */
struct server *server_new(struct loop *loop, struct vm *vm, size_t max_in_flight, struct err *err);

/* From now on calls are answered by vm; those in flight are not touched. */
void server_answer_with(struct server *server, struct vm *vm);

/* Answers the methods that are the host's, not the script's: fills reply, in arena, or err. */
typedef int server_host_call(void *data, const struct method *method, struct arena *arena,
                             struct bytes *reply, struct err *err);

/* Who does; before the first connection. */
void server_on_host_call(struct server *server, server_host_call *answer, void *data);

/* Counts calls there from now on. */
void server_count(struct server *server, struct metrics *metrics);

/* Fills what the server knows. */
void server_report(const struct server *server, struct status_report *report);

/* Serves the connected, non-blocking socket fd, and owns it from now on. */
void server_add_connection(struct server *server, int fd);

/* Lets calls in flight finish, for at most grace nanoseconds; what is left then is cancelled. Calls
 * done(data) when no call is left. Once. */
void server_shutdown(struct server *server, int64_t grace, void (*done)(void *data), void *data);

/* Ends the waiting of server_shutdown: cancels what is still in flight. */
void server_cancel_calls(struct server *server);

/* After server_shutdown's done. */
void server_free(struct server *server);

#endif
