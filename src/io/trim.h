/* Memory that nobody uses any more goes back to the system. */
#ifndef LUACSI_IO_TRIM_H
#define LUACSI_IO_TRIM_H

#include "io/iothread.h"

/* From now on until the I/O thread ends, looks every ten seconds whether malloc keeps much more
 * than is in use. Where it cannot look, memory is kept. Any thread, once. */
void trim_start(struct iothread *io);

#endif
