/* Knows the default endpoint. No state; the main thread. */
#include "cli/address.h"

#include "io/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_endpoint(const char *text, struct err *err)
{
    struct endpoint endpoint;
    return endpoint_parse(&endpoint, text, err);
}

struct option address_option(const char **endpoint)
{
    return (struct option){
        .name = "endpoint",
        .alias = "csi-address",
        .variable = "CSI_ENDPOINT",
        .value = "ADDRESS",
        .type = OPTION_STRING,
        .check = check_endpoint,
        .to.string = endpoint,
        .help =
            "Where the driver listens: unix:///path, unix:path, /path or tcp://127.0.0.1:port.\n"
            "      (default $XDG_RUNTIME_DIR/luacsi.sock, else /tmp/luacsi-UID/csi.sock)",
    };
}

/* Only we may enter it and put something there. */
static int check_private(const char *directory, struct err *err)
{
    struct stat st;
    if (lstat(directory, &st))
        return errno == ENOENT ? 0 : err_errno(err, STATUS_FAILED_PRECONDITION, "%s", directory);
    if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
        return 0;
    return err_set(err, STATUS_FAILED_PRECONDITION,
                   "%s: expected a directory that only user %u may enter; remove it, or give "
                   "--endpoint",
                   directory, (unsigned)geteuid());
}

static bool is_own_directory(const char *path)
{
    struct stat st;
    return path && path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == geteuid();
}

int address_complete(const char **endpoint, char text[ADDRESS_TEXT], bool serving, struct err *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char directory[64];
    if (*endpoint)
        return 0;
    *endpoint = text;
    if (is_own_directory(runtime)) {
        snprintf(text, ADDRESS_TEXT, "unix://%s/luacsi.sock", runtime);
        return 0;
    }
    snprintf(directory, sizeof(directory), "/tmp/luacsi-%u", (unsigned)geteuid());
    snprintf(text, ADDRESS_TEXT, "unix://%s/csi.sock", directory);
    if (serving && mkdir(directory, 0700) && errno != EEXIST)
        return err_errno(err, STATUS_FAILED_PRECONDITION, "cannot make %s", directory);
    return check_private(directory, err);
}
