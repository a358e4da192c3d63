/* Which paths a serving process accepts, before it opens any of them. */
#include "serve/places.h"

#include "base/log.h"
#include "base/path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* path: of what is to be made; its last part may be a link, and lead elsewhere. NULL: of nothing.
 */
static int check_not_beside(const struct process_options *options, const char *what,
                            const char *path, struct err *err)
{
    char folder[PATH_MAX], socket[PATH_MAX];
    if (!path || !options->endpoint->path[0])
        return 0;
    if (path_resolve(path, folder, err) ||
        path_resolve_folder(options->endpoint->path, socket, err))
        return -1;
    path_to_folder(folder);
    path_to_folder(socket);
    if (strcmp(folder, socket) == 0)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "%s cannot be in %s, where the socket is: CSI allows no other file there",
                       what, socket);
    return 0;
}

/* It is written at the end only: better now than then. */
static int check_writable(const char *path, struct err *err)
{
    char folder[PATH_MAX];
    struct stat st;
    if (path_resolve(path, folder, err))
        return -1;
    path_to_folder(folder);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, STATUS_FAILED_PRECONDITION, "%s: expected a file, or nothing there yet",
                       path);
    if (access(folder, W_OK | X_OK))
        return err_errno(err, STATUS_FAILED_PRECONDITION, "%s cannot be written", path);
    return 0;
}

static int name_registration(const char *directory, char path[static PATH_MAX], struct err *err)
{
    path[0] = '\0';
    int n = directory ? snprintf(path, PATH_MAX, "%s/-reg.sock", directory) : 0;
    return n < PATH_MAX
               ? 0
               : err_set(err, STATUS_INVALID_ARGUMENT, "the registration directory is too long");
}

int places_check(const struct process_options *options, char registration[static PATH_MAX],
                 struct err *err)
{
    const char *control = options->control ? options->control->path : NULL;
    if (name_registration(options->registration_dir, registration, err))
        return -1;
    if (check_not_beside(options, "the control socket", control, err) ||
        check_not_beside(options, "the registration", registration[0] ? registration : NULL, err) ||
        check_not_beside(options, "the state", options->state, err) ||
        check_not_beside(options, "the recording", options->record, err))
        return -1;
    return options->record ? check_writable(options->record, err) : 0;
}

void places_warn(const struct process_options *options)
{
    const char *path = options->endpoint->path;
    size_t n = strlen(path);
    if (n > 0 && (n < 5 || strcmp(path + n - 5, ".sock") != 0))
        log_warning("CSI wants the socket's name to end in .sock",
                    log_str("endpoint", options->endpoint->text));
}
