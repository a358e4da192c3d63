/* The C half of csi.fault: answers that go wrong on purpose, and waiting on purpose. The other
 * half, scripts/csi/fault.lua, makes them nest. Loop thread. */
#ifndef LUACSI_SCRIPT_CSI_FAULT_H
#define LUACSI_SCRIPT_CSI_FAULT_H

#include "script/state.h"

/* Fills the table on top, the second argument of scripts/csi/fault.lua.  [-0, +0, e] */
void csi_fault_open(lua_State *L);

/* Whether the value at index is an answer of this kind: fault.fail(…), fault.drop().  [-0, +0, -]
 */
bool csi_fault_is(lua_State *L, int index);

/* Replaces the answer on top by a handler that returns it.  [-1, +1, m] */
void csi_fault_to_handler(lua_State *L);

/* Checks all that the fault on top, a handler or an answer, holds for method, as a constant is
 * checked, and encodes its replies. False, and a message on top, for what does not fit. Anything
 * that is no fault is good.  [-0, +(0|1), e] */
bool csi_fault_bind(lua_State *L, const struct method *method);

/* Makes the answer of task out of the value at index, which is neither a table nor a reply; what is
 * no fault either is the task's failure. Returns what the task's coroutine has to return, or
 * suspends it for ever.  [-0, +0, e] */
int csi_fault_take(lua_State *L, struct task *task, int index);

#endif
