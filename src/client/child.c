/* Owns child processes for Lua: one userdata each, which kills its process when it is collected.
 * Runs on the thread of its Lua state; child:wait blocks it. */
#include "client/child.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <linux/close_range.h>
#include <lua.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char type_name[] = "luacsi.child";

enum { SIGNALLED = 128, LONGEST_WAIT = 3600 /* seconds */ };

struct child {
    pid_t pid;
    int pidfd;  /* -1: not started */
    int status; /* once it has ended, as a shell says it; -1 before */
};

/* ---- starting ---- */

/* What a child gets; the strings are Lua's or the environment's. */
struct start {
    const char **argv;
    const char **env;
    int output; /* descriptor */
    int report; /* of a pipe, for the errno of what failed; closed by the exec */
};

/* What configures luacsi or a CSI driver must not reach a child by chance. */
static bool is_inherited(const char *variable)
{
    static const char *const ours[] = {"LUACSI", "CSI_", "KUBE_NODE_NAME="};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (strncmp(variable, ours[i], strlen(ours[i])) == 0)
            return false;
    }
    return true;
}

/* Pushes a block of memory for n pointers and a NULL behind them.  [-0, +1, m] */
static const char **push_list(lua_State *L, size_t n)
{
    const char **list = lua_newuserdatauv(L, (n + 1) * sizeof(char *), 0);
    list[n] = NULL;
    return list;
}

/* Copies the list of strings at index to list.  [-0, +0, e] */
static void check_strings(lua_State *L, int index, const char **list)
{
    size_t n = lua_rawlen(L, index);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, index, "expected a list of strings");
        list[i] = lua_tostring(L, -1); /* the table keeps it */
        lua_pop(L, 1);
    }
}

/* Pushes the environment: ours, with the variables of the list at index.  [-0, +1, e] */
static const char **push_environment(lua_State *L, int index)
{
    size_t n = 0;
    size_t inherited = 0;
    while (environ[n])
        n++;
    const char **env = push_list(L, n + lua_rawlen(L, index));
    for (size_t i = 0; i < n; i++) {
        if (is_inherited(environ[i]))
            env[inherited++] = environ[i];
    }
    env[inherited + lua_rawlen(L, index)] = NULL;
    check_strings(L, index, env + inherited);
    return env;
}

/* In the child, between fork and exec: nothing but system calls. */
static void become(const struct start *start)
{
    int input = open("/dev/null", O_RDONLY);
    if (input >= 0 && dup2(input, STDIN_FILENO) >= 0 && dup2(start->output, STDOUT_FILENO) >= 0 &&
        dup2(start->output, STDERR_FILENO) >= 0 &&
        close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
        prctl(PR_SET_PDEATHSIG, SIGTERM) == 0)
        execvpe(start->argv[0], (char *const *)start->argv, (char *const *)start->env);
    int error = errno;
    ssize_t written = write(start->report, &error, sizeof(error));
    _exit(written == sizeof(error) ? 127 : 126);
}

/* 0, or what errno was where the child failed. */
static int await_exec(int report)
{
    int error = 0;
    ssize_t n;
    do
        n = read(report, &error, sizeof(error));
    while (n < 0 && errno == EINTR);
    return n == sizeof(error) ? error : 0;
}

static int start_child(struct child *child, struct start *start)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return errno;
    start->report = report[1];
    child->pid = fork();
    if (child->pid == 0)
        become(start);
    int error = child->pid < 0 ? errno : 0;
    close(report[1]);
    if (!error)
        error = await_exec(report[0]);
    close(report[0]);
    if (child->pid > 0 && error)
        waitpid(child->pid, NULL, 0);
    else if (child->pid > 0)
        child->pidfd = pidfd_open(child->pid, 0);
    return error;
}

/* spawn(argv, env, log) -> child, or nil and a message. argv: a list; its first is a path or a name
 * that is looked for in PATH. env: a list of "NAME=value", besides what is inherited. log: the file
 * that gets both outputs; standard input is empty. */
static int spawn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    const char *log = luaL_checkstring(L, 3);
    luaL_argcheck(L, lua_rawlen(L, 1) > 0, 1, "expected a program");
    struct start start = {.argv = push_list(L, lua_rawlen(L, 1))};
    check_strings(L, 1, start.argv);
    start.env = push_environment(L, 2);
    struct child *child = lua_newuserdatauv(L, sizeof(*child), 0);
    *child = (struct child){.pidfd = -1, .status = -1};
    luaL_setmetatable(L, type_name);
    start.output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (start.output < 0)
        return luaL_fileresult(L, 0, log);
    int error = start_child(child, &start);
    close(start.output);
    if (!error)
        return 1;
    errno = error;
    return luaL_fileresult(L, 0, start.argv[0]);
}

/* ---- the userdata ---- */

static struct child *check_child(lua_State *L)
{
    return luaL_checkudata(L, 1, type_name);
}

static void reap(struct child *child)
{
    int status = 0;
    if (waitpid(child->pid, &status, 0) == child->pid)
        child->status = WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
    else
        child->status = SIGNALLED; /* somebody else has reaped it */
    close(child->pidfd);
    child->pidfd = -1;
}

/* child:wait(seconds) -> exit status (128 + signal, where one ended it), or nil when it still runs.
 */
static int wait_for(lua_State *L)
{
    struct child *child = check_child(L);
    double seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= LONGEST_WAIT, 2, "expected seconds, at most 3600");
    if (child->pidfd >= 0) {
        struct pollfd poller = {.fd = child->pidfd, .events = POLLIN};
        if (poll(&poller, 1, (int)ceil(seconds * 1000)) > 0)
            reap(child);
    }
    if (child->status < 0)
        luaL_pushfail(L);
    else
        lua_pushinteger(L, child->status);
    return 1;
}

/* child:signal(name): "TERM" or "KILL"; nothing once it has ended. */
static int signal_child(lua_State *L)
{
    static const char *const names[] = {"TERM", "KILL", "HUP", NULL};
    static const int numbers[] = {SIGTERM, SIGKILL, SIGHUP};
    const struct child *child = check_child(L);
    int number = numbers[luaL_checkoption(L, 2, NULL, names)];
    if (child->pidfd >= 0)
        kill(child->pid, number);
    return 0;
}

/* child:pid() -> its number. */
static int pid_of(lua_State *L)
{
    lua_pushinteger(L, check_child(L)->pid);
    return 1;
}

static int free_child(lua_State *L)
{
    struct child *child = check_child(L);
    if (child->pidfd >= 0) {
        kill(child->pid, SIGKILL);
        reap(child);
    }
    return 0;
}

void child_push_spawn(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"wait", wait_for}, {"signal", signal_child}, {"pid", pid_of}, {NULL, NULL}};
    luaL_newmetatable(L, type_name);
    lua_pushcfunction(L, free_child);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_pushcfunction(L, spawn);
}
