/* Lines for the loop thread, from a terminal with editing and history, or from a pipe: a thread of
 * its own reads them, so that the loop goes on meanwhile. */
#ifndef LUACSI_CLI_PROMPT_H
#define LUACSI_CLI_PROMPT_H

#include "base/err.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct prompt;

/* All are called on the loop thread. */
struct prompt_options {
    struct loop *loop;
    bool is_terminal;
    const char *history; /* file that keeps the lines of a terminal; NULL: none */
    /* A line without its newline, NULL at the end of all. prompt_next wants to be called after it.
     */
    void (*line)(void *data, const char *text);
    void (*cancel)(void *data);    /* Ctrl-C in place of a line; as line */
    void (*interrupt)(void *data); /* Ctrl-C since the last line */
    /* Writes what the text may become, each on a line. */
    void (*complete)(void *data, const char *text, char *buffer, size_t size);
    void *data;
};

/* NULL and err when there is no thread or no memory for it. SIGINT, SIGTERM and SIGHUP are blocked
 * in the calling thread; they stay deadly, but for SIGINT of a terminal. */
struct prompt *prompt_start(const struct prompt_options *options, struct err *err);

/* The line was taken care of: the next one may come. text: what stands before it ("> "). */
void prompt_next(struct prompt *prompt, const char *text);

/* After the end of all lines, or instead of prompt_next: waits for the thread, frees everything. */
void prompt_stop(struct prompt *prompt);

#endif
