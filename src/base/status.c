/* Owns the table of status names. No state; any thread. */
#include "base/status.h"

#include <string.h>

static const char *const names[] = {
#define STATUS_NAME(name, number) [number] = #name,
    STATUS_TABLE(STATUS_NAME)
#undef STATUS_NAME
};

const char *status_name(int code)
{
    return status_valid(code) ? names[code] : "CODE";
}

int status_from_name(const char *name, unsigned long n)
{
    for (int code = 0; code < STATUS_COUNT; code++) {
        if (strlen(names[code]) == n && memcmp(names[code], name, n) == 0)
            return code;
    }
    return -1;
}
