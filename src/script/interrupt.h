/* A count hook makes every instruction of Lua dearer, and most handlers end long before it would do
 * anything. So a handler runs without, until the watchdog finds that it goes on for long and
 * signals its thread: the signal's handler puts the hook on, as lua(1) does at Ctrl-C. */
#ifndef LUACSI_SCRIPT_INTERRUPT_H
#define LUACSI_SCRIPT_INTERRUPT_H

#include <stdbool.h>

struct lua_State;

/* Installs the handler of GUARD_SIGNAL for the process, before a watchdog sends any. */
void interrupt_install(void);

/* The coroutine that the calling thread is about to run, or NULL when it is back. A signal puts the
 * hook on it, and on no other. */
void interrupt_aim(struct lua_State *co);

/* Whether a signal reaches code in time. ThreadSanitizer holds signals back until a call that it
 * knows, and a loop of Lua makes none. */
static inline bool interrupt_works(void)
{
#ifdef __SANITIZE_THREAD__
    return false;
#else
    return true;
#endif
}

#endif
