/* Where the files of a serving process may lie. No state. */
#ifndef LUACSI_SERVE_PLACES_H
#define LUACSI_SERVE_PLACES_H

#include "base/err.h"
#include "serve/process.h"

#include <limits.h>

/* CSI allows no other file beside its socket: the state, the recording and the other sockets have
 * to be in other folders, and a recording must be writable there. registration: gets the path of a
 * file in the directory for it, empty when there is none. 0, or -1 and err. */
int places_check(const struct process_options *options, char registration[static PATH_MAX],
                 struct err *err);

/* Warns where the name of CSI's socket is not what CSI says it shall be. */
void places_warn(const struct process_options *options);

#endif
