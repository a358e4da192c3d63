/* JSON inside of JSON. A message cannot hold any JSON, so some of ours hold its text: in fields
 * that are called NAME_json. People and tests are shown a member NAME with the value itself
 * instead. No state; any thread. */
#ifndef LUACSI_CSI_NESTED_JSON_H
#define LUACSI_CSI_NESTED_JSON_H

#include "base/arena.h"
#include "csi/schema.h"

#include <stddef.h>

/* Turns the text of a message, as transcode.h makes it, into what is shown: NULL stands for an
 * empty string. indent: spaces a level, 0: one line. NULL when memory is short. */
const char *nested_json_show(const struct schema *schema, const char *text, int indent,
                             struct arena *arena);

/* The way back: turns what was shown, or written by hand, into what transcode.h reads. Text that is
 * no JSON is given back as it is: the reader says what is wrong with it. NULL when memory is short.
 */
const char *nested_json_hide(const struct schema *schema, const char *text, size_t size,
                             struct arena *arena);

#endif
