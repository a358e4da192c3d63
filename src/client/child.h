/* A child process, for tests that drive the luacsi program. */
#ifndef LUACSI_CLIENT_CHILD_H
#define LUACSI_CLIENT_CHILD_H

struct lua_State;

/* Pushes the function that starts one.  [-0, +1, m] */
void child_push_spawn(struct lua_State *L);

#endif
