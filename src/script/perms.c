/* Owns the lists of what is allowed, and compares with them. Constant once the flags are read. */
#include "script/perms.h"

#include "base/path.h"
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct list {
    char **items;
    size_t n;
};

struct perms {
    bool all;
    struct list lists[PERMS_KINDS];
};

static const char *const flags[] = {
    [PERMS_READ] = "--allow-read",
    [PERMS_EXEC] = "--allow-exec",
    [PERMS_NET] = "--allow-net",
    [PERMS_ENV] = "--allow-env",
};

static const char unix_prefix[] = "unix:";

/* ---- filling ---- */

struct perms *perms_new(void)
{
    return calloc(1, sizeof(struct perms));
}

void perms_free(struct perms *perms)
{
    if (!perms)
        return;
    for (int kind = 0; kind < PERMS_KINDS; kind++) {
        for (size_t i = 0; i < perms->lists[kind].n; i++)
            free(perms->lists[kind].items[i]);
        free(perms->lists[kind].items);
    }
    free(perms);
}

void perms_allow_all(struct perms *perms)
{
    perms->all = true;
}

/* Where "host:port" parts; NULL when there is no port, or it is neither a number nor "*". */
static const char *port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    int64_t port;
    if (!colon || colon == address)
        return NULL;
    bool good = strcmp(colon, ":*") == 0 ||
                (text_integer(colon + 1, &port) && port > 0 && port <= UINT16_MAX);
    return good ? colon + 1 : NULL;
}

static int check_item(enum perms_kind kind, const char *item, struct err *err)
{
    if (!*item)
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s: expected names with commas between",
                       flags[kind]);
    if (kind == PERMS_NET && strncmp(item, unix_prefix, strlen(unix_prefix)) != 0 && !port_of(item))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "%s: expected host:port, host:* or unix:PATH, got \"%s\"", flags[kind],
                       item);
    return 0;
}

static int add_item(struct list *list, const char *item, size_t size)
{
    char **items = realloc(list->items, (list->n + 1) * sizeof(char *));
    if (!items)
        return -1;
    list->items = items;
    items[list->n] = strndup(item, size);
    return items[list->n++] ? 0 : -1;
}

int perms_allow(struct perms *perms, enum perms_kind kind, const char *text, struct err *err)
{
    struct list *list = &perms->lists[kind];
    for (;;) {
        size_t size = strcspn(text, ",");
        if (add_item(list, text, size))
            return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for %s", flags[kind]);
        if (check_item(kind, list->items[list->n - 1], err))
            return -1;
        if (!text[size])
            return 0;
        text += size + 1;
    }
}

bool perms_all(const struct perms *perms)
{
    return perms->all;
}

const char *perms_item(const struct perms *perms, enum perms_kind kind, size_t i)
{
    return i < perms->lists[kind].n ? perms->lists[kind].items[i] : NULL;
}

/* ---- comparing ---- */

static bool is_unlimited(const struct perms *perms)
{
    return !perms || perms->all;
}

static int refuse(enum perms_kind kind, const char *what, struct err *err)
{
    return err_set(err, STATUS_PERMISSION_DENIED, "%s is not allowed: add %s=%s", what, flags[kind],
                   what);
}

/* True when path leads to where allowed leads to or, for a folder, below it. */
static bool leads_into(const char *path, const char *allowed)
{
    char folder[PATH_MAX];
    struct err err;
    return path_resolve(allowed, folder, &err) == 0 && path_is_within(path, folder);
}

int perms_check_read(const struct perms *perms, const char *path, struct err *err)
{
    char resolved[PATH_MAX];
    const char *allowed;
    if (is_unlimited(perms))
        return 0;
    if (path_resolve(path, resolved, err))
        return -1;
    for (size_t i = 0; (allowed = perms_item(perms, PERMS_READ, i)); i++) {
        if (leads_into(resolved, allowed))
            return 0;
    }
    return refuse(PERMS_READ, path, err);
}

int perms_check_env(const struct perms *perms, const char *name, struct err *err)
{
    const char *allowed;
    if (is_unlimited(perms))
        return 0;
    for (size_t i = 0; (allowed = perms_item(perms, PERMS_ENV, i)); i++) {
        if (strcmp(allowed, name) == 0)
            return 0;
    }
    return refuse(PERMS_ENV, name, err);
}

/* True when the allowed address is host, whatever its port. */
static bool is_host(const char *allowed, const char *port, const char *host)
{
    size_t size = (size_t)(port - 1 - allowed);
    if (allowed[0] == '[' && size >= 2 && allowed[size - 1] == ']') {
        allowed++;
        size -= 2;
    }
    return strlen(host) == size && strncasecmp(allowed, host, size) == 0;
}

int perms_check_net(const struct perms *perms, const char *host, unsigned port, struct err *err)
{
    const char *allowed;
    char text[300];
    if (is_unlimited(perms))
        return 0;
    for (size_t i = 0; (allowed = perms_item(perms, PERMS_NET, i)); i++) {
        const char *allowed_port =
            strncmp(allowed, unix_prefix, strlen(unix_prefix)) == 0 ? NULL : port_of(allowed);
        if (allowed_port && is_host(allowed, allowed_port, host) &&
            (*allowed_port == '*' || strtoul(allowed_port, NULL, 10) == port))
            return 0;
    }
    snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
    return refuse(PERMS_NET, text, err);
}

int perms_check_unix(const struct perms *perms, const char *path, struct err *err)
{
    char resolved[PATH_MAX];
    char text[PATH_MAX + sizeof(unix_prefix)];
    const char *allowed;
    if (is_unlimited(perms))
        return 0;
    if (path_resolve(path, resolved, err))
        return -1;
    for (size_t i = 0; (allowed = perms_item(perms, PERMS_NET, i)); i++) {
        if (strncmp(allowed, unix_prefix, strlen(unix_prefix)) == 0 &&
            leads_into(resolved, allowed + strlen(unix_prefix)))
            return 0;
    }
    snprintf(text, sizeof(text), "%s%s", unix_prefix, path);
    return refuse(PERMS_NET, text, err);
}

/* ---- programs ---- */

static bool can_run(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The file that program stands for: itself, or for a bare name the first one in PATH. False when
 * there is none that can be run. */
static bool find_program(const char *program, char path[PATH_MAX])
{
    char candidate[PATH_MAX];
    struct err err;
    if (strchr(program, '/'))
        return path_resolve_folder(program, path, &err) == 0 && can_run(path);
    const char *folders = getenv("PATH");
    while (folders && *folders && *program) {
        int size = (int)strcspn(folders, ":");
        int n = snprintf(candidate, sizeof(candidate), "%.*s/%s", size, folders, program);
        if (size > 0 && n < (int)sizeof(candidate) && can_run(candidate))
            return path_resolve_folder(candidate, path, &err) == 0;
        folders += size + (folders[size] == ':');
    }
    return false;
}

static bool may_run(const struct perms *perms, const char *program, const char *path)
{
    char place[PATH_MAX];
    const char *allowed;
    if (is_unlimited(perms))
        return true;
    for (size_t i = 0; (allowed = perms_item(perms, PERMS_EXEC, i)); i++) {
        if (strcmp(allowed, program) == 0 ||
            (path[0] && find_program(allowed, place) && strcmp(place, path) == 0))
            return true;
    }
    return false;
}

int perms_check_exec(const struct perms *perms, const char *program, char path[PATH_MAX],
                     struct err *err)
{
    bool found = find_program(program, path);
    if (!found)
        path[0] = '\0';
    if (!may_run(perms, program, path))
        return refuse(PERMS_EXEC, program, err);
    if (!found)
        return err_set(err, STATUS_NOT_FOUND, "%s: expected a program%s", program,
                       strchr(program, '/') ? "" : " in one of the folders of PATH");
    return 0;
}
