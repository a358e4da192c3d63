/* Three numbers about the server: idle memory, time from exec to the first answer, and instructions
 * per call (callgrind). It starts the real binary and calls it by http2.c, so that no client
 * library's own start is measured. One thread. Prints; fails only when something does not run.
 *
 * usage: build/bench-smoke LUACSI */
#include "http2.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STARTS = 21, /* odd: the median is one of them */
    CALLS_FEW = 500,
    CALLS_MANY = 2500,
    BAR_MEMORY_KB = 10 * 1024,
    BAR_FIRST_US = 8000,
};

static const char method[] = "/csi.v1.Identity/GetPluginInfo";

struct server {
    pid_t pid;
    char dir[64];    /* of the socket and of callgrind's output; removed by server_stop */
    char socket[80]; /* path */
    char counts[80]; /* path of callgrind's output */
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Connects as soon as the server listens. */
static void client_open(struct http2 *client, const struct server *server)
{
    http2_open_when_listening(client, server->socket, method, server->pid);
}

static void calls(struct http2 *client, int n)
{
    while (n--)
        http2_call(client);
}

/* ---- The server ---- */

static void server_start(struct server *server, const char *luacsi, const char *script, bool count)
{
    char endpoint[100], counts[120];
    strcpy(server->dir, "/tmp/bench-smoke-XXXXXX");
    if (!mkdtemp(server->dir))
        die("mkdtemp");
    snprintf(server->socket, sizeof(server->socket), "%s/csi.sock", server->dir);
    snprintf(server->counts, sizeof(server->counts), "%s/counts", server->dir);
    snprintf(endpoint, sizeof(endpoint), "unix://%s", server->socket);
    snprintf(counts, sizeof(counts), "--callgrind-out-file=%s", server->counts);
    const char *argv[] = {"valgrind", "--quiet",    "--tool=callgrind", counts, luacsi,
                          "serve",    "--endpoint", endpoint,           script, NULL};
    const char **command = count ? argv : argv + 4;
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* where we die, it does not outlive us */
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        execvp(command[0], (char **)command);
        _exit(127);
    }
}

static void server_stop(struct server *server)
{
    int status;
    kill(server->pid, SIGTERM);
    if (waitpid(server->pid, &status, 0) < 0 || status != 0)
        die("the server did not end well");
    unlink(server->counts);
    rmdir(server->dir);
}

/* The number behind key in a file of /proc or callgrind; -1: there is none. */
static int64_t file_number(const char *path, const char *key)
{
    char line[512];
    int64_t value = -1;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, key, strlen(key)) == 0)
            value = strtoll(line + strlen(key), NULL, 10);
    if (file)
        fclose(file);
    return value;
}

/* ---- The three numbers ---- */

static const char *verdict(int64_t value, int64_t bar)
{
    return value < bar ? "holds" : "DOES NOT HOLD";
}

static void memory(const char *luacsi)
{
    struct server server;
    struct http2 client;
    char path[64];
    server_start(&server, luacsi, "examples/hello.lua", false);
    client_open(&client, &server);
    calls(&client, 3);
    snprintf(path, sizeof(path), "/proc/%d/status", server.pid);
    int64_t rss = file_number(path, "VmRSS:");
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", server.pid);
    int64_t pss = file_number(path, "Pss:");
    printf("idle memory       %6.2f MB resident, %.2f MB proportional (bar: 10 MB, %s)\n",
           (double)rss / 1024, (double)pss / 1024, verdict(rss, BAR_MEMORY_KB));
    http2_close(&client);
    server_stop(&server);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void first_answer(const char *luacsi)
{
    int64_t took[STARTS];
    for (int i = 0; i < STARTS; i++) {
        struct server server;
        struct http2 client;
        int64_t start = now_us();
        server_start(&server, luacsi, "examples/hello.lua", false);
        client_open(&client, &server);
        calls(&client, 1);
        took[i] = now_us() - start;
        http2_close(&client);
        server_stop(&server);
    }
    qsort(took, STARTS, sizeof(took[0]), by_size);
    int64_t median = took[STARTS / 2];
    printf("first answer      %6.2f ms after exec, median of %d; best %.2f (bar: 8 ms, %s)\n",
           (double)median / 1000, STARTS, (double)took[0] / 1000, verdict(median, BAR_FIRST_US));
}

static int64_t instructions(const char *luacsi, const char *script, int n)
{
    struct server server;
    struct http2 client;
    server_start(&server, luacsi, script, true);
    client_open(&client, &server);
    calls(&client, n);
    http2_close(&client);
    kill(server.pid, SIGTERM);
    if (waitpid(server.pid, NULL, 0) < 0)
        die("valgrind");
    int64_t total = file_number(server.counts, "summary:");
    if (total < 0)
        total = file_number(server.counts, "totals:");
    if (total < 0)
        die("callgrind's output");
    unlink(server.counts);
    rmdir(server.dir);
    return total;
}

static void per_call(const char *luacsi, const char *label, const char *script)
{
    int64_t few = instructions(luacsi, script, CALLS_FEW);
    int64_t many = instructions(luacsi, script, CALLS_MANY);
    printf("%-17s %6lld instructions per call\n", label,
           (long long)((many - few) / (CALLS_MANY - CALLS_FEW)));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: bench-smoke LUACSI\n", stderr);
        return 2;
    }
    memory(argv[1]);
    first_answer(argv[1]);
    per_call(argv[1], "constant reply", "bench/scripts/constant.lua");
    per_call(argv[1], "Lua handler", "bench/scripts/handler.lua");
    return 0;
}
