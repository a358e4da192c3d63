/* Landlock: the kernel backs at the level of the process what perms.h refuses function by function,
 * so that a fault in Lua or in this program does not open more. It is coarser: files are covered by
 * whole folders, addresses by their TCP ports. */
#ifndef LUACSI_SERVE_CONFINE_H
#define LUACSI_SERVE_CONFINE_H

#include "io/endpoint.h"
#include "script/perms.h"

enum { CONFINE_SOCKETS = 4 };

/* What the process needs. */
struct confine {
    const char *script; /* path; NULL: the built-in one */
    /* absolute paths of the UNIX sockets that it will bind; "": none; NULL ends the list */
    const char *sockets[CONFINE_SOCKETS + 1];
    const char *file; /* the one that it will write, beside others in its folder; NULL: none */
    const struct endpoint *upstream; /* where it will connect to; NULL: nowhere */
    const struct perms *perms;
};

/* What came of it, for the log. */
struct confined {
    int abi;           /* version of Landlock in force; 0: none */
    char why_not[200]; /* when abi is 0 */
    char read[1500];   /* folders, with commas between; so are the others */
    char write[500];
    char connect[300]; /* TCP ports */
};

/* Confines the calling thread and all threads that it starts from now on; call it before the first.
 * Where a script may run programs, it does nothing: they would inherit it, and nobody knows what
 * they must read and write. Where the kernel cannot, it goes without. */
void confine_self(const struct confine *confine, struct confined *confined);

void confine_log(const struct confined *confined);

#endif
