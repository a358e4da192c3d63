/* The flags of registration with the kubelet. */
#ifndef LUACSI_CLI_KUBELET_OPTIONS_H
#define LUACSI_CLI_KUBELET_OPTIONS_H

#include "cli/options.h"
#include "io/endpoint.h"

enum { KUBELET_OPTIONS = 2 };

struct kubelet_options {
    const char *path;      /* --kubelet-registration-path */
    const char *directory; /* --plugin-registration-path; both NULL: no registration */
};

void kubelet_options_rows(struct kubelet_options *kubelet, struct option rows[KUBELET_OPTIONS]);

/* After the parsing: -1 with err (INVALID_ARGUMENT) when they do not fit together, or to where CSI
 * is served. */
int kubelet_options_check(const struct kubelet_options *kubelet, const struct endpoint *endpoint,
                          struct err *err);

#endif
