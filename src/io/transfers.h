/* libcurl's transfers on the I/O thread's loop. I/O thread. */
#ifndef LUACSI_IO_TRANSFERS_H
#define LUACSI_IO_TRANSFERS_H

#include "base/err.h"
#include "io/curl.h"
#include "io/iothread.h"

struct transfers;

/* One transfer; it lies in its owner, as the handle does. */
struct transfer {
    CURL *easy;
    /* The transfer has ended and was taken out; its handle is the owner's to clean up. Not called
     * before transfers_add has returned. */
    void (*done)(struct transfer *transfer, CURLcode code);
};

/* Those of this thread, with the connections that they leave for the next ones; made when they are
 * first asked for. NULL and err: as curl_load; STATUS_RESOURCE_EXHAUSTED. */
struct transfers *transfers_of(struct iothread *io, struct err *err);

/* Starts one; CURLOPT_PRIVATE is ours. -1 and err: STATUS_INTERNAL. */
int transfers_add(struct transfers *transfers, struct transfer *transfer, struct err *err);

/* Takes one out that has not ended; done is not called. */
void transfers_remove(struct transfers *transfers, struct transfer *transfer);

#endif
