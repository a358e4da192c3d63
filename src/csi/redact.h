/* Messages as JSON for the log: what csi_secret marks is stripped, and the text never outgrows its
 * room. No Lua, no memory of its own; any thread.
 *
 * The form is that of the protobuf JSON mapping with the proto's own field names, without fields
 * that have their default. Where the room ends, a string ends in "…" and all fields after it are
 * left out, and still the text is JSON. */
#ifndef LUACSI_CSI_REDACT_H
#define LUACSI_CSI_REDACT_H

#include "csi/schema.h"

/* A text that grows in the room of its owner. */
struct redact {
    char *text;
    size_t size;
    size_t limit; /* bytes that text may have now; the owner may raise it up to its room */
    bool cut;     /* the limit is reached; the owner may clear it after raising that */
    bool lost;    /* at some time something was left out */
};

/* The owner's room must be this much larger than the highest limit: what closes a text that is cut,
 * and its NUL. */
enum { REDACT_RESERVE = 64 };

/* Adds text as it is, all or nothing of it. */
void redact_put(struct redact *redact, const char *text);

/* Adds what must not be missing, out of the reserve. */
void redact_close(struct redact *redact, const char *text);

/* Adds n bytes as a JSON string. */
void redact_string(struct redact *redact, const char *s, size_t n);

/* Adds a message. */
void redact_message(struct redact *redact, const struct schema *schema,
                    const ProtobufCMessage *message);

#endif
