/* The socket goes away because the script wants it, and comes back by itself. Loop thread. */
#ifndef LUACSI_SERVE_OUTAGE_H
#define LUACSI_SERVE_OUTAGE_H

#include "serve/listener.h"

struct outage;

/* For listener, which has been started. NULL when memory is short. */
struct outage *outage_new(struct listener *listener, struct loop *loop);

/* Closes the socket and cuts all its connections; it is back duration nanoseconds later, by the
 * clock that scripts live by. One more before that makes it last until the later of both ends. */
void outage_begin(struct outage *outage, int64_t duration);

/* The socket stays as it is from now on; outage_begin does nothing any more. NULL is allowed. */
void outage_stop(struct outage *outage);

/* After outage_stop. NULL is allowed. */
void outage_free(struct outage *outage);

#endif
