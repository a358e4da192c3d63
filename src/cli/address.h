/* Where commands find the driver when nobody says: server and clients agree on it here. */
#ifndef LUACSI_CLI_ADDRESS_H
#define LUACSI_CLI_ADDRESS_H

#include "base/err.h"
#include "cli/options.h"

#include <stdbool.h>

enum { ADDRESS_TEXT = 256 };

/* The row of --endpoint, for the table of a command; *endpoint must start as NULL. */
struct option address_option(const char **endpoint);

/* Puts the default into *endpoint when it is NULL; text is its memory. The default is
 * $XDG_RUNTIME_DIR/luacsi.sock, and without such a directory /tmp/luacsi-UID/csi.sock, whose
 * directory is made when serving. Fails with STATUS_FAILED_PRECONDITION when that directory is not
 * ours alone: anyone could have put a socket there. */
int address_complete(const char **endpoint, char text[ADDRESS_TEXT], bool serving, struct err *err);

#endif
