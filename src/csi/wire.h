/* The wire format of protobuf, field by field: a walk over bytes, which stay where they are. No
 * state; any thread. */
#ifndef LUACSI_CSI_WIRE_H
#define LUACSI_CSI_WIRE_H

#include <stdbool.h>
#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

/* What of the bytes is still to be read; a message when it comes from the payload of one. */
struct wire {
    const uint8_t *at;
    const uint8_t *end;
};

/* One field of a message. */
struct wire_field {
    uint64_t tag;        /* its number << 3 | enum wire_type */
    uint64_t value;      /* of a varint; 0 for others */
    struct wire payload; /* of bytes; what lies inside */
};

static inline bool wire_varint(struct wire *wire, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
        uint8_t byte = *wire->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* Steps over the field at wire and fills it. False where no further whole field stands: there the
 * message ends (wire->at is wire->end), or it is garbage. */
static inline bool wire_next(struct wire *wire, struct wire_field *field)
{
    const uint8_t *start = wire->at;
    uint64_t n = 0;
    *field = (struct wire_field){0};
    bool ok = wire->at < wire->end && wire_varint(wire, &field->tag);
    switch (field->tag & 7) {
    case WIRE_VARINT:
        ok = ok && wire_varint(wire, &field->value);
        break;
    case WIRE_64BIT:
        n = 8;
        break;
    case WIRE_32BIT:
        n = 4;
        break;
    case WIRE_BYTES:
        ok = ok && wire_varint(wire, &n);
        break;
    default:
        ok = false;
    }
    if (!ok || n > (uint64_t)(wire->end - wire->at)) {
        wire->at = start;
        return false;
    }
    field->payload = (struct wire){wire->at, wire->at + n};
    wire->at += n;
    return true;
}

#endif
