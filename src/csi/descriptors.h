/* An embedded descriptor set, file by file, for gRPC reflection: which file says what. It is
 * walked as it lies in the binary: nothing is kept, and nothing is read before somebody asks. Any
 * thread. */
#ifndef LUACSI_CSI_DESCRIPTORS_H
#define LUACSI_CSI_DESCRIPTORS_H

#include "base/arena.h"
#include "csi/wire.h"

#include <stddef.h>

enum { DESCRIPTORS_MOST = 32 };

/* The files, each a serialized google.protobuf.FileDescriptorProto, in the order of the set: what a
 * file imports stands before it. */
struct descriptors {
    size_t n;
    struct wire files[DESCRIPTORS_MOST];
};

/* The embedded set called name, "csi.desc"; the build made it. */
void descriptors_open(struct descriptors *set, const char *name);

/* The index of the file; -1: there is none. */
int descriptors_file(const struct descriptors *set, const char *name);

/* The file that declares symbol: the full name of a message, field, oneof, enum, enum value,
 * service, method or extension. */
int descriptors_of_symbol(const struct descriptors *set, const char *symbol);

/* The file that declares the extension of the message called type with this number. */
int descriptors_of_extension(const struct descriptors *set, const char *type, int32_t number);

/* Fills indexes with the file and all that it imports, itself first. How many they are. */
size_t descriptors_closure(const struct descriptors *set, int file,
                           size_t indexes[DESCRIPTORS_MOST]);

/* How many extensions the message called type has; the numbers of the first `room` go to numbers.
 */
size_t descriptors_extensions(const struct descriptors *set, const char *type, int32_t *numbers,
                              size_t room);

/* How many services there are; the full names of the first `room` go to names, in arena (NULL where
 * its memory is short). */
size_t descriptors_services(const struct descriptors *set, struct arena *arena, const char **names,
                            size_t room);

#endif
