/* Which scripts answer: those of the sessions, what a changed file brings, and the same ones again
 * in a fresh state when a handler got the loop thread stuck. Loop thread, where nothing else is
 * said. */
#ifndef LUACSI_SERVE_SCRIPTS_H
#define LUACSI_SERVE_SCRIPTS_H

#include "base/err.h"
#include "io/iothread.h"
#include "io/loop.h"
#include "script/vm.h"
#include "serve/server.h"
#include "serve/sessions.h"
#include "serve/status.h"

struct scripts;

struct scripts_options {
    const char *script;   /* path; NULL: the built-in identity */
    size_t most_sessions; /* besides the process's own */
    size_t calls;         /* of each that are kept; 0: none */
    struct vm_options vm;
};

/* Loads the script. What options point to is borrowed for as long as the process lives. NULL and
 * err when it cannot be used. */
struct scripts *scripts_new(const struct scripts_options *options, struct err *err);

struct sessions *scripts_sessions(const struct scripts *scripts);

/* The vm that answers now, in the process's session; another one after each reload. */
struct vm *scripts_vm(const struct scripts *scripts);

/* The driver behind, which answers what the script does not, and the loop that its calls run on;
 * NULL: there is none. */
struct upstream *scripts_upstream(const struct scripts *scripts);
struct loop *scripts_loop(const struct scripts *scripts);

struct scripts_start {
    struct loop *loop;
    struct iothread *io;
    struct server *server; /* is told of each new vm */
    bool watch;            /* reload when the script, or a module that it requires, changes */
    /* A thread has taken the place of the loop thread, which is stuck for good: runs the loop, and
     * what comes behind it, and does not return. */
    void (*go_on)(void *data);
    void (*changed)(void *data); /* another vm answers from now on */
    void *data;
};

/* The calling thread is the loop thread from now on; handlers may run. */
int scripts_start(struct scripts *scripts, const struct scripts_start *start, struct err *err);

/* Loads the scripts again, beside those that serve; takes over each that is good, even if no file
 * has changed. */
void scripts_reload(struct scripts *scripts);

/* The driver's name as a constant GetPluginInfo says it; "unknown" where a handler does. */
void scripts_driver_name(const struct scripts *scripts, char *name, size_t size);

/* Fills what is known of scripts and their tasks. */
void scripts_report(const struct scripts *scripts, struct status_report *report);

/* No further reload, no background work; before iothread_stop. */
void scripts_stop(struct scripts *scripts);

/* After loop_free; no call may be in flight. NULL is allowed. */
void scripts_free(struct scripts *scripts);

#endif
