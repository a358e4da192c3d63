/* luacsi capabilities: what the driver says it can do. */
#include "cli/commands.h"
#include "cli/remote.h"
#include "csi.pb-c.h"

static const struct command command = {
    .name = "capabilities",
    .arguments = "",
    .about = "Asks the driver for the capabilities of the plugin (GetPluginCapabilities).\n",
    .notes = REMOTE_EXIT_CODES,
};

static void print_capability(const char *kind, const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);
    printf("%-16s  ", kind);
    if (known)
        printf("%s\n", known->name);
    else
        printf("%d (not in CSI 1.12.0)\n", value);
}

static void print_capabilities(const ProtobufCMessage *message)
{
    const Csi__V1__GetPluginCapabilitiesResponse *reply =
        (const Csi__V1__GetPluginCapabilitiesResponse *)message;
    if (reply->n_capabilities == 0)
        puts("none");
    for (size_t i = 0; i < reply->n_capabilities; i++) {
        const Csi__V1__PluginCapability *capability = reply->capabilities[i];
        switch (capability->type_case) {
        case CSI__V1__PLUGIN_CAPABILITY__TYPE_SERVICE:
            print_capability("service", &csi__v1__plugin_capability__service__type__descriptor,
                             (int)capability->service->type);
            break;
        case CSI__V1__PLUGIN_CAPABILITY__TYPE_VOLUME_EXPANSION:
            print_capability("volume_expansion",
                             &csi__v1__plugin_capability__volume_expansion__type__descriptor,
                             (int)capability->volume_expansion->type);
            break;
        default:
            puts("(without a type)");
        }
    }
}

int command_capabilities(int argc, char **argv)
{
    return remote_show(&command, argc, argv, "GetPluginCapabilities", print_capabilities);
}
