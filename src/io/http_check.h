/* What HTTP carries: looks at requests before they are sent. No state; any thread. */
#ifndef LUACSI_IO_HTTP_CHECK_H
#define LUACSI_IO_HTTP_CHECK_H

#include "base/err.h"
#include "io/http.h"

/* 0, or -1 and err (STATUS_INVALID_ARGUMENT): the method or a header would not be one, or more than
 * one, on the wire. */
int http_check(const struct http_request *request, struct err *err);

#endif
