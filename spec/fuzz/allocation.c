/* A whole server, started, called, reloaded and stopped over and over in this process, while the
 * n-th allocation of luacsi's own fails: it must neither crash nor leak nor hang, end with a reason
 * where it cannot start, and serve as before as soon as there is memory again.
 *
 * The main thread is the server's loop thread. A driver thread plays the clients, and is spared.
 * usage: allocation SCRIPT FOLDER MOST DENSE STEP
 * n goes from 1 to MOST, or as far as a phase has allocations: each n up to DENSE, then each
 * STEPth. Prints a line for each phase and mode. */
#include "csi.pb-c.h"
#include "fault.h"

#include "base/log.h"
#include "csi/catalog.h"
#include "csi/message.h"
#include "io/client.h"
#include "io/store.h"
#include "luacsi.pb-c.h"
#include "script/perms.h"
#include "serve/process.h"

#include <grpc/grpc.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
static int __lsan_do_recoverable_leak_check(void)
{
    return 0; /* only AddressSanitizer's build can tell */
}
#endif

enum phase { PHASE_LOAD, PHASE_CALL, PHASE_RELOAD, PHASE_STOP, PHASES };

static const char *const phase_names[] = {"load", "call", "reload", "shutdown"};
static const char *const mode_names[] = {"once", "burst", "every"};

static const int64_t SECOND = 1000000000;

enum { PATIENCE_S = 60 /* then something hangs */ };

/* Which n are tried. */
struct range {
    unsigned most;
    unsigned dense; /* up to there each of them, */
    unsigned step;  /* then each so many */
};

/* One life of a server. */
struct life {
    enum phase phase;
    enum fault_mode mode;
    unsigned n;
    char name[80]; /* of it, for a crash */
    const char *script;
    char folder[PATH_MAX];
    char socket[PATH_MAX + 32];
    char state[PATH_MAX + 32];
    char corrupt[PATH_MAX + 32]; /* what becomes of the state under --state-reset */
    struct endpoint endpoint;
    struct client *client;
    unsigned asked;       /* allocations in the phase */
    atomic_bool answered; /* the call that is under way while it stops */
    atomic_bool ended;    /* process_run has returned */
};

static struct life life;

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "%s, %s, n = %u: %s: %s\n", phase_names[life.phase], mode_names[life.mode],
            life.n, what, text);
    _exit(1);
}

static void on_crash(int number)
{
    (void)number;
    _exit(write(STDERR_FILENO, life.name, sizeof(life.name)) < 0 ? 2 : 1);
}

/* ---- the clients ---- */

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Calls method; the code of what came, and the reply if somebody wants it. */
static int call_of(struct client *client, const char *method, const char *data, size_t size,
                   struct client_reply *reply)
{
    static const struct client_pair pair = {"csi.requestid", "a-b-c", 5};
    const struct client_request request = {
        .path = method,
        .data = (const uint8_t *)data,
        .size = size,
        .metadata = &pair,
        .n_metadata = 1,
        .timeout = PATIENCE_S * SECOND,
    };
    struct client_reply own = {0};
    struct err err;
    if (client_call(client, &request, &own, &err))
        return err.code;
    int code = own.code;
    if (code == STATUS_DEADLINE_EXCEEDED)
        fail(method, "no answer");
    if (reply)
        *reply = own;
    else
        client_reply_fini(&own);
    return code;
}

static int call(const char *method, const char *data, size_t size, struct client_reply *reply)
{
    return call_of(life.client, method, data, size, reply);
}

/* Whether the server answers; that it listens is too early. */
static bool answers(void)
{
    struct err err;
    life.client = client_new(life.endpoint.text, 0, &err);
    if (life.client && call("/csi.v1.Identity/GetPluginInfo", "", 0, NULL) != STATUS_UNAVAILABLE)
        return true;
    client_free(life.client);
    return false;
}

/* Whatever becomes of them, they are answered. */
static void call_all(void)
{
    static const char volume[] =
        "\x0a\x04name\x22\x08\x0a\x01k\x12\x03val\x2a\x0c\x0a\x06secret\x12\x02it";
    static const char list_services[] = "\x3a\x00";
    call("/csi.v1.Identity/GetPluginInfo", "", 0, NULL);
    call("/csi.v1.Identity/Probe", "", 0, NULL);
    call("/csi.v1.Identity/GetPluginCapabilities", "", 0, NULL);
    call("/csi.v1.Controller/CreateVolume", volume, sizeof(volume) - 1, NULL);
    call("/csi.v1.Node/NodeGetInfo", "", 0, NULL);
    call("/csi.v1.Controller/DeleteVolume", "", 0, NULL);
    call("/csi.v1.Controller/Unknown", "", 0, NULL);
    call("/grpc.health.v1.Health/Check", "", 0, NULL);
    call("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", list_services,
         sizeof(list_services) - 1, NULL);
    call("/luacsi.v1.Host/GetStatus", "", 0, NULL);
}

/* As soon as nothing fails any more, each of them has its right answer. */
static void expect_health(void)
{
    static const char *const methods[] = {"/csi.v1.Identity/GetPluginInfo",
                                          "/csi.v1.Identity/Probe",
                                          "/csi.v1.Identity/GetPluginCapabilities",
                                          "/csi.v1.Node/NodeGetInfo", "/luacsi.v1.Host/GetStatus"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct client_reply reply = {0};
        /* a connection that failed for want of memory is made anew */
        int code = call(methods[i], "", 0, &reply);
        for (int again = 0; code == STATUS_UNAVAILABLE && again < 10; again++) {
            client_reply_fini(&reply);
            code = call(methods[i], "", 0, &reply);
        }
        if (code != STATUS_OK)
            fail(methods[i], reply.message ? reply.message : status_name(code));
        client_reply_fini(&reply);
    }
}

/* A call that is under way when the server is told to stop. */
static void *call_while_it_stops(void *data)
{
    struct client *client = data;
    fault_spare_thread(true);
    call_of(client, "/csi.v1.Node/NodeUnpublishVolume", "", 0, NULL);
    atomic_store(&life.answered, true);
    return NULL;
}

enum question { RELOADS, SUSPENDED };

/* How many reloads have come to an end, well or not; how many handlers wait. -1: no answer. */
static int64_t ask_status(enum question question)
{
    struct client_reply reply = {0};
    struct arena arena;
    struct err err;
    const ProtobufCMessage *message = NULL;
    int64_t n = -1;
    arena_init(&arena, SIZE_MAX);
    if (call("/luacsi.v1.Host/GetStatus", "", 0, &reply) == STATUS_OK)
        message = message_unpack(&luacsi__v1__get_status_response__descriptor, reply.data,
                                 reply.size, &arena, &err);
    const Luacsi__V1__GetStatusResponse *status = (const void *)message;
    if (status)
        n = question == RELOADS ? status->reloads + status->failed_reloads
                                : status->suspended_tasks;
    client_reply_fini(&reply);
    arena_fini(&arena);
    return n;
}

static void reload(void)
{
    int64_t before = ask_status(RELOADS);
    fault_arm(life.mode, life.n);
    kill(getpid(), SIGHUP);
    time_t end = time(NULL) + PATIENCE_S;
    while (ask_status(RELOADS) <= before) {
        if (time(NULL) > end)
            fail("reload", "neither done nor refused");
        nap();
    }
    life.asked = fault_disarm();
}

/* The server is told to stop while a handler waits, and has something to save. */
static void stop(void)
{
    pthread_t caller;
    struct err err = {.text = ""};
    struct client *client = client_new(life.endpoint.text, 0, &err);
    if (!client || pthread_create(&caller, NULL, call_while_it_stops, client) != 0)
        fail("no call while it stops", err.text);
    while (ask_status(SUSPENDED) < 1 && !atomic_load(&life.answered)) /* missed: no matter */
        nap();
    fault_arm(life.mode, life.n);
    kill(getpid(), SIGTERM);
    pthread_join(caller, NULL);
    client_free(client);
}

/* Plays one life, unless the server does not even start. */
static void *drive(void *data)
{
    (void)data;
    fault_spare_thread(true);
    while (!answers()) {
        if (atomic_load(&life.ended))
            return NULL;
        nap();
    }
    if (life.phase == PHASE_LOAD)
        life.asked = fault_disarm();
    if (life.phase == PHASE_CALL) {
        fault_arm(life.mode, life.n);
        call_all();
        life.asked = fault_disarm();
    } else {
        call_all();
    }
    if (life.phase == PHASE_RELOAD)
        reload();
    expect_health();
    if (life.phase == PHASE_STOP)
        stop();
    else
        kill(getpid(), SIGTERM);
    client_free(life.client);
    return NULL;
}

/* ---- the server ---- */

static void tell(void *data, const struct vm_problem *problem)
{
    (void)data;
    (void)problem;
}

/* What the command line would make; false when it would end here. */
static bool serve(struct err *err)
{
    const struct vm_setting settings[] = {
        {.key = "file", .key_size = 4, .value = life.script, .value_size = strlen(life.script)},
        {.key = "version", .key_size = 7, .value = "1", .value_size = 1},
        {.key = "endpoint",
         .key_size = 8,
         .value = life.endpoint.text,
         .value_size = strlen(life.endpoint.text)},
    };
    struct process_options options = {
        .script = life.script,
        .endpoint = &life.endpoint,
        .mode = 0600,
        .grace = SECOND,
        .state = life.state,
        .state_reset = true,
        .max_in_flight = 100,
        .watch = true,
        .vm =
            {
                .settings = settings,
                .n_settings = 3,
                .nodeid = "node",
                .memory = 64 * 1024 * 1024,
                .handler_wall = 30 * SECOND,
                .handler_cpu = 30 * SECOND,
                .problem = tell,
            },
    };
    struct perms *perms = perms_new();
    if (perms)
        perms_allow_all(perms);
    options.vm.perms = perms;
    options.vm.store = perms ? store_new(err) : NULL;
    bool made = options.vm.store != NULL;
    if (!perms)
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the flags");
    bool served = made && process_run(&options, err) == 0;
    perms_free(perms);
    store_free(options.vm.store);
    return served;
}

/* One life from start to end; whether the server served. */
static bool live(enum phase phase, enum fault_mode mode, unsigned n)
{
    pthread_t driver;
    struct err err = {.text = ""};
    life.phase = phase;
    life.mode = mode;
    life.n = n;
    snprintf(life.name, sizeof(life.name), "crash: %s, %s, n = %u\n", phase_names[phase],
             mode_names[mode], n);
    life.asked = 0;
    life.client = NULL;
    atomic_store(&life.answered, false);
    atomic_store(&life.ended, false);
    if (phase == PHASE_LOAD)
        fault_arm(mode, n);
    if (pthread_create(&driver, NULL, drive, NULL) != 0)
        fail("no thread", "");
    bool served = serve(&err);
    unsigned asked = fault_disarm();
    atomic_store(&life.ended, true);
    pthread_join(driver, NULL);
    if (life.asked == 0)
        life.asked = asked;
    if (!served && !err.text[0])
        fail("it did not start", "no reason");
    if (!served && phase != PHASE_LOAD)
        fail("it did not serve", err.text);
    if (access(life.corrupt, F_OK) == 0)
        fail("the state was taken for a corrupt one", err.text);
    if (__lsan_do_recoverable_leak_check())
        fail("leak", "see above");
    return served;
}

/* All n of one phase and mode. */
static void run(enum phase phase, enum fault_mode mode, const struct range *range)
{
    unsigned runs = 0, served = 0, allocations = 0;
    bool reached = true; /* the phase has n allocations at all */
    unsigned n = mode == FAULT_EVERY ? 2 : 1;
    for (; n <= range->most && reached; n += n < range->dense ? 1 : range->step, runs++) {
        served += live(phase, mode, n);
        allocations = life.asked > allocations ? life.asked : allocations;
        reached = fault_count() > 0;
    }
    printf("%s %s runs=%u served=%u last=%u allocations=%u\n", phase_names[phase], mode_names[mode],
           runs, served, n, allocations);
    fflush(stdout);
}

/* The catalog is made once in a process; who asks again after a failure gets it whole. */
static void init_catalog(void)
{
    struct err err;
    unsigned n = 0;
    int failed;
    do {
        fault_arm(FAULT_ONCE, ++n);
        failed = catalog_init(&err);
        fault_disarm();
    } while (failed);
    printf("catalog messages=%zu\n", catalog_message_count());
}

int main(int argc, char **argv)
{
    struct err err;
    sigset_t set;
    if (argc != 6)
        return 2;
    const struct range range = {
        .most = (unsigned)atoi(argv[3]),
        .dense = (unsigned)atoi(argv[4]),
        .step = (unsigned)atoi(argv[5]),
    };
    life.script = argv[1];
    snprintf(life.folder, sizeof(life.folder), "%s", argv[2]);
    snprintf(life.socket, sizeof(life.socket), "%s/run/csi.sock", argv[2]);
    snprintf(life.state, sizeof(life.state), "%s/state", argv[2]);
    snprintf(life.corrupt, sizeof(life.corrupt), "%s/state.corrupt", argv[2]);
    if (endpoint_parse(&life.endpoint, life.socket, &err))
        return 2;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    json_set_alloc_funcs(fault_malloc, free);
    log_init(LOG_TEXT, 0);
    init_catalog();
    grpc_init();
    for (int phase = 0; phase < PHASES; phase++) {
        for (int mode = 0; mode < FAULT_MODES; mode++)
            run((enum phase)phase, (enum fault_mode)mode, &range);
    }
    grpc_shutdown();
    return 0;
}
