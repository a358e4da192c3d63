/* luacsi probe: is the driver ready? Made for exec probes, so the answer is the exit code. */
#include "cli/commands.h"
#include "cli/remote.h"
#include "csi.pb-c.h"

enum { PROBE_READY = 0, PROBE_NOT_READY = 1, PROBE_FAILED = 2 }; /* and EXIT_UNREACHABLE */

static const struct command command = {
    .name = "probe",
    .arguments = "",
    .about = "Asks the driver whether it is ready (Probe).\n",
    .notes =
        "Exit codes: 0 ready (also when the reply leaves it open, as CSI has it); 1 not ready;\n"
        "2 the call ended in another status than OK, or wrong usage; 3 the driver cannot be\n"
        "reached.\n",
};

static int tell_readiness(const struct remote *remote)
{
    const Csi__V1__ProbeResponse *reply = (const Csi__V1__ProbeResponse *)remote->reply;
    bool ready = !reply->ready || reply->ready->value;
    if (remote->json)
        printf("{\"ready\":%s}\n", ready ? "true" : "false");
    else
        puts(ready ? "ready" : "not ready");
    return ready ? PROBE_READY : PROBE_NOT_READY;
}

int command_probe(int argc, char **argv)
{
    struct remote remote;
    struct arguments none;
    int exit_code;
    if (!remote_begin(&remote, &command, argc, argv, &none, &exit_code))
        return exit_code;
    exit_code = remote_call(&remote, catalog_method("Probe"), "{}", 2);
    if (exit_code == EXIT_OK)
        exit_code = tell_readiness(&remote);
    else if (exit_code == EXIT_ERROR)
        exit_code = PROBE_FAILED;
    remote_end(&remote);
    return exit_code;
}
