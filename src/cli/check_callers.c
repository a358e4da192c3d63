/* Known habits of callers, one function each. No state. */
#include "cli/check_callers.h"

#include "csi.pb-c.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

typedef void question(const ProtobufCMessage *reply, char text[static 256]);

/* csi-sanity's pattern for a name is narrower than that of CSI. */
static void ask_name(const ProtobufCMessage *reply, char text[static 256])
{
    const char *name = ((const Csi__V1__GetPluginInfoResponse *)reply)->name;
    size_t n = strlen(name);
    if (n >= 2 && isalpha((unsigned char)name[0]) && isalpha((unsigned char)name[n - 1]))
        return;
    snprintf(
        text, 256,
        "GetPluginInfoResponse.name: csi-sanity fails a name that does not begin and end with a "
        "letter, got \"%.63s\"",
        name);
}

/* gocsi's client reads ready without asking whether it is there. */
static void ask_ready_absent(const ProtobufCMessage *reply, char text[static 256])
{
    if (!((const Csi__V1__ProbeResponse *)reply)->ready)
        snprintf(text, 256,
                 "ProbeResponse.ready: csc crashes when it is absent; set it to true or false");
}

/* Who asks Probe in vain waits, or has the driver restarted. */
static void ask_ready_false(const ProtobufCMessage *reply, char text[static 256])
{
    const Csi__V1__ProbeResponse *probe = (const Csi__V1__ProbeResponse *)reply;
    if (probe->ready && !probe->ready->value)
        snprintf(text, 256,
                 "ProbeResponse.ready: false now; livenessprobe answers 500, sidecars wait");
}

static const struct {
    const char *method;
    question *ask;
} questions[] = {
    {"GetPluginInfo", ask_name},
    {"Probe", ask_ready_absent},
    {"Probe", ask_ready_false},
};

bool check_callers(const struct method *method, const ProtobufCMessage *reply, size_t index,
                   char text[static 256])
{
    text[0] = '\0';
    if (index >= sizeof(questions) / sizeof(questions[0]))
        return false;
    if (strcmp(questions[index].method, method->name) == 0)
        questions[index].ask(reply, text);
    return true;
}
