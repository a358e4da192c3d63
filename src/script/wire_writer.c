/* Owns the buffer of one message that is being written. The thread of its caller. */
#include "script/wire_writer.h"

enum { FIRST_BUFFER = 512 };

int wire_writer_init(struct wire_writer *writer, struct arena *arena)
{
    uint8_t *buffer = arena_alloc(arena, FIRST_BUFFER);
    *writer = (struct wire_writer){.arena = arena, .start = buffer};
    if (!buffer)
        return -1;
    writer->at = writer->end = buffer + FIRST_BUFFER;
    return 0;
}

int wire_writer_grow(struct wire_writer *writer, size_t n)
{
    size_t used = wire_written(writer);
    size_t size = (size_t)(writer->end - writer->start);
    if (n > SIZE_MAX / 4 - used)
        return -1;
    do
        size *= 2;
    while (size - used < n);
    uint8_t *bigger = arena_alloc(writer->arena, size);
    if (!bigger)
        return -1;
    memcpy(bigger + size - used, writer->at, used);
    writer->start = bigger;
    writer->end = bigger + size;
    writer->at = writer->end - used;
    return 0;
}

int wire_write_any_varint(struct wire_writer *writer, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (uint8_t)(value & 0x7f) | (value > 0x7f ? 0x80 : 0);
        value >>= 7;
    } while (value > 0);
    return wire_write_bytes(writer, bytes, n);
}
