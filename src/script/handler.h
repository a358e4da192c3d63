/* What happens inside a task's coroutine: request in, handler, reply out. task.c alone calls it. */
#ifndef LUACSI_SCRIPT_HANDLER_H
#define LUACSI_SCRIPT_HANDLER_H

struct task;

/* Puts the function that runs task, and its argument, on the coroutine's stack.  [-0, +2, -] on co
 */
void handler_push(struct task *task);

/* Sets the status of a task whose budget was hit, and logs it with the place. */
void handler_overran(struct task *task);

/* What the caller reads when the wall clock of a task ran out. */
const char *handler_over_time(const struct task *task);

#endif
