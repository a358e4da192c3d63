/* Walks paths part by part, as the kernel would. realpath(3) will not do: it gives up at the first
 * part that does not exist, and a link to nothing is what a script must not get past a check with.
 */
#include "base/path.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { MOST_LINKS = 40 /* as in Linux */ };

struct walk {
    char *resolved; /* what has been walked; "" for the root, else no slash at the end */
    size_t size;    /* of it */
    char *rest;     /* what is still to be walked: the end of buffer */
    int links;      /* followed so far */
    bool keep_last; /* do not follow the last part */
    void (*link)(void *data, const char *place); /* told of each link; may be NULL */
    void *data;
    const char *original; /* for messages */
    char buffer[2 * PATH_MAX];
};

static int too_long(const struct walk *walk, struct err *err)
{
    return err_set(err, STATUS_INVALID_ARGUMENT, "%.200s: expected a path of less than %d bytes",
                   walk->original, PATH_MAX);
}

/* Puts text of size bytes before the rest. */
static int walk_first(struct walk *walk, const char *text, size_t size, struct err *err)
{
    if (size > (size_t)(walk->rest - walk->buffer))
        return too_long(walk, err);
    walk->rest -= size;
    memcpy(walk->rest, text, size);
    return 0;
}

static int follow(struct walk *walk, const char *target, size_t size, struct err *err)
{
    if (++walk->links > MOST_LINKS)
        return err_set(err, STATUS_INVALID_ARGUMENT, "%.200s: too many symbolic links",
                       walk->original);
    if (target[0] == '/')
        walk->size = 0;
    return walk_first(walk, "/", 1, err) || walk_first(walk, target, size, err) ? -1 : 0;
}

/* Appends one part; if it is a link, what it says is walked instead. */
static int step(struct walk *walk, const char *part, size_t size, bool last, struct err *err)
{
    char target[PATH_MAX];
    size_t before = walk->size;
    if (walk->size + 1 + size >= PATH_MAX)
        return too_long(walk, err);
    walk->resolved[walk->size] = '/';
    memcpy(walk->resolved + walk->size + 1, part, size);
    walk->size += 1 + size;
    walk->resolved[walk->size] = '\0';
    ssize_t n = last && walk->keep_last ? -1 : readlink(walk->resolved, target, sizeof(target));
    if (n <= 0)
        return 0; /* no link, or nothing there, or not for us to know: the kernel will say */
    if ((size_t)n == sizeof(target))
        return too_long(walk, err);
    if (walk->link)
        walk->link(walk->data, walk->resolved);
    walk->size = before;
    return follow(walk, target, (size_t)n, err);
}

static void step_up(struct walk *walk)
{
    while (walk->size > 0 && walk->resolved[--walk->size] != '/')
        ;
}

static int walk_all(struct walk *walk, struct err *err)
{
    while (*walk->rest) {
        const char *part = walk->rest;
        size_t size = strcspn(part, "/");
        walk->rest += size + strspn(part + size, "/");
        if (size == 2 && memcmp(part, "..", 2) == 0)
            step_up(walk);
        else if (size > 0 && !(size == 1 && part[0] == '.') &&
                 step(walk, part, size, !*walk->rest, err))
            return -1;
    }
    strcpy(walk->resolved + walk->size, walk->size > 0 ? "" : "/");
    return 0;
}

/* walk says how; its other fields are set here. */
static int resolve(struct walk *walk, const char *path, char *resolved, struct err *err)
{
    walk->resolved = resolved;
    walk->original = path;
    walk->rest = walk->buffer + sizeof(walk->buffer) - 1; /* which is NUL, for good */
    if (path[0] != '/') {
        if (!getcwd(walk->resolved, PATH_MAX))
            return err_errno(err, STATUS_INVALID_ARGUMENT, "%.200s: the working directory", path);
        walk->size = strcmp(walk->resolved, "/") == 0 ? 0 : strlen(walk->resolved);
    }
    if (walk_first(walk, path, strlen(path), err))
        return -1;
    return walk_all(walk, err);
}

int path_resolve(const char *path, char resolved[PATH_MAX], struct err *err)
{
    struct walk walk = {.keep_last = false};
    return resolve(&walk, path, resolved, err);
}

int path_resolve_folder(const char *path, char resolved[PATH_MAX], struct err *err)
{
    struct walk walk = {.keep_last = true};
    return resolve(&walk, path, resolved, err);
}

int path_resolve_links(const char *path, char resolved[PATH_MAX],
                       void (*link)(void *data, const char *place), void *data, struct err *err)
{
    struct walk walk = {.link = link, .data = data};
    return resolve(&walk, path, resolved, err);
}

bool path_is_within(const char *path, const char *folder)
{
    size_t size = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

void path_to_folder(char *path)
{
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0';
}
