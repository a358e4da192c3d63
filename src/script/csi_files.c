/* csi.stat and csi.read: what a script may learn of files. In a handler they wait, so that a file
 * system that hangs holds up nobody else; where a script cannot wait, they are done at once.
 * Whichever thread runs the state; the loop thread when they wait. */
#include "base/file.h"
#include "io/files.h"
#include "io/loop.h"
#include "script/allow.h"
#include "script/options_table.h"
#include "script/state.h"
#include "script/wait.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_BYTES = 1 << 20 };

static const char *const option_names[] = {"timeout", NULL};

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

/* What csi.stat gives.
 * @class csi.stat
 * @field type "file"|"directory"|"socket"|"fifo"|"block"|"char"|"other"
 * @field size integer bytes
 * @field mtime number the last change, in seconds since the epoch
 * @field mode integer permission bits
 */
static void push_stat(lua_State *L, const struct stat *st)
{
    lua_createtable(L, 0, 4);
    lua_pushstring(L, type_of(st->st_mode));
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, (lua_Integer)st->st_size);
    lua_setfield(L, -2, "size");
    lua_pushnumber(L, (lua_Number)st->st_mtim.tv_sec + (lua_Number)st->st_mtim.tv_nsec / 1e9);
    lua_setfield(L, -2, "mtime");
    lua_pushinteger(L, (lua_Integer)(st->st_mode & 07777));
    lua_setfield(L, -2, "mode");
}

/* ---- waiting ---- */

struct own {
    struct wait wait;
    struct files *files;
    struct stat stat; /* of csi.stat */
    const char *text; /* of csi.read; NULL otherwise */
    size_t size;
};

static void wake(void *data, const struct files_result *result, const struct err *err)
{
    struct own *own = data;
    if (err) {
        wait_fail(&own->wait, err);
    } else {
        own->stat = result->stat;
        own->size = result->size;
        if (result->text)
            own->text = wait_keep(&own->wait, result->text, result->size);
    }
    wait_done(&own->wait);
}

static void cancel(struct wait *wait)
{
    files_cancel(container_of(wait, struct own, wait)->files);
}

static int push(lua_State *L, struct wait *wait)
{
    const struct own *own = container_of(wait, struct own, wait);
    if (own->text)
        lua_pushlstring(L, own->text, own->size);
    else
        push_stat(L, &own->stat);
    return 1;
}

static struct own *new_own(lua_State *L)
{
    struct own *own = wait_new(L, sizeof(*own));
    own->wait.cancel = cancel;
    own->wait.push = push;
    return own;
}

/* ---- functions ---- */

/* The path and the time limit that function was called with, if the script may read there; else
 * raises. */
static const char *check_arguments(lua_State *L, const char *function, int64_t *timeout)
{
    lua_settop(L, 2);
    const char *path = check_path(L, 1);
    options_table_check(L, 2, option_names);
    *timeout = options_table_timeout(L, 2);
    allow_read(L, function, path);
    return path;
}

static int stat_now(lua_State *L, const char *path)
{
    struct stat st;
    struct err err;
    if (stat(path, &st) != 0) {
        err_errno(&err, file_status(errno), "%s", path);
        return csi_status_failure(L, err.code, err.text);
    }
    push_stat(L, &st);
    return 1;
}

/* csi.stat(path [, { timeout = }]): a table with type ("file", "directory", "socket", "fifo",
 * "block", "char"), size in bytes, mtime in seconds since the epoch, mode (permission bits);
 * symbolic links are followed. timeout: seconds, 5 unless given. Or nil, message, code:
 * "NOT_FOUND", "PERMISSION_DENIED", "DEADLINE_EXCEEDED", ... Needs --allow-read=PATH.
 * @param path string
 * @param options? { timeout?: number }
 * @return csi.stat? stat
 * @return string? message
 * @return csi.code? code
 */
static int stat_path(lua_State *L)
{
    static const char function[] = "csi.stat";
    int64_t timeout;
    const char *path = check_arguments(L, function, &timeout);
    if (!wait_possible(L))
        return stat_now(L, path);
    struct err err;
    struct own *own = new_own(L);
    own->files = files_stat(vm_of(L)->options.io, path, timeout, wake, own, &err);
    if (!own->files)
        return csi_status_refused(L, function, &err);
    return wait_suspend(L, &own->wait);
}

static int read_now(lua_State *L, const char *path)
{
    struct err err;
    char *text;
    size_t size;
    if (file_read(path, READ_BYTES, vm_arena(vm_of(L)), &text, &size, &err))
        return csi_status_failure(L, err.code, err.text);
    lua_pushlstring(L, text, size);
    return 1;
}

/* csi.read(path [, { timeout = }]): the content of a regular file of at most 1 MiB as a string. Or
 * nil, message, code: "NOT_FOUND", "PERMISSION_DENIED", "FAILED_PRECONDITION" for what is no
 * regular file, "RESOURCE_EXHAUSTED" for a larger one, "DEADLINE_EXCEEDED". timeout: seconds, 5
 * unless given. Needs
 * --allow-read=PATH.
 * @param path string
 * @param options? { timeout?: number }
 * @return string? content
 * @return string? message
 * @return csi.code? code
 */
static int read_path(lua_State *L)
{
    static const char function[] = "csi.read";
    int64_t timeout;
    const char *path = check_arguments(L, function, &timeout);
    if (!wait_possible(L))
        return read_now(L, path);
    struct err err;
    struct own *own = new_own(L);
    own->files = files_read(vm_of(L)->options.io, path, READ_BYTES, timeout, wake, own, &err);
    if (!own->files)
        return csi_status_refused(L, function, &err);
    return wait_suspend(L, &own->wait);
}

void csi_files_open(lua_State *L)
{
    lua_pushcfunction(L, stat_path);
    lua_setfield(L, -2, "stat");
    lua_pushcfunction(L, read_path);
    lua_setfield(L, -2, "read");
}
