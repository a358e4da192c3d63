/* Three numbers about the server: idle memory, time from exec to the first answer, and instructions
 * per call (callgrind). It starts the real binary and speaks HTTP/2 by itself over the socket, so
 * that no client library's own start is measured. One thread. Prints; fails only when something
 * does not run.
 *
 * usage: build/bench-smoke LUACSI */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STARTS = 21, /* odd: the median is one of them */
    CALLS_FEW = 500,
    CALLS_MANY = 2500,
    BAR_MEMORY_KB = 10 * 1024,
    BAR_FIRST_US = 8000,
    CONNECT_SECONDS = 60,
};

enum { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_SETTINGS = 4, FRAME_PING = 6, FRAME_GOAWAY = 7 };
enum { FLAG_ACK = 1, FLAG_END_STREAM = 1, FLAG_END_HEADERS = 4 };

struct server {
    pid_t pid;
    char dir[64];    /* of the socket and of callgrind's output; removed by server_stop */
    char socket[80]; /* path */
    char counts[80]; /* path of callgrind's output */
};

struct client {
    int fd;
    uint32_t stream; /* of the next call */
    size_t unseen;   /* bytes of DATA that the server's window still lacks */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-smoke: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- HTTP/2, as much as a unary call wants ---- */

static void write_all(int fd, const void *bytes, size_t size)
{
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        die("write to the server");
}

static void read_all(int fd, uint8_t *bytes, size_t size)
{
    while (size) {
        ssize_t n = read(fd, bytes, size);
        if (n <= 0)
            die("read from the server");
        bytes += n;
        size -= (size_t)n;
    }
}

static size_t frame(uint8_t *out, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                    size_t size)
{
    const uint8_t head[9] = {(uint8_t)(size >> 16),
                             (uint8_t)(size >> 8),
                             (uint8_t)size,
                             type,
                             flags,
                             (uint8_t)(stream >> 24),
                             (uint8_t)(stream >> 16),
                             (uint8_t)(stream >> 8),
                             (uint8_t)stream};
    memcpy(out, head, sizeof(head));
    memcpy(out + sizeof(head), payload, size);
    return sizeof(head) + size;
}

/* Sends one call of GetPluginInfo. The first one puts its headers into the HPACK table (RFC 7541),
 * the later ones name them by their place there, as a real client does. */
static void call_send(struct client *client)
{
    static const char first[] = "\x83\x86" /* :method POST, :scheme http */
                                "\x44\x1e/csi.v1.Identity/GetPluginInfo"
                                "\x41\x09localhost"
                                "\x5f\x10"
                                "application/grpc"
                                "\x40\x02te\x08trailers";
    static const char again[] = "\x83\x86\xc1\xc0\xbf\xbe";
    static const uint8_t empty[5];
    bool fresh = client->stream == 1;
    uint8_t out[256];
    size_t n = frame(out, FRAME_HEADERS, FLAG_END_HEADERS, client->stream, fresh ? first : again,
                     fresh ? sizeof(first) - 1 : sizeof(again) - 1);
    n += frame(out + n, FRAME_DATA, FLAG_END_STREAM, client->stream, empty, sizeof(empty));
    write_all(client->fd, out, n);
}

static void window_update(struct client *client, size_t size)
{
    uint8_t out[16];
    client->unseen += size;
    if (client->unseen < 16384)
        return;
    const uint8_t n[4] = {0, 0, (uint8_t)(client->unseen >> 8), (uint8_t)client->unseen};
    write_all(client->fd, out, frame(out, 8, 0, 0, n, sizeof(n)));
    client->unseen = 0;
}

/* Reads frames until the call's trailers. Dies when it had no message: the call failed. */
static void call_receive(struct client *client)
{
    bool message = false;
    for (;;) {
        uint8_t head[9], payload[16384], out[64];
        read_all(client->fd, head, sizeof(head));
        size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (size > sizeof(payload))
            die("frame over 16384 bytes");
        read_all(client->fd, payload, size);
        uint8_t type = head[3], flags = head[4];
        if (type == FRAME_SETTINGS && !(flags & FLAG_ACK))
            write_all(client->fd, out, frame(out, FRAME_SETTINGS, FLAG_ACK, 0, "", 0));
        else if (type == FRAME_PING && !(flags & FLAG_ACK))
            write_all(client->fd, out, frame(out, FRAME_PING, FLAG_ACK, 0, payload, 8));
        else if (type == FRAME_GOAWAY)
            die("the server said GOAWAY");
        else if (type == FRAME_DATA) {
            message = true;
            window_update(client, size);
        } else if (type == FRAME_HEADERS && flags & FLAG_END_STREAM)
            break;
    }
    if (!message)
        die("GetPluginInfo failed");
    client->stream += 2;
}

/* Connects as soon as the server listens. */
static void client_open(struct client *client, const struct server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->socket);
    int64_t end = now_us() + (int64_t)CONNECT_SECONDS * 1000000;
    *client = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM, 0), .stream = 1};
    while (connect(client->fd, (struct sockaddr *)&address, sizeof(address))) {
        if (now_us() > end || waitpid(server->pid, NULL, WNOHANG))
            die("connect to the server");
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    uint8_t out[64];
    memcpy(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    write_all(client->fd, out, 24 + frame(out + 24, FRAME_SETTINGS, 0, 0, "", 0));
}

static void calls(struct client *client, int n)
{
    while (n--) {
        call_send(client);
        call_receive(client);
    }
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
    struct client client;
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
    close(client.fd);
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
        struct client client;
        int64_t start = now_us();
        server_start(&server, luacsi, "examples/hello.lua", false);
        client_open(&client, &server);
        calls(&client, 1);
        took[i] = now_us() - start;
        close(client.fd);
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
    struct client client;
    server_start(&server, luacsi, script, true);
    client_open(&client, &server);
    calls(&client, n);
    close(client.fd);
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
    per_call(argv[1], "constant reply", "bench/constant.lua");
    per_call(argv[1], "Lua handler", "bench/handler.lua");
    return 0;
}
