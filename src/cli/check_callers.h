/* What callers of a CSI Identity service are known to make of replies that CSI allows. */
#ifndef LUACSI_CLI_CHECK_CALLERS_H
#define LUACSI_CLI_CHECK_CALLERS_H

#include "csi/catalog.h"

#include <stdbool.h>

/* Asks question number index (from 0) about the reply to method. False: there is no such question.
 * Otherwise text gets what a caller will do, or stays empty when all is well. */
bool check_callers(const struct method *method, const ProtobufCMessage *reply, size_t index,
                   char text[static 256]);

#endif
