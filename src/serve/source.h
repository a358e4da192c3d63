/* What a Lua state is made of: the script, and the settings that it sees as csi.config. Never
 * changed once it is made; counted, since the thread that loads it may outlive who asked. Any
 * thread. */
#ifndef LUACSI_SERVE_SOURCE_H
#define LUACSI_SERVE_SOURCE_H

#include "base/err.h"
#include "script/vm.h"

#include <stdbool.h>
#include <stddef.h>

enum { SOURCE_SETTINGS = 256, SOURCE_KEY_BYTES = 256, SOURCE_VALUE_BYTES = 64 * 1024 };

struct source;

/* The script in the file at path (NULL: the built-in identity) and the settings of options, all of
 * it borrowed for ever. NULL and err (RESOURCE_EXHAUSTED), as below. */
struct source *source_new(const struct vm_options *options, const char *path, struct err *err);

/* The same with a text in place of the file; name stands for it in messages. Modules are still
 * looked for beside the file. text NULL: the file again. */
struct source *source_with_text(const struct source *source, const char *name, const char *text,
                                size_t size, struct err *err);

/* The same with one setting more, or with another value. INVALID_ARGUMENT when key or value is too
 * long, RESOURCE_EXHAUSTED when they are too many. */
struct source *source_with_setting(const struct source *source, const char *key, const char *value,
                                   struct err *err);

struct source *source_ref(struct source *source);
void source_unref(struct source *source); /* NULL is allowed */

/* The file's path, or the name of the text; NULL: the built-in identity. */
const char *source_name(const struct source *source);

/* True when it is the file or the built-in identity. */
bool source_is_file(const struct source *source);

/* Makes a vm and loads source into it. -1 and err when that is of no use; *vm is the caller's all
 * the same (NULL without memory for one), since its files are worth watching. options: but for the
 * settings; borrowed as vm_new does, while source is not needed any more. */
int source_load(const struct source *source, const struct vm_options *options, struct vm **vm,
                struct err *err);

#endif
