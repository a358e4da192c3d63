/* What a session was asked and what it answered: the newest calls of CSI, in a ring with a bound on
 * their number and on their memory. Secrets never get there. Loop thread. */
#ifndef LUACSI_SERVE_JOURNAL_H
#define LUACSI_SERVE_JOURNAL_H

#include "base/arena.h"
#include "csi/catalog.h"
#include "script/codec.h"

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JOURNAL_BYTES = 16 * 1024 * 1024, /* of all entries of one journal */
    JOURNAL_TEXT = 64 * 1024,         /* of one request or reply as JSON */
};

struct journal;

/* What answered a call. */
enum journal_handler {
    JOURNAL_NONE, /* nothing did: UNIMPLEMENTED, or it was refused before */
    JOURNAL_DEFAULT,
    JOURNAL_CONSTANT,
    JOURNAL_FUNCTION,
    JOURNAL_UPSTREAM, /* the driver behind */
};

/* A call that was answered. Everything is borrowed. */
struct journal_call {
    const struct method *method;
    int64_t time;     /* when it came, by the clock that scripts live by; ns since the epoch */
    int64_t duration; /* nanoseconds */
    const char *id;
    const grpc_metadata_array *metadata;
    const ProtobufCMessage *request; /* NULL: empty, or it could not be read */
    struct bytes reply;              /* when status is OK */
    int status;                      /* enum status */
    const char *message;             /* of the status */
    enum journal_handler handler;
    const char *script;  /* where the handler stands; NULL: nowhere */
    int line;            /* 0: unknown */
    struct arena *arena; /* where the reply may be unpacked */
};

struct journal_pair {
    const char *key;
    const char *value; /* of a "-bin" key in base64 */
};

/* A call as it is kept; its texts are its own. */
struct journal_entry {
    int64_t sequence; /* from 1 */
    const struct method *method;
    int64_t time;
    int64_t duration;
    int status;
    enum journal_handler handler;
    bool cut; /* request or reply lacks something */
    const char *id;
    const char *message;
    const char *request; /* JSON */
    const char *reply;   /* JSON; "" unless status is OK */
    const char *place;   /* "script.lua:12", or "" */
    const struct journal_pair *metadata;
    size_t n_metadata;
    size_t size; /* bytes of all of it */
};

/* Told of each call that is kept; it lies in its owner. */
struct journal_watcher {
    void (*added)(struct journal_watcher *watcher, const struct journal_entry *entry);
    void (*closed)(struct journal_watcher *watcher); /* no further one: the session has ended */
    struct journal_watcher *next;                    /* journal.c's own, as place */
    struct journal_watcher **place;
};

/* Keeps up to most calls. One reference. NULL when memory is short. */
struct journal *journal_new(size_t most);
struct journal *journal_ref(struct journal *journal);
void journal_unref(struct journal *journal); /* NULL is allowed */

/* Keeps a call. Where there is no room, the oldest ones are lost. */
void journal_add(struct journal *journal, const struct journal_call *call);

/* Forgets all calls, which are not lost; sequence numbers go on. */
void journal_clear(struct journal *journal);

/* The oldest entry behind the sequence number; NULL: there is none. Valid until the next
 * journal_add. */
const struct journal_entry *journal_after(const struct journal *journal, int64_t sequence);

/* How many are kept; the sequence number of the newest call, 0: none has come. */
size_t journal_count(const struct journal *journal);
int64_t journal_last(const struct journal *journal);

/* How many calls behind the sequence number are lost. */
int64_t journal_lost(const struct journal *journal, int64_t sequence);

void journal_watch(struct journal *journal, struct journal_watcher *watcher);
void journal_unwatch(struct journal_watcher *watcher);

/* Tells the watchers that there will be nothing more. */
void journal_close(struct journal *journal);

#endif
