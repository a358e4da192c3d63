/* A line of a terminal with editing, history and completion. One thread. */
#ifndef LUACSI_CLI_EDITOR_H
#define LUACSI_CLI_EDITOR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct editor;

/* Writes to buffer what the last word of text may become, each on a line. */
typedef void editor_complete(void *data, const char *text, char *buffer, size_t size);

/* history: the file that remembers lines, read now; NULL: none. NULL and err when it cannot be
 * read, or memory is short. */
struct editor *editor_new(const char *history, editor_complete *complete, void *data,
                          struct err *err);

/* The next line, for free(); NULL at the end of input and, with *cancelled, at Ctrl-C. */
char *editor_read(struct editor *editor, const char *prompt, bool *cancelled);

/* Writes the history. NULL is allowed. */
void editor_free(struct editor *editor);

#endif
