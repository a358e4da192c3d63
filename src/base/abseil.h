/* Abseil, which gRPC core stands on: the one thing that we set. */
#ifndef LUACSI_BASE_ABSEIL_H
#define LUACSI_BASE_ABSEIL_H

#ifdef __cplusplus
extern "C" {
#endif

/* Switches off the search for deadlocks that Debian's build of abseil does at each mutex: it costs
 * some 3 % of a call. Does nothing where abseil's header is absent. Before any thread starts. */
void abseil_quiet(void);

#ifdef __cplusplus
}
#endif

#endif
