/* The status codes of gRPC, by name. They are part of the contract with scripts and shells, so this
 * table is ours; the numbers are those of grpc_status_code. */
#ifndef LUACSI_BASE_STATUS_H
#define LUACSI_BASE_STATUS_H

#include <stdbool.h>

#define STATUS_TABLE(X)       \
    X(OK, 0)                  \
    X(CANCELLED, 1)           \
    X(UNKNOWN, 2)             \
    X(INVALID_ARGUMENT, 3)    \
    X(DEADLINE_EXCEEDED, 4)   \
    X(NOT_FOUND, 5)           \
    X(ALREADY_EXISTS, 6)      \
    X(PERMISSION_DENIED, 7)   \
    X(RESOURCE_EXHAUSTED, 8)  \
    X(FAILED_PRECONDITION, 9) \
    X(ABORTED, 10)            \
    X(OUT_OF_RANGE, 11)       \
    X(UNIMPLEMENTED, 12)      \
    X(INTERNAL, 13)           \
    X(UNAVAILABLE, 14)        \
    X(DATA_LOSS, 15)          \
    X(UNAUTHENTICATED, 16)

enum status {
#define STATUS_ENUM(name, number) STATUS_##name = (number),
    STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
        STATUS_COUNT,
};

/* The name of code ("NOT_FOUND"), or "CODE" for a number that is none of gRPC's. */
const char *status_name(int code);

/* The code called name, which is n bytes long; -1 where there is none. */
int status_from_name(const char *name, unsigned long n);

static inline bool status_valid(long long code)
{
    return code >= 0 && code < STATUS_COUNT;
}

#endif
