/* The table of options that ends the arguments of many functions of csi: {timeout = 2}. Each of
 * these raises for what does not fit, with the option's name. Strings live as long as the table. */
#ifndef LUACSI_SCRIPT_OPTIONS_TABLE_H
#define LUACSI_SCRIPT_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lua_State;

/* Looks at the argument at index: nil, or a table with no other keys than names (which ends with
 * NULL).  [-0, +0, e] */
void options_table_check(struct lua_State *L, int index, const char *const *names);

/* The option "timeout" in nanoseconds; 5 seconds when it is not there.  [-0, +0, e] */
int64_t options_table_timeout(struct lua_State *L, int index);

/* A string, or NULL when the option is not there. size: bytes; NULL when it must not hold a NUL,
 * and must not be empty.  [-0, +0, e] */
const char *options_table_string(struct lua_State *L, int index, const char *name, size_t *size);

/* An integer from 0 to most; fallback when the option is not there.  [-0, +0, e] */
size_t options_table_size(struct lua_State *L, int index, const char *name, size_t most,
                          size_t fallback);

/* Pushes an option that is a table from string to string, and returns how many pairs it has; pushes
 * nil when the option is not there.  [-0, +1, e] */
size_t options_table_pairs(struct lua_State *L, int index, const char *name);

/* Seconds from least to a year, in nanoseconds; fallback when the option is not there.  [-0, +0, e]
 */
int64_t options_table_period(struct lua_State *L, int index, const char *name, double least,
                             int64_t fallback);

/* The value at index, which is no option but seconds: least to a year, in nanoseconds.  [-0, +0, e]
 */
int64_t options_table_seconds(struct lua_State *L, int index, double least);

#endif
