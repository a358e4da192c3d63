/* Owns child processes and the pipes to them. exec_start and exec_cancel run on the loop thread,
 * the rest on the I/O thread, but for finish.
 *
 * Standard input is a file in memory that holds all of it, so that nothing has to be written while
 * the child runs. Standard output and error are pipes, which other processes may hold open for
 * longer than the child lives: when it has ended, what lies in them is read, and they are closed.
 */
#include "io/exec.h"

#include "base/file.h"
#include "base/log.h"
#include "io/ioop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    READ_BYTES = 16 * 1024,
    DRAIN_BYTES = 1 << 20, /* most that is read of a pipe once the child has ended */
    KILL_TICKS = 2,        /* a killed process that lives for longer is not waited for */
    KILL_TICK_MS = 500,
    N_PIPES = 2,
};

static const char default_path[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* A pipe that we read. I/O thread only. */
struct pipe {
    uv_pipe_t handle; /* data: the exec */
    int child_end;    /* until the child has it; else -1 */
    char *data;       /* up to the limit */
    size_t size;
    bool truncated;
};

/* A running process; outlives its exec when it does not die. I/O thread only. */
struct child {
    uv_process_t handle;
    struct exec *exec; /* NULL when that did not wait for it */
};

struct exec {
    struct ioop op;
    exec_done *done;
    void *data;
    int64_t timeout;
    size_t limit;
    const char *file; /* lies behind, as what follows and its strings */
    const char **argv;
    const char **env;

    /* I/O thread only, until the end. */
    int input; /* descriptor, or -1 */
    struct pipe pipes[N_PIPES];
    struct child *child; /* NULL before it runs and after it ended */
    uv_timer_t patience; /* ticks once the child is killed */
    unsigned ticks;
    unsigned open; /* handles that are not closed yet */
    char buffer[READ_BYTES];

    /* Written on the I/O thread, read by finish. */
    bool failed;
    struct err err;
    int status;
    int signal;
};

static struct exec *exec_of(struct ioop *op)
{
    return container_of(op, struct exec, op);
}

/* ---- I/O thread: the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct exec *exec = handle->data;
    if (--exec->open == 0)
        ioop_end(&exec->op);
}

static void close_handle(struct exec *exec, uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) {
        handle->data = exec;
        uv_close(handle, on_closed);
    }
}

/* The child is not ours any more; the last handle that is closed ends the operation. */
static void close_all(struct exec *exec)
{
    exec->child = NULL;
    for (int i = 0; i < N_PIPES; i++)
        close_handle(exec, (uv_handle_t *)&exec->pipes[i].handle);
    close_handle(exec, (uv_handle_t *)&exec->patience);
}

/* ---- I/O thread: output ---- */

static void keep(struct exec *exec, struct pipe *pipe, const char *data, size_t size)
{
    size_t room = exec->limit - pipe->size;
    if (size > room)
        pipe->truncated = true;
    if (size > room)
        size = room;
    if (size == 0)
        return;
    char *larger = realloc(pipe->data, pipe->size + size);
    if (!larger) {
        pipe->truncated = true;
        return;
    }
    pipe->data = larger;
    memcpy(pipe->data + pipe->size, data, size);
    pipe->size += size;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct exec *exec = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(exec->buffer, sizeof(exec->buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct exec *exec = stream->data;
    if (n > 0)
        keep(exec, container_of(stream, struct pipe, handle), buffer->base, (size_t)n);
    else if (n < 0)
        uv_read_stop(stream);
}

/* Reads what the child wrote before it ended. Others may go on writing: there is an end to it. */
static void drain(struct exec *exec, struct pipe *pipe)
{
    int fd;
    if (uv_fileno((uv_handle_t *)&pipe->handle, &fd))
        return;
    for (size_t total = 0; total < DRAIN_BYTES;) {
        ssize_t n = read(fd, exec->buffer, sizeof(exec->buffer));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        keep(exec, pipe, exec->buffer, (size_t)n);
        total += (size_t)n;
    }
}

/* ---- I/O thread: the child ---- */

static void free_child(uv_handle_t *handle)
{
    free(container_of(handle, struct child, handle));
}

static void on_ended(uv_process_t *handle, int64_t status, int number)
{
    struct child *child = container_of(handle, struct child, handle);
    struct exec *exec = child->exec;
    uv_close((uv_handle_t *)handle, free_child);
    if (!exec)
        return;
    exec->status = (int)status;
    exec->signal = number;
    for (int i = 0; i < N_PIPES; i++)
        drain(exec, &exec->pipes[i]);
    close_all(exec);
}

/* Two ticks, so that libuv looks for children that have died in between however late they come.
 * Then the kernel does not let the child die: it waits for something that cannot be interrupted. */
static void on_patience(uv_timer_t *timer)
{
    struct exec *exec = timer->data;
    if (++exec->ticks < KILL_TICKS)
        return;
    log_warning("A killed process does not end", log_str("program", exec->argv[0]),
                log_int("pid", exec->child->handle.pid));
    exec->child->exec = NULL;
    uv_unref((uv_handle_t *)&exec->child->handle);
    close_all(exec);
}

static void stop(struct ioop *op)
{
    struct exec *exec = exec_of(op);
    if (!exec->child)
        return; /* its handles are being closed */
    kill(-exec->child->handle.pid, SIGKILL);
    uv_update_time(iothread_uv(op->io)); /* it may have started many processes since */
    uv_timer_start(&exec->patience, on_patience, KILL_TICK_MS, KILL_TICK_MS);
}

static void fail(struct exec *exec, int error)
{
    exec->failed = true;
    errno = -error; /* libuv's errors are the system's, below 0 */
    err_errno(&exec->err, file_status(-error), "%s", exec->argv[0]);
}

/* Returns 0 or an error of libuv. */
static int open_pipe(struct pipe *pipe)
{
    uv_file fds[2];
    int failed = uv_pipe(fds, UV_NONBLOCK_PIPE, 0);
    if (failed)
        return failed;
    pipe->child_end = fds[1];
    failed = uv_pipe_open(&pipe->handle, fds[0]);
    if (failed)
        close(fds[0]);
    return failed;
}

static int spawn(struct exec *exec)
{
    struct child *child = calloc(1, sizeof(*child));
    if (!child)
        return UV_ENOMEM;
    uv_stdio_container_t stdio[] = {
        {.flags = exec->input < 0 ? UV_IGNORE : UV_INHERIT_FD, .data.fd = exec->input},
        {.flags = UV_INHERIT_FD, .data.fd = exec->pipes[0].child_end},
        {.flags = UV_INHERIT_FD, .data.fd = exec->pipes[1].child_end},
    };
    const uv_process_options_t options = {
        .exit_cb = on_ended,
        .file = exec->file,
        .args = (char **)exec->argv,
        .env = (char **)exec->env,
        .flags = UV_PROCESS_DETACHED, /* a session of its own */
        .stdio_count = 1 + N_PIPES,
        .stdio = stdio,
    };
    child->exec = exec;
    int failed = uv_spawn(iothread_uv(exec->op.io), &child->handle, &options);
    if (failed)
        uv_close((uv_handle_t *)&child->handle, free_child);
    else
        exec->child = child;
    return failed;
}

static void begin(struct ioop *op)
{
    struct exec *exec = exec_of(op);
    uv_loop_t *uv = iothread_uv(op->io);
    int failed = 0;
    uv_timer_init(uv, &exec->patience);
    exec->patience.data = exec;
    exec->open = 1;
    for (int i = 0; i < N_PIPES; i++, exec->open++) {
        uv_pipe_init(uv, &exec->pipes[i].handle, 0);
        exec->pipes[i].handle.data = exec;
        if (!failed)
            failed = open_pipe(&exec->pipes[i]);
    }
    if (!failed)
        failed = spawn(exec);
    for (int i = 0; i < N_PIPES; i++) {
        if (exec->pipes[i].child_end >= 0)
            close(exec->pipes[i].child_end);
        if (!failed)
            uv_read_start((uv_stream_t *)&exec->pipes[i].handle, on_alloc, on_read);
    }
    if (failed) {
        fail(exec, failed);
        close_all(exec);
    }
}

/* ---- loop thread ---- */

static void finish(struct ioop *op, bool timed_out)
{
    struct exec *exec = exec_of(op);
    struct err err;
    if (timed_out) {
        ioop_timed_out(exec->argv[0], exec->timeout, &err);
        exec->done(exec->data, NULL, &err);
    } else if (exec->failed) {
        exec->done(exec->data, NULL, &exec->err);
    } else {
        struct exec_result result = {.status = exec->status, .signal = exec->signal};
        for (int i = 0; i < N_PIPES; i++) {
            const struct pipe *pipe = &exec->pipes[i];
            result.output[i] = (struct exec_output){pipe->data, pipe->size, pipe->truncated};
        }
        exec->done(exec->data, &result, NULL);
    }
}

static void free_exec(struct ioop *op)
{
    struct exec *exec = exec_of(op);
    if (exec->input >= 0)
        close(exec->input);
    for (int i = 0; i < N_PIPES; i++)
        free(exec->pipes[i].data);
    free(exec);
}

/* A descriptor from which size bytes can be read; -1 with errno. */
static int input_of(const void *data, size_t size)
{
    int fd = memfd_create("luacsi-input", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    for (size_t written = 0; written < size;) {
        ssize_t n = write(fd, (const char *)data + written, size - written);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        written += (size_t)n;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* What the child's environment begins with: our PATH, or the usual one. */
static const char *path_entry(void)
{
    for (char **entry = environ; *entry; entry++) {
        if (strncmp(*entry, "PATH=", 5) == 0)
            return *entry;
    }
    return default_path;
}

static size_t count(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

/* Copies the strings of a list to *text, their places to copy; moves *text behind them. */
static void copy_list(const char **copy, const char *const *list, size_t n, char **text)
{
    for (size_t i = 0; i < n; i++) {
        copy[i] = *text;
        *text = stpcpy(*text, list[i]) + 1;
    }
}

static size_t text_size(const char *const *list, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += strlen(list[i]) + 1;
    return size;
}

static bool sets_path(const char *const *env, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strncmp(env[i], "PATH=", 5) == 0)
            return true;
    }
    return false;
}

/* One block: the exec, argv and env with a NULL behind each, and their strings. */
static struct exec *new_exec(const struct exec_request *request)
{
    size_t n_argv = count(request->argv);
    size_t n_env = count(request->env);
    const char *path = sets_path(request->env, n_env) ? NULL : path_entry();
    size_t n_path = path != NULL;
    const char *file = request->file ? request->file : request->argv[0];
    size_t n_pointers = n_argv + 1 + n_path + n_env + 1;
    struct exec *exec = calloc(
        1, sizeof(*exec) + n_pointers * sizeof(char *) + text_size(request->argv, n_argv) +
               text_size(request->env, n_env) + text_size(&path, n_path) + text_size(&file, 1));
    if (!exec)
        return NULL;
    exec->argv = (const char **)(exec + 1);
    exec->env = exec->argv + n_argv + 1;
    char *text = (char *)(exec->argv + n_pointers);
    copy_list(&exec->file, &file, 1, &text);
    copy_list(exec->argv, request->argv, n_argv, &text);
    copy_list(exec->env, &path, n_path, &text);
    copy_list(exec->env + n_path, request->env, n_env, &text);
    exec->limit = request->limit;
    exec->timeout = request->timeout;
    exec->input = -1;
    for (int i = 0; i < N_PIPES; i++)
        exec->pipes[i].child_end = -1;
    return exec;
}

struct exec *exec_start(struct iothread *io, const struct exec_request *request, exec_done *done,
                        void *data, struct err *err)
{
    static const struct ioop_kind kind = {begin, stop, finish, free_exec};
    struct exec *exec = new_exec(request);
    if (!exec) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to start %s", request->argv[0]);
        return NULL;
    }
    exec->done = done;
    exec->data = data;
    if (request->input_size > 0 &&
        (exec->input = input_of(request->input, request->input_size)) < 0) {
        err_errno(err, STATUS_RESOURCE_EXHAUSTED, "standard input of %s", request->argv[0]);
        free_exec(&exec->op);
        return NULL;
    }
    ioop_start(&exec->op, &kind, io, request->timeout);
    return exec;
}

void exec_cancel(struct exec *exec)
{
    ioop_cancel(&exec->op);
}
