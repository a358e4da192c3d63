/* What a script may touch, as the flags --allow-... say: files to read, programs to run, addresses
 * to connect to, environment variables. What is not allowed is refused with the flag that would
 * allow it. No Lua. Filled before the first thread starts, then constant: any thread.
 *
 * Paths are compared where they lead to now, so a symbolic link gets nobody out of what is allowed;
 * what is allowed is followed, too, so a path that the operator named may be a link whose target
 * changes. A folder that may be read allows all that lies below it. */
#ifndef LUACSI_SCRIPT_PERMS_H
#define LUACSI_SCRIPT_PERMS_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum perms_kind {
    PERMS_READ, /* paths */
    PERMS_EXEC, /* programs: a path, or a bare name that is looked for in PATH */
    PERMS_NET,  /* host:port, [IPv6]:port, host:* for any port, unix:PATH */
    PERMS_ENV,  /* names */
    PERMS_KINDS,
};

struct perms;

/* Nothing is allowed; NULL when memory is short. */
struct perms *perms_new(void);
void perms_free(struct perms *perms);

/* Allows what list names, with commas between. Fails with INVALID_ARGUMENT: an empty name, an
 * address without a port. */
int perms_allow(struct perms *perms, enum perms_kind kind, const char *list, struct err *err);

/* Allows everything. */
void perms_allow_all(struct perms *perms);

/* 0, or -1 with err: PERMISSION_DENIED, "PATH is not allowed: add --allow-read=PATH". Where perms
 * is NULL, here and below, everything is allowed. */
int perms_check_read(const struct perms *perms, const char *path, struct err *err);
int perms_check_env(const struct perms *perms, const char *name, struct err *err);

/* host: a name or a numeric address, IPv6 without brackets. What a name leads to is not looked at.
 */
int perms_check_net(const struct perms *perms, const char *host, unsigned port, struct err *err);

/* path: of a UNIX socket. */
int perms_check_unix(const struct perms *perms, const char *path, struct err *err);

/* Also gives the absolute path of the file to run. The file's own name is kept when it is a link,
 * since many programs go by the name that they are called by. Fails with PERMISSION_DENIED, or with
 * NOT_FOUND for a program that is allowed but not there. */
int perms_check_exec(const struct perms *perms, const char *program, char path[PATH_MAX],
                     struct err *err);

/* Whether everything is allowed, and the i-th thing of a kind that is (NULL behind the last): for
 * whoever backs these rules by others. */
bool perms_all(const struct perms *perms);
const char *perms_item(const struct perms *perms, enum perms_kind kind, size_t i);

#endif
