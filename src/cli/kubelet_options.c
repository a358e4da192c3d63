/* Owns the rows of the flags of registration. The main thread. */
#include "cli/kubelet_options.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_NAME      "kubelet-registration-path"
#define DIRECTORY_NAME "plugin-registration-path"

static int check_path(const char *text, struct err *err)
{
    if (text[0] == '/' && text[1] && strlen(text) < PATH_MAX)
        return 0;
    return err_set(err, STATUS_INVALID_ARGUMENT,
                   "expected the absolute path of the CSI socket as the kubelet sees it, such as "
                   "/var/lib/kubelet/plugins/NAME/csi.sock, got \"%.200s\"",
                   text);
}

static int check_directory(const char *text, struct err *err)
{
    struct stat st;
    if (text[0] != '/')
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected the absolute path of a directory, got \"%.200s\"", text);
    if (stat(text, &st))
        return err_errno(err, STATUS_INVALID_ARGUMENT, "%.200s", text);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, STATUS_INVALID_ARGUMENT, "%.200s is no directory", text);
    return 0;
}

void kubelet_options_rows(struct kubelet_options *kubelet, struct option rows[KUBELET_OPTIONS])
{
    rows[0] = (struct option){
        .name = PATH_NAME,
        .value = "FILE",
        .help = "Register the driver with the kubelet, which finds the CSI socket at this path.",
        .type = OPTION_STRING,
        .check = check_path,
        .to.string = &kubelet->path,
    };
    rows[1] = (struct option){
        .name = DIRECTORY_NAME,
        .value = "DIRECTORY",
        .help = "Where the kubelet looks for drivers: the socket NAME-reg.sock is made there.",
        .type = OPTION_STRING,
        .check = check_directory,
        .to.string = &kubelet->directory,
    };
}

int kubelet_options_check(const struct kubelet_options *kubelet, const struct endpoint *endpoint,
                          struct err *err)
{
    if (!kubelet->path && !kubelet->directory)
        return 0;
    if (!kubelet->directory)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "--" PATH_NAME " needs --" DIRECTORY_NAME ", too");
    if (!kubelet->path)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "--" DIRECTORY_NAME " needs --" PATH_NAME ", too");
    if (!endpoint->path[0])
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "--" PATH_NAME " needs a UNIX socket as --endpoint, got %s", endpoint->text);
    return 0;
}
