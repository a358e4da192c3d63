/* What went wrong: a status code of gRPC and one line of text that says where, what was expected
 * and what came. A function that can fail takes a struct err last, returns 0 or -1, and fills it
 * only when it fails. Inner code sets, outer code prefixes, one place logs. */
#ifndef LUACSI_BASE_ERR_H
#define LUACSI_BASE_ERR_H

#include "base/status.h"

/* For a static function that only tells of an error, or settles one: it is kept out of the way of
 * what goes well, which is shorter by that. */
#define COLD __attribute__((cold))

enum { ERR_TEXT = 1024 };

struct err {
    int code;            /* enum status; never STATUS_OK once set */
    char text[ERR_TEXT]; /* valid UTF-8 if the arguments were; cut at the end, never overrun */
};

/* Fills err and returns -1, so that a failing function can end in `return err_set(...)`. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of errno (as it was at the call) behind. */
int err_errno(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts text before what err already says; returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
