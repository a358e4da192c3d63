/* Writes the wire form of protobuf from its last byte to its first: a field's length stands before
 * its content, and who writes backwards knows the length when its turn comes. */
#ifndef LUACSI_SCRIPT_WIRE_WRITER_H
#define LUACSI_SCRIPT_WIRE_WRITER_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire_writer {
    struct arena *arena; /* of the buffer; a larger one is taken when it is full */
    uint8_t *at;         /* the byte written last, the first of the message */
    uint8_t *start;      /* of the buffer */
    uint8_t *end;        /* of the buffer */
};

enum { WIRE_HEAD = 15 }; /* most bytes of a length and a tag */

/* Each function returns -1 when the arena has no room, else 0. */
int wire_writer_init(struct wire_writer *writer, struct arena *arena);

/* Makes room for n bytes more than were written. */
int wire_writer_grow(struct wire_writer *writer, size_t n);

int wire_write_any_varint(struct wire_writer *writer, uint64_t value);

static inline int wire_write_bytes(struct wire_writer *writer, const void *bytes, size_t n)
{
    if (n > (size_t)(writer->at - writer->start) && wire_writer_grow(writer, n))
        return -1;
    writer->at -= n;
    memcpy(writer->at, bytes, n);
    return 0;
}

/* A number, and the tag before it. Most are of one byte each. */
static inline int wire_write_varint(struct wire_writer *writer, uint32_t tag, uint64_t value)
{
    if ((value | tag) > 0x7f || writer->at - writer->start < 2)
        return wire_write_any_varint(writer, value) || wire_write_any_varint(writer, tag) ? -1 : 0;
    *--writer->at = (uint8_t)value;
    *--writer->at = (uint8_t)tag;
    return 0;
}

/* A length-delimited field: its n bytes, then the length and the tag. */
static inline int wire_write_field(struct wire_writer *writer, uint32_t tag, const void *bytes,
                                   size_t n)
{
    return wire_write_bytes(writer, bytes, n) || wire_write_varint(writer, tag, n) ? -1 : 0;
}

/* Where the n bytes of the next such field would lie, for who puts them there without knowing yet
 * whether they are to be written. NULL: there is no room without growing. n: of what exists, so
 * that WIRE_HEAD can be added. */
static inline uint8_t *wire_place(const struct wire_writer *writer, size_t n)
{
    return n + WIRE_HEAD <= (size_t)(writer->at - writer->start) ? writer->at - n : NULL;
}

/* Writes the field whose n bytes are at place. */
static inline void wire_write_placed(struct wire_writer *writer, uint32_t tag, uint8_t *place,
                                     size_t n)
{
    writer->at = place;
    if ((n | tag) > 0x7f) {
        wire_write_varint(writer, tag, n);
        return;
    }
    *--writer->at = (uint8_t)n;
    *--writer->at = (uint8_t)tag;
}

/* Bytes written so far. */
static inline size_t wire_written(const struct wire_writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

#endif
