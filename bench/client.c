/* What h2load does not measure. One thread, one core; prints figures, and fails loudly when a call
 * does. A METHOD is a path: /csi.v1.Identity/Probe.
 *
 * client calls SOCKET METHOD N: N calls, one after the other.
 *
 * client latency SOCKET METHOD N: the same; prints p50 p99 p99.9 max, in nanoseconds.
 *
 * client first SOCKET METHOD COMMAND...: starts a server; prints the nanoseconds from exec to its
 * first answer, then ends it.
 *
 * client hold SOCKET METHOD CONNECTIONS CALLS: opens them, starts so many calls on each, prints
 * "held", and holds all until its standard input ends. */
#include "http2.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 200 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static size_t number(const char *text)
{
    char *end;
    size_t n = strtoul(text, &end, 10);
    if (*end || end == text) {
        errno = EINVAL;
        die(text);
    }
    return n;
}

static void open_or_die(struct http2 *http2, const char *socket, const char *path)
{
    if (http2_open(http2, socket, path))
        die(socket);
}

/* ---- calls ---- */

static void calls(const char *socket, const char *path, size_t n)
{
    struct http2 http2;
    open_or_die(&http2, socket, path);
    while (n--)
        http2_call(&http2);
    http2_close(&http2);
}

/* ---- latency ---- */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void latency(const char *socket, const char *path, size_t n)
{
    struct http2 http2;
    int64_t *took = calloc(n + 1, sizeof(*took));
    if (!took || !n)
        die("N");
    open_or_die(&http2, socket, path);
    for (int i = 0; i < WARM_UP; i++)
        http2_call(&http2);
    for (size_t i = 0; i < n; i++) {
        int64_t start = now_ns();
        http2_call(&http2);
        took[i] = now_ns() - start;
    }
    http2_close(&http2);
    qsort(took, n, sizeof(*took), by_size);
    printf("%lld %lld %lld %lld\n", (long long)took[n / 2], (long long)took[n * 99 / 100],
           (long long)took[n * 999 / 1000], (long long)took[n - 1]);
    free(took);
}

/* ---- first ---- */

static pid_t start(char **command)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* where we die, it does not outlive us */
        execvp(command[0], command);
        _exit(127);
    }
    return pid;
}

static void first(const char *socket, const char *path, char **command)
{
    struct http2 http2;
    int64_t begin = now_ns();
    pid_t pid = start(command);
    http2_open_when_listening(&http2, socket, path, pid);
    http2_call(&http2);
    printf("%lld\n", (long long)(now_ns() - begin));
    http2_close(&http2);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* ---- hold ---- */

static void hold(const char *socket, const char *path, size_t n_connections, size_t n_calls)
{
    char byte;
    for (size_t i = 0; i < n_connections; i++) {
        struct http2 http2;
        open_or_die(&http2, socket, path);
        for (size_t k = 0; k < n_calls; k++)
            http2_send(&http2);
    }
    puts("held");
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
}

int main(int argc, char **argv)
{
    const char *what = argc > 3 ? argv[1] : "";
    if (strcmp(what, "calls") == 0 && argc == 5)
        calls(argv[2], argv[3], number(argv[4]));
    else if (strcmp(what, "latency") == 0 && argc == 5)
        latency(argv[2], argv[3], number(argv[4]));
    else if (strcmp(what, "first") == 0 && argc > 4)
        first(argv[2], argv[3], argv + 4);
    else if (strcmp(what, "hold") == 0 && argc == 6)
        hold(argv[2], argv[3], number(argv[4]), number(argv[5]));
    else {
        fputs("usage: client calls|latency SOCKET METHOD N\n"
              "       client first SOCKET METHOD COMMAND...\n"
              "       client hold SOCKET METHOD CONNECTIONS CALLS\n",
              stderr);
        return 2;
    }
    return 0;
}
