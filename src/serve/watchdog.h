/* The watchdog of the loop thread: finds that it is stuck inside one C function of Lua, where no
 * hook can end it, and gives it up. It sleeps while nothing is called. */
#ifndef LUACSI_SERVE_WATCHDOG_H
#define LUACSI_SERVE_WATCHDOG_H

#include "base/err.h"
#include "io/guard.h"
#include "io/iothread.h"

#include <stdint.h>

struct watchdog;

/* Watches guards on the I/O thread. stuck(data) is called there when the guarded thread was inside
 * Lua for cpu nanoseconds of CPU time in one go and was given up. io is borrowed. NULL and err when
 * memory is short. Any thread. */
struct watchdog *watchdog_start(struct iothread *io, int64_t cpu, void (*stuck)(void *data),
                                void *data, struct err *err);

/* The guard of the calling thread, watched from now on in place of the one before. NULL when memory
 * is short. It lives as long as the process: a thread that was given up may still look at it. */
struct guard *watchdog_guard(struct watchdog *watchdog);

/* Stops watching; before iothread_stop. NULL is allowed. Not on the I/O thread. */
void watchdog_stop(struct watchdog *watchdog);

/* After loop_free. */
void watchdog_free(struct watchdog *watchdog);

#endif
