/* csi.mounts: what is mounted, as this process sees it. Whichever thread runs the state. */
#include "base/file.h"
#include "script/allow.h"
#include "script/state.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 16 * 1024 * 1024 };

static const char mountinfo[] = "/proc/self/mountinfo";

/* The fields of a line that are told, where they stand; "-" ends those whose number varies. */
enum { ROOT = 3, TARGET = 4, OPTIONS = 5 };

static bool is_octal(const char *s)
{
    return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7';
}

/* Undoes the kernel's escapes ("\040" for a space) in place. */
static void decode(char *s)
{
    char *to = s;
    while (*s) {
        if (*s == '\\' && is_octal(s + 1)) {
            *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 4;
        } else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}

/* The next field of *line, decoded, or NULL; moves *line behind it. */
static char *next_field(char **line)
{
    char *field = strsep(line, " ");
    if (field)
        decode(field);
    return field;
}

static void set_string(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

/* Pushes the table of one line, or nothing and returns false for a line that is none.  [-0, +(1|0),
 * m]
 * @class csi.mount
 * @field source string a device, or what the file system calls it
 * @field target string where it is mounted
 * @field type string "ext4"
 * @field options string "rw,relatime"
 * @field super_options string those of the file system itself
 * @field root string what of the file system is mounted; "/" is all
 */
static bool push_mount(lua_State *L, char *line)
{
    const char *fields[OPTIONS + 1];
    for (int i = 0; i <= OPTIONS; i++)
        fields[i] = next_field(&line);
    const char *field;
    while ((field = next_field(&line)) && strcmp(field, "-") != 0)
        continue;
    const char *type = next_field(&line);
    const char *source = next_field(&line);
    const char *super = next_field(&line);
    if (!super)
        return false;
    lua_createtable(L, 0, 6);
    set_string(L, "source", source);
    set_string(L, "target", fields[TARGET]);
    set_string(L, "type", type);
    set_string(L, "options", fields[OPTIONS]);
    set_string(L, "super_options", super);
    set_string(L, "root", fields[ROOT]);
    return true;
}

/* csi.mounts(): a list of what is mounted, in the order of mounting; each a table with source (a
 * device, or what the file system calls it), target (where), type ("ext4"), options
 * ("rw,relatime"), super_options (those of the file system itself) and root (what of the file
 * system is mounted, "/" for all). Or nil, message, code. Needs --allow-read=/proc/self/mountinfo.
 * Never waits.
 * @return csi.mount[]? mounts
 * @return string? message
 * @return csi.code? code
 */
static int mounts(lua_State *L)
{
    char *text;
    size_t size;
    struct err err;
    allow_read(L, "csi.mounts", mountinfo);
    if (file_read(mountinfo, MOST_BYTES, vm_arena(vm_of(L)), &text, &size, &err))
        return csi_status_failure(L, err.code, err.text);
    lua_newtable(L);
    lua_Integer n = 0;
    for (char *line; (line = strsep(&text, "\n"));) {
        if (push_mount(L, line))
            lua_rawseti(L, -2, ++n);
    }
    return 1;
}

void csi_mounts_open(lua_State *L)
{
    lua_pushcfunction(L, mounts);
    lua_setfield(L, -2, "mounts");
}
