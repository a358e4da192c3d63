/* Where in a script's text something stands. Lua keeps no lines for the fields of a table, so a
 * constant's line is found by reading the text; it is a help for people, not a promise. */
#ifndef LUACSI_SCRIPT_LOCATE_H
#define LUACSI_SCRIPT_LOCATE_H

/* The line (from 1) of `name =` for a method's name, then, as far as they are found behind it, of
 * the names in path ("GetPluginInfoResponse.manifest.build: expected …": the first is skipped, the
 * rest up to the colon). 0 when not even the name is there. Comments and strings are stepped over.
 */
int locate_line(const char *text, const char *name, const char *path);

#endif
