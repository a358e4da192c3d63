/* Writes the wire form of protobuf from its last byte to its first: a field's length stands before
 * its content, and who writes backwards knows the length when its turn comes. */
#ifndef LUACSI_SCRIPT_WIRE_WRITER_H
#define LUACSI_SCRIPT_WIRE_WRITER_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

struct wire_writer {
    struct arena *arena; /* of the buffer; a larger one is taken when it is full */
    uint8_t *at;         /* the byte written last, the first of the message */
    uint8_t *start;      /* of the buffer */
    uint8_t *end;        /* of the buffer */
};

/* Each returns -1 when the arena has no room, else 0. */
int wire_writer_init(struct wire_writer *writer, struct arena *arena);
int wire_write_bytes(struct wire_writer *writer, const void *bytes, size_t n);
int wire_write_any_varint(struct wire_writer *writer, uint64_t value);

/* Most are tags and lengths of one byte. */
static inline int wire_write_varint(struct wire_writer *writer, uint64_t value)
{
    if (value > 0x7f || writer->at == writer->start)
        return wire_write_any_varint(writer, value);
    *--writer->at = (uint8_t)value;
    return 0;
}

/* Bytes written so far. */
static inline size_t wire_written(const struct wire_writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

#endif
