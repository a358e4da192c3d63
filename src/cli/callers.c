/* Owns the table of callers. A caller's steps read like its own start: calls with their deadlines,
 * and decisions about the capabilities that it has learnt by then. */
#include "cli/callers.h"

#include "base/text.h"
#include "csi.pb-c.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- capabilities as bits ---- */

#define SERVICE(name) (UINT64_C(1) << CSI__V1__PLUGIN_CAPABILITY__SERVICE__TYPE__##name)
#define CONTROLLER(name) \
    (UINT64_C(1) << (8 + CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__##name))
#define NODE(name) (UINT64_C(1) << (40 + CSI__V1__NODE_SERVICE_CAPABILITY__RPC__TYPE__##name))

enum {
    SERVICES_AT = 0,
    SERVICES = 8,
    CONTROLLERS_AT = 8,
    CONTROLLERS = 32,
    NODES_AT = 40,
    NODES = 24
};

/* Types that we do not know yet change no caller's mind. */
static uint64_t bit(int type, int at, int n)
{
    return type > 0 && type < n ? UINT64_C(1) << (at + type) : 0;
}

static uint64_t of_plugin(const Csi__V1__GetPluginCapabilitiesResponse *reply)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < reply->n_capabilities; i++) {
        const Csi__V1__PluginCapability *one = reply->capabilities[i];
        if (one->type_case == CSI__V1__PLUGIN_CAPABILITY__TYPE_SERVICE)
            bits |= bit((int)one->service->type, SERVICES_AT, SERVICES);
    }
    return bits;
}

static uint64_t of_controller(const Csi__V1__ControllerGetCapabilitiesResponse *reply)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < reply->n_capabilities; i++) {
        const Csi__V1__ControllerServiceCapability *one = reply->capabilities[i];
        if (one->type_case == CSI__V1__CONTROLLER_SERVICE_CAPABILITY__TYPE_RPC)
            bits |= bit((int)one->rpc->type, CONTROLLERS_AT, CONTROLLERS);
    }
    return bits;
}

static uint64_t of_node(const Csi__V1__NodeGetCapabilitiesResponse *reply)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < reply->n_capabilities; i++) {
        const Csi__V1__NodeServiceCapability *one = reply->capabilities[i];
        if (one->type_case == CSI__V1__NODE_SERVICE_CAPABILITY__TYPE_RPC)
            bits |= bit((int)one->rpc->type, NODES_AT, NODES);
    }
    return bits;
}

uint64_t callers_capabilities(const char *method, const ProtobufCMessage *reply)
{
    if (strcmp(method, "GetPluginCapabilities") == 0)
        return of_plugin((const Csi__V1__GetPluginCapabilitiesResponse *)reply);
    if (strcmp(method, "ControllerGetCapabilities") == 0)
        return of_controller((const Csi__V1__ControllerGetCapabilitiesResponse *)reply);
    if (strcmp(method, "NodeGetCapabilities") == 0)
        return of_node((const Csi__V1__NodeGetCapabilitiesResponse *)reply);
    return 0;
}

/* ---- what callers look at in replies ---- */

static const char *look_at_name(const ProtobufCMessage *reply)
{
    return ((const Csi__V1__GetPluginInfoResponse *)reply)->name[0] ? NULL : "the name is empty";
}

/* Narrower than CSI: a letter first and last. */
static const char *look_at_sanity_name(const ProtobufCMessage *reply)
{
    const char *name = ((const Csi__V1__GetPluginInfoResponse *)reply)->name;
    size_t n = strlen(name);
    if (n < 2 || !isalpha((unsigned char)name[0]) || !isalpha((unsigned char)name[n - 1]))
        return "it wants a name that begins and ends with a letter";
    return NULL;
}

static const char *look_at_plugin_capabilities(const ProtobufCMessage *reply)
{
    const Csi__V1__GetPluginCapabilitiesResponse *all =
        (const Csi__V1__GetPluginCapabilitiesResponse *)reply;
    for (size_t i = 0; i < all->n_capabilities; i++) {
        const Csi__V1__PluginCapability *one = all->capabilities[i];
        if (one->type_case == CSI__V1__PLUGIN_CAPABILITY__TYPE__NOT_SET ||
            (one->type_case == CSI__V1__PLUGIN_CAPABILITY__TYPE_SERVICE &&
             one->service->type == CSI__V1__PLUGIN_CAPABILITY__SERVICE__TYPE__UNKNOWN))
            return "it does not know one of the capabilities";
    }
    return NULL;
}

static const char *look_at_node_id(const ProtobufCMessage *reply)
{
    enum { MOST = 192 }; /* what Kubernetes lets into a CSINode; CSI itself allows 256 */
    size_t n = strlen(((const Csi__V1__NodeGetInfoResponse *)reply)->node_id);
    return n == 0 ? "node_id is empty" : n > MOST ? "node_id is longer than 192 bytes" : NULL;
}

/* ---- the callers ---- */

#define EXIT           \
    {                  \
        EXITS, "exits" \
    }
#define WAIT                                       \
    {                                              \
        WAITS, "still waits for Probe to be ready" \
    }

static const struct caller_step livenessprobe[] = {
    {.call = "GetPluginInfo", .look = look_at_name, .failed = EXIT},
    {.call = "Probe",
     .seconds = 1,
     .reconnects = true,
     .failed = {RESTARTS, "/healthz is 500: as a livenessProbe it has the driver restarted"},
     .unready = {RESTARTS,
                 "/healthz is still 500: as a livenessProbe it has the driver restarted"}},
    {.then = {WORKS, "/healthz is 200"}},
};

static const struct caller_step registrar[] = {
    {.call = "GetPluginInfo", .seconds = 1, .look = look_at_name, .failed = EXIT},
    {.then = {WORKS, "offers the driver to the kubelet"}},
};

static const struct caller_step kubelet[] = {
    {.call = "NodeGetInfo",
     .seconds = 120,
     .look = look_at_node_id,
     .failed = {FAILS, "does not register the driver"}},
    {.call = "NodeGetCapabilities",
     .seconds = 120,
     .failed = {LIMITED, "registers the driver, but mounts nothing"}},
    {.then = {WORKS, "registers the driver"}},
};

static const struct caller_step provisioner[] = {
    {.call = "Probe", .seconds = 10, .failed = EXIT, .unready = WAIT},
    {.call = "GetPluginInfo", .seconds = 10, .look = look_at_name, .failed = EXIT},
    {.call = "GetPluginCapabilities", .seconds = 10, .failed = EXIT},
    {.call = "ControllerGetCapabilities", .seconds = 10, .failed = EXIT},
    {.unless = SERVICE(CONTROLLER_SERVICE),
     .then = {LIMITED, "runs, but makes no volumes without CONTROLLER_SERVICE"}},
    {.unless = CONTROLLER(CREATE_DELETE_VOLUME),
     .then = {LIMITED, "runs, but makes no volumes without CREATE_DELETE_VOLUME"}},
    {.then = {WORKS, "makes volumes"}},
};

static const struct caller_step attacher[] = {
    {.call = "Probe", .seconds = 15, .failed = EXIT, .unready = WAIT},
    {.call = "GetPluginInfo", .seconds = 1, .look = look_at_name, .failed = EXIT},
    {.call = "GetPluginCapabilities", .seconds = 1, .failed = EXIT},
    {.unless = SERVICE(CONTROLLER_SERVICE),
     .then = {LIMITED, "runs, and calls every volume attached: no CONTROLLER_SERVICE"}},
    {.call = "ControllerGetCapabilities", .shares = true, .failed = EXIT},
    {.unless = CONTROLLER(PUBLISH_UNPUBLISH_VOLUME),
     .then = {LIMITED, "runs, and calls every volume attached: no PUBLISH_UNPUBLISH_VOLUME"}},
    {.then = {WORKS, "attaches volumes"}},
};

static const struct caller_step resizer[] = {
    {.call = "Probe", .seconds = 10, .failed = EXIT, .unready = WAIT},
    {.call = "GetPluginInfo", .seconds = 10, .look = look_at_name, .failed = EXIT},
    {.call = "GetPluginCapabilities", .seconds = 10, .failed = EXIT},
    {.unless = SERVICE(CONTROLLER_SERVICE), .then = {EXITS, "exits: no CONTROLLER_SERVICE"}},
    {.call = "ControllerGetCapabilities", .seconds = 10, .failed = EXIT},
    {.call = "NodeGetCapabilities",
     .seconds = 10,
     .unless = CONTROLLER(EXPAND_VOLUME),
     .failed = EXIT},
    {.unless = CONTROLLER(EXPAND_VOLUME) | NODE(EXPAND_VOLUME) | CONTROLLER(MODIFY_VOLUME),
     .then = {EXITS, "exits: neither EXPAND_VOLUME nor MODIFY_VOLUME"}},
    {.then = {WORKS, "expands or modifies volumes"}},
};

static const struct caller_step snapshotter[] = {
    {.call = "GetPluginInfo", .seconds = 60, .look = look_at_name, .failed = EXIT},
    {.call = "Probe", .seconds = 60, .failed = EXIT, .unready = WAIT},
    {.call = "ControllerGetCapabilities", .seconds = 60, .failed = EXIT},
    {.unless = CONTROLLER(CREATE_DELETE_SNAPSHOT),
     .then = {EXITS, "exits: no CREATE_DELETE_SNAPSHOT"}},
    {.call = "GroupControllerGetCapabilities", .seconds = 60}, /* it logs an error and goes on */
    {.then = {WORKS, "makes snapshots"}},
};

static const struct caller_step health_monitor[] = {
    {.call = "Probe", .seconds = 15, .failed = EXIT, .unready = WAIT},
    {.call = "GetPluginInfo", .seconds = 1, .look = look_at_name, .failed = EXIT},
    {.call = "GetPluginCapabilities", .shares = true, .failed = EXIT},
    {.unless = SERVICE(CONTROLLER_SERVICE), .then = {EXITS, "exits: no CONTROLLER_SERVICE"}},
    /* Once for each capability that it wants to know of. */
    {.call = "ControllerGetCapabilities", .shares = true, .failed = EXIT},
    {.call = "ControllerGetCapabilities", .shares = true, .failed = EXIT},
    {.call = "ControllerGetCapabilities", .shares = true, .failed = EXIT},
    {.unless = CONTROLLER(LIST_VOLUMES) | CONTROLLER(GET_VOLUME),
     .then = {EXITS, "exits: neither LIST_VOLUMES nor GET_VOLUME"}},
    {.unless = CONTROLLER(VOLUME_CONDITION), .then = {EXITS, "exits: no VOLUME_CONDITION"}},
    {.then = {WORKS, "watches the condition of volumes"}},
};

/* As a monolith: a controller, too, for a driver that is one. */
#define UNHEALTHY                           \
    {                                       \
        FAILS, "calls the plugin unhealthy" \
    }
static const struct caller_step nomad[] = {
    {.call = "Probe",
     .seconds = 5,
     .failed = {RESTARTS, "restarts the driver unless that ends within 30 s"},
     .unready = {RESTARTS, "restarts the driver, which must be ready within 30 s"}},
    {.call = "GetPluginInfo",
     .seconds = 1,
     .look = look_at_name,
     .failed = {RESTARTS, "restarts the driver"}},
    {.call = "GetPluginCapabilities", .seconds = 30, .failed = UNHEALTHY},
    {.call = "NodeGetInfo", .seconds = 30, .look = look_at_node_id, .failed = UNHEALTHY},
    {.call = "NodeGetCapabilities", .seconds = 30, .failed = UNHEALTHY},
    {.call = "ControllerGetCapabilities",
     .seconds = 30,
     .only_with = SERVICE(CONTROLLER_SERVICE),
     .failed = UNHEALTHY},
    {.then = {WORKS, "calls the plugin healthy"}},
};

#define SANITY_FAILS                                  \
    {                                                 \
        FAILS, "a test of the Identity service fails" \
    }
#define SANITY_REST                                                    \
    {                                                                  \
        LIMITED, "the tests of the Identity service pass, others fail" \
    }
static const struct caller_step csi_sanity[] = {
    {.call = "GetPluginCapabilities", .look = look_at_plugin_capabilities, .failed = SANITY_FAILS},
    {.call = "Probe", .failed = SANITY_FAILS},
    {.call = "GetPluginInfo", .look = look_at_sanity_name, .failed = SANITY_FAILS},
    {.call = "ControllerGetCapabilities", .failed = SANITY_REST},
    {.call = "NodeGetCapabilities", .failed = SANITY_REST},
    {.call = "NodeGetInfo", .look = look_at_node_id, .failed = SANITY_REST},
    {.then = {WORKS, "the tests of the Identity service pass"}},
};

const struct caller callers[N_CALLERS] = {
    {"livenessprobe", livenessprobe},
    {"registrar", registrar},
    {"kubelet", kubelet},
    {"provisioner", provisioner},
    {"attacher", attacher},
    {"resizer", resizer},
    {"snapshotter", snapshotter},
    {"health-monitor", health_monitor},
    {"nomad", nomad},
    {"csi-sanity", csi_sanity},
};

/* ---- choosing among them ---- */

static int fail_unknown(const char *word, struct err *err)
{
    const char *names[N_CALLERS + 2] = {"all"};
    for (size_t i = 0; i < N_CALLERS; i++)
        names[i + 1] = callers[i].name;
    const char *nearest = text_nearest(word, names);
    if (!nearest)
        return err_set(err, STATUS_INVALID_ARGUMENT, "no caller is called \"%s\"", word);
    return err_set(err, STATUS_INVALID_ARGUMENT, "no caller is called \"%s\" (did you mean %s?)",
                   word, nearest);
}

static int add_caller(const char *word, unsigned *set, struct err *err)
{
    if (strcmp(word, "all") == 0) {
        *set = (1U << N_CALLERS) - 1;
        return 0;
    }
    for (unsigned i = 0; i < N_CALLERS; i++) {
        if (strcmp(callers[i].name, word) == 0) {
            *set |= 1U << i;
            return 0;
        }
    }
    return fail_unknown(word, err);
}

int callers_parse(const char *list, unsigned *set, struct err *err)
{
    *set = 0;
    for (;;) {
        char word[64];
        size_t n = strcspn(list, ",");
        snprintf(word, sizeof(word), "%.*s", (int)n, list);
        if (add_caller(word, set, err))
            return -1;
        if (!list[n])
            return 0;
        list += n + 1;
    }
}
