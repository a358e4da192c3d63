/* The flags of commands that load a script. */
#include "cli/script_options.h"

#include "io/store.h"

#include <unistd.h>

enum { LEAST_MEMORY = 1024 * 1024 };

/* In the order of enum rules_mode. */
static const char *const validate_choices[] = {"strict", "warn", "off", NULL};

void script_options_rows(struct script_options *script, struct option rows[SCRIPT_OPTIONS])
{
    rows[0] = (struct option){
        .name = "set",
        .value = "KEY=VALUE",
        .help = "Set csi.config.KEY for the script; repeatable.",
        .type = OPTION_PAIRS,
        .to.pairs = &script->set,
    };
    rows[1] = (struct option){
        .name = "nodeid",
        .variable = "KUBE_NODE_NAME",
        .value = "NAME",
        .help = "Name of this node, csi.config.nodeid; the host's name unless given.",
        .type = OPTION_STRING,
        .to.string = &script->nodeid,
    };
    rows[2] = (struct option){
        .name = "validate",
        .value = "MODE",
        .fallback = "strict",
        .help =
            "What becomes of a reply that breaks a rule of CSI: strict fails the call, warn logs, "
            "off says nothing.",
        .type = OPTION_CHOICE,
        .choices = validate_choices,
        .to.choice = &script->validate,
    };
    rows[3] = (struct option){
        .name = "handler-timeout",
        .value = "DURATION",
        .fallback = "5s",
        .help =
            "How long a handler may take, waiting included; never longer than its caller waits.",
        .type = OPTION_DURATION,
        .to.integer = &script->handler_timeout,
    };
    rows[4] = (struct option){
        .name = "handler-cpu",
        .value = "DURATION",
        .fallback = "1s",
        .help = "How long a handler, or the script while it loads, may compute.",
        .type = OPTION_DURATION,
        .to.integer = &script->handler_cpu,
    };
    rows[5] = (struct option){
        .name = "memory",
        .value = "BYTES",
        .fallback = "64MB",
        .help = "How much memory the script may hold.",
        .type = OPTION_SIZE,
        .min = LEAST_MEMORY,
        .to.integer = &script->memory,
    };
    perms_options_rows(&script->allow, rows + SCRIPT_OPTIONS - PERMS_OPTIONS);
}

int script_options_open(struct script_options *script, struct err *err)
{
    script->perms = perms_options_make(&script->allow, err);
    script->store = script->perms ? store_new(err) : NULL;
    return script->store ? 0 : -1;
}

void script_options_close(struct script_options *script)
{
    perms_free(script->perms);
    store_free(script->store);
}

void script_options_fill(struct script_options *script, struct vm_options *vm)
{
    if (!script->nodeid) {
        if (gethostname(script->host, sizeof(script->host) - 1) != 0)
            script->host[0] = '\0';
        script->nodeid = script->host;
    }
    for (size_t i = 0; i < script->set.count; i++) {
        const struct option_pair *pair = &script->set.items[i];
        script->settings[i] = (struct vm_setting){
            .key = pair->key,
            .key_size = pair->key_size,
            .value = pair->value,
            .value_size = pair->value_size,
        };
    }
    vm->settings = script->settings;
    vm->n_settings = script->set.count;
    vm->nodeid = script->nodeid;
    vm->rules = (enum rules_mode)script->validate;
    vm->memory = (size_t)script->memory;
    vm->handler_wall = script->handler_timeout;
    vm->handler_cpu = script->handler_cpu;
    vm->perms = script->perms;
    vm->store = script->store;
}
