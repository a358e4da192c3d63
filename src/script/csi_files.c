/* csi.stat and csi.read: what a script may learn of files. */
#include "base/file.h"
#include "script/state.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_BYTES = 1 << 20 };

/* A failure of the world: nil, message, code.  [-0, +3, m] */
static int push_failure(lua_State *L, const struct err *err)
{
    lua_pushnil(L);
    lua_pushstring(L, err->text);
    lua_pushstring(L, status_name(err->code));
    return 3;
}

/* A path without NUL in it: C would see another one than the script. */
static const char *check_path(lua_State *L, int index)
{
    size_t n;
    const char *path = luaL_checklstring(L, index, &n);
    luaL_argcheck(L, n > 0 && strlen(path) == n, index, "expected a path");
    return path;
}

static const char *type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFSOCK:
        return "socket";
    case S_IFIFO:
        return "fifo";
    case S_IFBLK:
        return "block";
    case S_IFCHR:
        return "char";
    default:
        return "other";
    }
}

/* csi.stat(path): a table with type ("file", "directory", "socket", "fifo", "block", "char"), size
 * in bytes, mtime in seconds since the epoch, mode (permission bits); symbolic links are followed.
 * Or nil, message, code ("NOT_FOUND", "PERMISSION_DENIED", …). */
static int stat_path(lua_State *L)
{
    const char *path = check_path(L, 1);
    struct stat st;
    if (stat(path, &st) != 0) {
        struct err err;
        err_errno(&err, file_status(errno), "%s", path);
        return push_failure(L, &err);
    }
    lua_createtable(L, 0, 4);
    lua_pushstring(L, type_of(st.st_mode));
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, (lua_Integer)st.st_size);
    lua_setfield(L, -2, "size");
    lua_pushnumber(L, (lua_Number)st.st_mtim.tv_sec + (lua_Number)st.st_mtim.tv_nsec / 1e9);
    lua_setfield(L, -2, "mtime");
    lua_pushinteger(L, (lua_Integer)(st.st_mode & 07777));
    lua_setfield(L, -2, "mode");
    return 1;
}

/* csi.read(path): the content of a regular file of at most 1 MiB as a string. Or nil, message, code
 * ("NOT_FOUND", "PERMISSION_DENIED", "FAILED_PRECONDITION" for what is no regular file,
 * "RESOURCE_EXHAUSTED" for a larger one). */
static int read_path(lua_State *L)
{
    const char *path = check_path(L, 1);
    struct err err;
    char *text;
    size_t size;
    if (file_read(path, READ_BYTES, vm_arena(vm_of(L)), &text, &size, &err))
        return push_failure(L, &err);
    lua_pushlstring(L, text, size);
    return 1;
}

void csi_files_open(lua_State *L)
{
    lua_pushcfunction(L, stat_path);
    lua_setfield(L, -2, "stat");
    lua_pushcfunction(L, read_path);
    lua_setfield(L, -2, "read");
}
