/* Arguments of gRPC core's channels and servers. */
#ifndef LUACSI_IO_CHANNEL_ARG_H
#define LUACSI_IO_CHANNEL_ARG_H

#include <grpc/grpc.h>
#include <stdint.h>

/* Borrows key, and value: gRPC core copies both, and writes to neither. */
static inline grpc_arg channel_arg_integer(const char *key, int value)
{
    return (grpc_arg){
        .type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

static inline grpc_arg channel_arg_string(const char *key, const char *value)
{
    return (grpc_arg){.type = GRPC_ARG_STRING,
                      .key = (char *)(uintptr_t)key,
                      .value.string = (char *)(uintptr_t)value};
}

#endif
