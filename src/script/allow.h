/* The permissions as the functions of the csi module ask for them: each raises, with the flag to
 * add in the text, when the script may not. function: for the message, "csi.read". */
#ifndef LUACSI_SCRIPT_ALLOW_H
#define LUACSI_SCRIPT_ALLOW_H

#include "base/err.h"

struct lua_State;

/* [-0, +0, e] */
void allow_read(struct lua_State *L, const char *function, const char *path);
void allow_env(struct lua_State *L, const char *function, const char *name);
void allow_unix(struct lua_State *L, const char *function, const char *path);
void allow_net(struct lua_State *L, const char *function, const char *host, unsigned port);

/* The absolute path of the program to run, in vm_arena; NULL with err (NOT_FOUND) when the script
 * may run it, but it is not there.  [-0, +0, e] */
const char *allow_exec(struct lua_State *L, const char *function, const char *program,
                       struct err *err);

#endif
