/* What the catalog knows, as Lua tables: for tests and tools that go over all of CSI. */
#ifndef LUACSI_CLIENT_REFLECT_H
#define LUACSI_CLIENT_REFLECT_H

struct lua_State;

/* Adds methods, messages and fields to the module at the top of the stack.  [-0, +0, m] */
void reflect_add(struct lua_State *L);

#endif
