/* Reading standard input as a whole. */
#ifndef LUACSI_CLI_INPUT_H
#define LUACSI_CLI_INPUT_H

#include "base/arena.h"
#include "base/err.h"

/* All of standard input, at most `most` bytes, in arena. INVALID_ARGUMENT: it is more, or cannot be
 * read. */
int input_read(size_t most, struct arena *arena, const char **text, size_t *size, struct err *err);

#endif
