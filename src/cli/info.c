/* luacsi info: who the driver says it is. */
#include "cli/commands.h"
#include "cli/remote.h"
#include "csi.pb-c.h"

#include <string.h>

static const struct command command = {
    .name = "info",
    .arguments = "",
    .about = "Asks the driver for its name, version and manifest (GetPluginInfo).\n",
    .notes = REMOTE_EXIT_CODES,
};

static void print_line(const char *prefix, const char *name, int width, const char *value)
{
    int used = (int)(strlen(prefix) + strlen(name));
    fputs(prefix, stdout);
    remote_print_text(stdout, name);
    printf("%*s", width - used + 2, "");
    remote_print_text(stdout, value);
    putchar('\n');
}

static void print_info(const ProtobufCMessage *message)
{
    const Csi__V1__GetPluginInfoResponse *info = (const Csi__V1__GetPluginInfoResponse *)message;
    int width = (int)strlen("vendor_version");
    for (size_t i = 0; i < info->n_manifest; i++) {
        int n = (int)(strlen("manifest.") + strlen(info->manifest[i]->key));
        width = n > width ? n : width;
    }
    print_line("", "name", width, info->name);
    print_line("", "vendor_version", width, info->vendor_version);
    for (size_t i = 0; i < info->n_manifest; i++)
        print_line("manifest.", info->manifest[i]->key, width, info->manifest[i]->value);
}

int command_info(int argc, char **argv)
{
    return remote_show(&command, argc, argv, "GetPluginInfo", print_info);
}
