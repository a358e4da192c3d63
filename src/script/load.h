/* Loading scripts into a vm; vm.c alone calls it. */
#ifndef LUACSI_SCRIPT_LOAD_H
#define LUACSI_SCRIPT_LOAD_H

#include "script/state.h"

/* Loads the file called name from inside the binary. from_script: it stands for the user's script,
 * else it is the defaults. -1 and err when there was a problem that is an error; all were told. */
int load_embedded(struct vm *vm, const char *name, bool from_script, struct err *err);

/* Loads the user's script at path over what is there. As load_embedded. */
int load_file(struct vm *vm, const char *path, struct err *err);

/* Loads a text that is in no file, size bytes with a NUL behind, over what is there. As
 * load_embedded; name stands for it in messages. */
int load_text(struct vm *vm, const char *name, const char *text, size_t size, struct err *err);

#endif
