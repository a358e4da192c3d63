/* The clock that scripts live by: the system's or, in tests, a virtual one, which stands until it
 * is advanced (loop_advance). What guards the host goes by loop_now instead, whatever this says.
 * Any thread, where nothing else is said. */
#ifndef LUACSI_IO_CLOCK_H
#define LUACSI_IO_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds since the epoch that a virtual clock does not go beyond: the last of the year 2199. */
#define CLOCK_LATEST INT64_C(7258118399)

/* From now on the clock is virtual and stands at start, nanoseconds since the epoch. Before there
 * is a second thread. */
void clock_make_virtual(int64_t start);

bool clock_is_virtual(void);

/* Nanoseconds that only grow: for what lasts so long. */
int64_t clock_now(void);

/* Nanoseconds since the epoch: for what a script is told. */
int64_t clock_wall(void);

/* Puts the virtual clock to at, as clock_now counts; never back. alarms.c alone calls it. */
void clock_go_to(int64_t at);

#endif
