/* luacsi init: a folder to begin with. luacsi definitions: what an editor wants to know of scripts.
 */
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/starter.h"

#include <stdio.h>

/* Where the definitions go; .luarc.json of the starter names it. */
#define DEFINITIONS ".luacsi"

/* The script and its settings, then the definitions, then the manifests. */
static const struct starter_file starter[] = {
    {"deploy/kubernetes/base/driver.lua", "driver.lua"},
    {"starter/driver_spec.lua", "spec/driver_spec.lua"},
    {"starter/luarc.json", ".luarc.json"},
    {"starter/luacheckrc", ".luacheckrc"},
    {"starter/test.yml", ".github/workflows/test.yml"},
    {"definitions/csi.lua", DEFINITIONS "/csi.lua"},
    {"definitions/csi.fault.lua", DEFINITIONS "/csi.fault.lua"},
    {"definitions/csi.messages.lua", DEFINITIONS "/csi.messages.lua"},
    {"definitions/luacsi.lua", DEFINITIONS "/luacsi.lua"},
    {"definitions/luacsi.testing.lua", DEFINITIONS "/luacsi.testing.lua"},
    {"deploy/kubernetes/base/kustomization.yaml", "kustomization.yaml"},
    {"deploy/kubernetes/base/namespace.yaml", "namespace.yaml"},
    {"deploy/kubernetes/base/csidriver.yaml", "csidriver.yaml"},
    {"deploy/kubernetes/base/storageclass.yaml", "storageclass.yaml"},
    {"deploy/kubernetes/base/rbac.yaml", "rbac.yaml"},
    {"deploy/kubernetes/base/controller.yaml", "controller.yaml"},
    {"deploy/kubernetes/base/node.yaml", "node.yaml"},
};

enum {
    N_SCRIPT = 5,
    N_DEFINITIONS = 5,
    N_STARTER = sizeof(starter) / sizeof(starter[0]),
    N_KUBERNETES = N_STARTER - N_SCRIPT - N_DEFINITIONS,
};

static void tell_existing(void *data, const char *target)
{
    fprintf(stderr, "luacsi init: %s/%s is there already\n", (const char *)data, target);
}

/* replace: files of these names are ours to write over. */
static int write_files(char *folder, const struct starter_file *files, size_t n, bool replace)
{
    struct err err;
    if (!replace && starter_existing(folder, files, n, tell_existing, folder) > 0)
        return options_fail("init", EXIT_USAGE, "nothing was written");
    if (starter_write(folder, files, n, replace, &err))
        return options_fail("init", EXIT_ERROR, err.text);
    for (size_t i = 0; i < n; i++)
        printf("%s/%s\n", folder, files[i].target);
    return EXIT_OK;
}

int command_init(int argc, char **argv)
{
    bool kubernetes = false;
    bool only_definitions = false;
    const struct option options[] = {
        {
            .name = "kubernetes",
            .help = "Write manifests for Kubernetes, too: a kustomization with the script in it.",
            .type = OPTION_BOOL,
            .to.boolean = &kubernetes,
        },
        {
            .name = "definitions",
            .help = "Write nothing but " DEFINITIONS ", over that of another version.",
            .type = OPTION_BOOL,
            .to.boolean = &only_definitions,
        },
    };
    const struct command command = {
        .name = "init",
        .arguments = "[DIR]",
        .max_arguments = 1,
        .about = "Writes a script to begin with into DIR, the working directory unless given: with "
                 "a spec,\n"
                 "settings for editor and luacheck, definitions for the Lua language server "
                 "in " DEFINITIONS ",\n"
                 "and a workflow for GitHub. Nothing that is there is written over. Prints what it "
                 "wrote.\n",
        .notes =
            "Exit codes: 0 written; 1 it cannot be written; 2 wrong usage, or one of the files "
            "is there\n"
            "already.\n",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
    };
    struct arguments arguments;
    int exit_code;
    if (!options_parse(&command, argc, argv, &arguments, &exit_code))
        return exit_code;
    char here[] = ".";
    char *folder = arguments.count > 0 ? arguments.items[0] : here;
    if (only_definitions && kubernetes)
        return options_fail("init", EXIT_USAGE, "expected --definitions or --kubernetes, got both");
    if (only_definitions)
        return write_files(folder, starter + N_SCRIPT, N_DEFINITIONS, true);
    return write_files(folder, starter, N_STARTER - (kubernetes ? 0 : N_KUBERNETES), false);
}
