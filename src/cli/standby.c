/* Owns a child process, its socket's directory and its log. The main thread. The child is a copy of
 * this process that never execs: the flags it serves under are the very ones that were parsed. */
#include "cli/standby.h"

#include "base/log.h"
#include "cli/options.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_AGAIN_MS = 5,
    END_TRIES = 400, /* one each 5 ms, then it is killed */
};

static void look_again(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000}, NULL);
}

/* ---- the child ---- */

static int serve(const struct endpoint *endpoint, const struct process_options *options)
{
    struct process_options own = *options;
    struct err err;
    own.endpoint = endpoint;
    log_init(LOG_TEXT, 0);
    if (process_run(&own, &err) == 0)
        return EXIT_OK;
    dprintf(STDERR_FILENO, "%s\n", err.text);
    return EXIT_ERROR;
}

/* Does not return. Whatever happens to the parent ends the child, too. */
static void be_child(const struct standby *standby, int wait_for,
                     const struct process_options *options)
{
    struct endpoint endpoint;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    close(standby->go);
    dup2(standby->log, STDOUT_FILENO);
    dup2(standby->log, STDERR_FILENO);
    ssize_t n = recv(wait_for, &endpoint, sizeof(endpoint), MSG_WAITALL);
    _exit(n == sizeof(endpoint) ? serve(&endpoint, options) : EXIT_OK);
}

/* ---- the parent ---- */

static int make_place(struct standby *standby, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char dir[sizeof(standby->dir)], address[sizeof(dir) + sizeof("unix:///csi.sock")];
    tmp = tmp && tmp[0] == '/' ? tmp : "/tmp";
    int n = snprintf(dir, sizeof(dir), "%s/luacsi-check-XXXXXX", tmp);
    if (n >= (int)sizeof(dir))
        return err_set(err, STATUS_INVALID_ARGUMENT, "TMPDIR is too long for a socket: %s", tmp);
    if (!mkdtemp(dir))
        return err_errno(err, STATUS_FAILED_PRECONDITION, "cannot make a directory in %s", tmp);
    snprintf(address, sizeof(address), "unix://%s/csi.sock", dir);
    if (endpoint_parse(&standby->endpoint, address, err)) {
        rmdir(dir);
        return -1;
    }
    memcpy(standby->dir, dir, sizeof(dir));
    return 0;
}

static void remove_place(const struct standby *standby)
{
    unlink(standby->endpoint.path); /* there only when the process was killed */
    rmdir(standby->dir);
}

int standby_new(struct standby *standby, const struct process_options *options, struct err *err)
{
    int ends[2]; /* a socket: writing to an end that is gone must not be a signal */
    *standby = (struct standby){.go = -1, .log = -1};
    standby->log = memfd_create("luacsi-check", MFD_CLOEXEC);
    if (standby->log < 0)
        return err_errno(err, STATUS_RESOURCE_EXHAUSTED, "cannot make a file for a log");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_errno(err, STATUS_RESOURCE_EXHAUSTED, "cannot make a pair of sockets");
    standby->go = ends[1];
    fflush(NULL);
    standby->pid = fork();
    if (standby->pid == 0)
        be_child(standby, ends[0], options);
    close(ends[0]);
    if (standby->pid > 0)
        return 0;
    standby->pid = 0;
    return err_errno(err, STATUS_RESOURCE_EXHAUSTED, "cannot start a process");
}

/* ---- when the user has had enough ---- */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

static const struct standby *volatile at_work; /* NULL: none */

static void on_ending(int number)
{
    if (at_work && at_work->pid > 0)
        kill(at_work->pid, SIGKILL);
    if (at_work)
        remove_place(at_work);
    signal(number, SIG_DFL);
    raise(number);
}

/* standby: NULL when there is nothing to clean up any more. */
static void clean_up_at_signals(const struct standby *standby)
{
    at_work = standby;
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
        signal(ending[i], standby ? on_ending : SIG_DFL);
}

/* ---- at work ---- */

static bool listens(const struct endpoint *endpoint)
{
    int fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes =
        fd >= 0 && connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->size) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

/* True once it has ended, which it does only once. */
static bool has_ended(struct standby *standby)
{
    if (standby->pid == 0 || waitpid(standby->pid, NULL, WNOHANG) != standby->pid)
        return false;
    standby->pid = 0;
    return true;
}

static int fail_ended(const struct standby *standby, struct err *err)
{
    char text[ERR_TEXT / 2];
    off_t size = lseek(standby->log, 0, SEEK_END);
    off_t from = size > (off_t)sizeof(text) - 1 ? size - (off_t)sizeof(text) + 1 : 0;
    ssize_t n = pread(standby->log, text, sizeof(text) - 1, from);
    n = n > 0 ? n : 0;
    while (n > 0 && text[n - 1] == '\n')
        n--;
    text[n] = '\0';
    const char *line = strrchr(text, '\n');
    return err_set(err, STATUS_UNAVAILABLE, "it does not serve: %s", line ? line + 1 : text);
}

/* A load that is stuck ends the process by itself. */
int standby_start(struct standby *standby, struct err *err)
{
    const struct endpoint *endpoint = &standby->endpoint;
    if (make_place(standby, err))
        return -1;
    clean_up_at_signals(standby);
    if (send(standby->go, endpoint, sizeof(*endpoint), MSG_NOSIGNAL) != sizeof(*endpoint))
        return fail_ended(standby, err);
    while (!listens(&standby->endpoint)) {
        if (has_ended(standby))
            return fail_ended(standby, err);
        look_again();
    }
    return 0;
}

static void end_process(struct standby *standby)
{
    if (standby->pid == 0)
        return;
    kill(standby->pid, SIGTERM);
    for (int i = 0; i < END_TRIES; i++) {
        if (has_ended(standby))
            return;
        look_again();
    }
    kill(standby->pid, SIGKILL);
    waitpid(standby->pid, NULL, 0);
}

void standby_end(struct standby *standby)
{
    end_process(standby);
    clean_up_at_signals(NULL);
    if (standby->go >= 0)
        close(standby->go);
    if (standby->log >= 0)
        close(standby->log);
    if (standby->dir[0])
        remove_place(standby);
    *standby = (struct standby){.go = -1, .log = -1};
}
