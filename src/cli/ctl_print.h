/* What luacsi ctl prints for people. */
#ifndef LUACSI_CLI_CTL_PRINT_H
#define LUACSI_CLI_CTL_PRINT_H

#include "control.pb-c.h"

#include <stddef.h>

/* Some lines for each call: what came and what became of it. */
void ctl_print_calls(Luacsi__V1__Call *const *calls, size_t n);

void ctl_print_status(const Luacsi__V1__StatusResponse *status);

#endif
