/* Reads standard input into an arena. No state; the main thread. */
#include "cli/input.h"

#include <stdio.h>
#include <string.h>

int input_read(size_t most, struct arena *arena, const char **text, size_t *size, struct err *err)
{
    size_t capacity = 64 * 1024;
    char *room = arena_alloc(arena, capacity);
    *size = 0;
    while (room && *size <= most) {
        size_t n = fread(room + *size, 1, capacity - *size, stdin);
        *size += n;
        *text = room;
        if (ferror(stdin))
            return err_errno(err, STATUS_INVALID_ARGUMENT, "standard input");
        if (n == 0)
            return 0;
        if (*size == capacity) {
            char *larger = arena_alloc(arena, 2 * capacity);
            if (larger)
                memcpy(larger, room, capacity);
            room = larger;
            capacity *= 2;
        }
    }
    return err_set(err, STATUS_INVALID_ARGUMENT, "standard input: expected at most %zu bytes",
                   most);
}
