/* Fills struct err. No state; any thread. */
#include "base/err.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where text had to be cut, it ends before a letter that did not fit as a whole. */
static void end_whole(struct err *err)
{
    enum { FULL = ERR_TEXT - 1 };
    size_t last = FULL - 1;
    if (strlen(err->text) < FULL)
        return;
    while (last > 0 && ((unsigned char)err->text[last] & 0xc0) == 0x80)
        last--;
    if (text_utf8_char(err->text + last, FULL - last) != FULL - last)
        err->text[last] = '\0';
}

int err_set(struct err *err, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    err->code = code;
    vsnprintf(err->text, sizeof(err->text), format, arguments);
    va_end(arguments);
    end_whole(err);
    return -1;
}

int err_errno(struct err *err, int code, const char *format, ...)
{
    char reason[128];
    const char *text = strerror_r(errno, reason, sizeof(reason));
    va_list arguments;
    va_start(arguments, format);
    err->code = code;
    int n = vsnprintf(err->text, sizeof(err->text), format, arguments);
    va_end(arguments);
    if (n >= 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", text);
    end_whole(err);
    return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
    char inner[ERR_TEXT];
    memcpy(inner, err->text, sizeof(inner));
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(err->text, sizeof(err->text), format, arguments);
    va_end(arguments);
    if (n >= 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, "%s", inner);
    end_whole(err);
    return -1;
}
