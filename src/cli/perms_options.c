/* The flags --allow-...: nothing is allowed that they do not name. */
#include "cli/perms_options.h"

static const struct {
    const char *name;
    const char *value;
    const char *help;
} kinds[PERMS_KINDS] = {
    [PERMS_READ] = {"allow-read", "PATH,...",
                    "Let the script read these files and what lies in these folders; repeatable, "
                    "as are the others."},
    [PERMS_EXEC] = {"allow-exec", "PROGRAM,...",
                    "Let the script run these programs: paths, or names that are looked for in "
                    "PATH."},
    [PERMS_NET] = {"allow-net", "ADDRESS,...",
                   "Let the script connect to these: HOST:PORT, HOST:* for any port, unix:PATH."},
    [PERMS_ENV] = {"allow-env", "NAME,...", "Let the script see these environment variables."},
};

void perms_options_rows(struct perms_options *options, struct option rows[PERMS_OPTIONS])
{
    for (int kind = 0; kind < PERMS_KINDS; kind++) {
        rows[kind] = (struct option){
            .name = kinds[kind].name,
            .value = kinds[kind].value,
            .help = kinds[kind].help,
            .type = OPTION_TEXTS,
            .to.texts = &options->lists[kind],
        };
    }
    rows[PERMS_KINDS] = (struct option){
        .name = "allow-all",
        .help = "Let the script touch whatever this process may.",
        .type = OPTION_BOOL,
        .to.boolean = &options->all,
    };
}

static int fill(const struct perms_options *options, struct perms *perms, struct err *err)
{
    for (int kind = 0; kind < PERMS_KINDS; kind++) {
        const struct option_texts *list = &options->lists[kind];
        for (size_t i = 0; i < list->count; i++) {
            if (perms_allow(perms, (enum perms_kind)kind, list->items[i], err))
                return -1;
        }
    }
    if (options->all)
        perms_allow_all(perms);
    return 0;
}

struct perms *perms_options_make(const struct perms_options *options, struct err *err)
{
    struct perms *perms = perms_new();
    if (!perms) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the flags --allow-...");
    } else if (fill(options, perms, err)) {
        perms_free(perms);
        perms = NULL;
    }
    return perms;
}
