/* Lua text that is run line by line in the sandbox of a loaded script, as at a prompt: with its csi
 * module, its permissions and its handlers. Loop thread. */
#ifndef LUACSI_SCRIPT_REPL_H
#define LUACSI_SCRIPT_REPL_H

#include "base/err.h"

#include <stddef.h>

struct repl;
struct vm;

enum repl_outcome {
    REPL_OK,
    REPL_INCOMPLETE, /* a statement goes on: evaluate it again with the lines that follow */
    REPL_FAILED,
};

struct repl_options {
    /* Text that the expression prints, or its value. */
    void (*print)(void *data, const char *text, size_t size);
    /* What became of the text. message: of REPL_FAILED and REPL_INCOMPLETE, one line or more; lives
     * for the call. */
    void (*done)(void *data, enum repl_outcome outcome, const char *message);
    void *data;
};

/* vm has been loaded and started; it outlives the repl. NULL and err when memory is short. */
struct repl *repl_new(struct vm *vm, const struct repl_options *options, struct err *err);

/* Not while text is evaluated. NULL is allowed. */
void repl_free(struct repl *repl);

/* Evaluates the text, one at a time; done is called before it returns or later. */
void repl_evaluate(struct repl *repl, const char *text);

/* Ends an evaluation that waits or computes; done is called. Nothing when there is none. */
void repl_interrupt(struct repl *repl);

/* Writes to buffer what the last word of the text may become, each on a line, as many as fit; an
 * empty string where nothing is known. */
void repl_complete(struct repl *repl, const char *text, char *buffer, size_t size);

#endif
