/* Makes the Landlock rules of this process. The main thread, before there is another one.
 *
 * The kernel remembers folders, not names: a folder that is removed and made again, or reached by a
 * link that is changed, would be out of reach for ever. So what may be read is covered from one
 * folder further up (but not from the root), both where a path stands and where it leads to. */
#include "serve/confine.h"

#include "base/log.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What newer kernels know and older headers do not. */
#define ACCESS_TRUNCATE    (UINT64_C(1) << 14) /* from ABI 3 on */
#define ACCESS_CONNECT_TCP (UINT64_C(1) << 1)  /* of the network; from ABI 4 on */
#define RULE_NET_PORT      2

struct ruleset_attr {
    uint64_t handled_fs;
    uint64_t handled_net; /* from ABI 4 on */
};

struct net_port_attr {
    uint64_t allowed;
    uint64_t port;
};

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                             \
    (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | ACCESS_TRUNCATE)
#define SOCKET \
    (LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)

enum { DNS_PORT = 53 /* for answers that are too long for UDP */ };

/* The rules on their way into the kernel. */
struct rules {
    int fd; /* of the ruleset */
    uint64_t handled_fs;
    bool handles_net;
    struct confined *confined;
    struct err *err;
};

/* ---- one rule ---- */

static void append(char *list, size_t size, const char *text)
{
    size_t n = strlen(list);
    snprintf(list + n, size - n, "%s%s", n > 0 ? "," : "", text);
}

/* Allows access for path and what is below it; a path that is not there needs no rule. */
static int add_path(struct rules *rules, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access & rules->handled_fs};
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return 0;
    long failed = syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int saved_errno = errno;
    close(rule.parent_fd);
    errno = saved_errno;
    return failed ? err_errno(rules->err, STATUS_INTERNAL, "a rule for %s", path) : 0;
}

static int add_port(struct rules *rules, unsigned port)
{
    const struct net_port_attr rule = {.allowed = ACCESS_CONNECT_TCP, .port = port};
    char text[16];
    snprintf(text, sizeof(text), "%u", port);
    append(rules->confined->connect, sizeof(rules->confined->connect), text);
    if (syscall(SYS_landlock_add_rule, rules->fd, RULE_NET_PORT, &rule, 0) != 0)
        return err_errno(rules->err, STATUS_INTERNAL, "a rule for port %u", port);
    return 0;
}

/* ---- what may be read ---- */

/* True when a folder of the list already covers this one. */
static bool is_covered(const char *list, const char *folder)
{
    char item[PATH_MAX];
    for (size_t size; *list; list += size + (list[size] == ',')) {
        size = strcspn(list, ",");
        snprintf(item, sizeof(item), "%.*s", (int)size, list);
        if (path_is_within(folder, item))
            return true;
    }
    return false;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Allows to read in the folder above folder, an absolute path; the nearest one that exists. */
static int add_above(struct rules *rules, const char *folder)
{
    char *list = rules->confined->read;
    char above[PATH_MAX];
    snprintf(above, sizeof(above), "%s", folder);
    if (strrchr(above, '/') != above)
        path_to_folder(above);
    while (!is_folder(above) && strcmp(above, "/") != 0)
        path_to_folder(above);
    if (is_covered(list, above))
        return 0;
    append(list, sizeof(rules->confined->read), above);
    return add_path(rules, above, READ);
}

static int add_read(struct rules *rules, const char *path)
{
    char place[PATH_MAX];
    char target[PATH_MAX];
    if (path_resolve_folder(path, place, rules->err) || path_resolve(path, target, rules->err))
        return -1;
    if (!is_folder(target)) {
        path_to_folder(place);
        path_to_folder(target);
    }
    return add_above(rules, place) || add_above(rules, target) ? -1 : 0;
}

static int add_reads(struct rules *rules, const struct confine *confine)
{
    static const char *const always[] = {"/proc", "/sys", "/usr", "/lib", "/lib64", NULL};
    static const char *const for_net[] = {"/etc", "/etc/resolv.conf", NULL};
    const char *item;
    for (size_t i = 0; always[i]; i++) {
        if (add_read(rules, always[i]))
            return -1;
    }
    for (size_t i = 0; for_net[i] && perms_item(confine->perms, PERMS_NET, 0); i++) {
        if (add_read(rules, for_net[i]))
            return -1;
    }
    for (size_t i = 0; (item = perms_item(confine->perms, PERMS_READ, i)); i++) {
        if (add_read(rules, item))
            return -1;
    }
    /* the program itself: a sanitizer's report names its lines */
    if (add_path(rules, "/proc/self/exe", LANDLOCK_ACCESS_FS_READ_FILE))
        return -1;
    return confine->script ? add_read(rules, confine->script) : 0;
}

/* ---- the rest ---- */

static int add_write(struct rules *rules, const char *file, uint64_t access)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", file);
    path_to_folder(folder);
    append(rules->confined->write, sizeof(rules->confined->write), folder);
    return add_path(rules, folder, access);
}

static int add_writes(struct rules *rules, const struct confine *confine)
{
    for (const char *const *socket = confine->sockets; *socket; socket++) {
        if (*socket[0] && add_write(rules, *socket, SOCKET))
            return -1;
    }
    return confine->file ? add_write(rules, confine->file, WRITE) : 0;
}

/* The port of "host:port"; 0 for "host:*", -1 for the path of a UNIX socket. */
static int port_of(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? -1 : atoi(strrchr(address, ':') + 1);
}

/* False when there is an address with any port. */
static bool ports_are_known(const struct perms *perms)
{
    const char *item;
    for (size_t i = 0; (item = perms_item(perms, PERMS_NET, i)); i++) {
        if (port_of(item) == 0)
            return false;
    }
    return true;
}

static int add_ports(struct rules *rules, const struct confine *confine)
{
    const struct perms *perms = confine->perms;
    const char *item;
    bool any = false;
    if (confine->upstream && confine->upstream->port > 0 &&
        add_port(rules, confine->upstream->port))
        return -1;
    for (size_t i = 0; (item = perms_item(perms, PERMS_NET, i)); i++) {
        if (port_of(item) > 0 && add_port(rules, (unsigned)port_of(item)))
            return -1;
        any = any || port_of(item) > 0;
    }
    return any ? add_port(rules, DNS_PORT) : 0;
}

static int add_rules(struct rules *rules, const struct confine *confine)
{
    if (add_reads(rules, confine) || add_writes(rules, confine))
        return -1;
    if (rules->handles_net)
        return add_ports(rules, confine);
    append(rules->confined->connect, sizeof(rules->confined->connect), "*");
    return 0;
}

/* ---- in force ---- */

/* Version of the kernel's Landlock, 0 with err when there is none. */
static int ask_abi(struct err *err)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, (long)LANDLOCK_CREATE_RULESET_VERSION);
    if (abi > 0)
        return (int)abi;
    err_set(err, STATUS_UNIMPLEMENTED,
            errno == EOPNOTSUPP ? "Landlock is switched off in this kernel"
                                : "this kernel has no Landlock");
    return 0;
}

static int make_ruleset(struct rules *rules, int abi, const struct perms *perms)
{
    struct ruleset_attr attr = {.handled_fs = LANDLOCK_ACCESS_FS_REFER - 1}; /* all of ABI 1 */
    if (abi >= 2)
        attr.handled_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        attr.handled_fs |= ACCESS_TRUNCATE;
    if (abi >= 4 && ports_are_known(perms))
        attr.handled_net = ACCESS_CONNECT_TCP;
    rules->handled_fs = attr.handled_fs;
    rules->handles_net = attr.handled_net != 0;
    size_t size = abi >= 4 ? sizeof(attr) : sizeof(attr.handled_fs);
    rules->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    return rules->fd >= 0 ? 0 : err_errno(rules->err, STATUS_INTERNAL, "a set of rules");
}

static int enforce(const struct rules *rules)
{
    tzset(); /* reads /etc/localtime, which may be out of reach when the log wants to know */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, rules->fd, 0) != 0)
        return err_errno(rules->err, STATUS_INTERNAL, "the rules cannot be put in force");
    return 0;
}

static int confine_by(const struct confine *confine, struct confined *confined, struct err *err)
{
    struct rules rules = {.fd = -1, .confined = confined, .err = err};
    int abi = ask_abi(err);
    if (abi == 0 || make_ruleset(&rules, abi, confine->perms))
        return -1;
    int failed = add_rules(&rules, confine) || enforce(&rules) ? -1 : 0;
    close(rules.fd);
    confined->abi = failed ? 0 : abi;
    return failed;
}

void confine_self(const struct confine *confine, struct confined *confined)
{
    struct err err;
    *confined = (struct confined){0};
    if (perms_all(confine->perms))
        snprintf(confined->why_not, sizeof(confined->why_not), "--allow-all");
    else if (perms_item(confine->perms, PERMS_EXEC, 0))
        snprintf(confined->why_not, sizeof(confined->why_not),
                 "the programs of --allow-exec would be confined, too");
    else if (confine_by(confine, confined, &err))
        snprintf(confined->why_not, sizeof(confined->why_not), "%.199s", err.text);
}

static const char *or_none(const char *list)
{
    return list[0] ? list : "none";
}

void confine_log(const struct confined *confined)
{
    if (confined->abi > 0)
        log_info("Confined by Landlock", log_int("abi", confined->abi),
                 log_str("read", confined->read), log_str("write", or_none(confined->write)),
                 log_str("connect", or_none(confined->connect)), log_str("run", "none"));
    else
        log_info("Not confined by Landlock", log_str("reason", confined->why_not));
}
