/* luacsi test: busted, with luacsi.testing where require finds it. The process becomes busted. */
#include "cli/commands.h"
#include "cli/options.h"

#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_NO_BUSTED = 127, MOST_ARGUMENTS = 1024 };

/* Where luacsi.so lies beside a luacsi program: in the sources' build folder, or installed. Lua
 * knows the other places by itself. */
static const char *const places[] = {"?.so", "../lib/lua/5.4/?.so"};

/* The path of this program, and its folder. */
static int find_program(char program[PATH_MAX], char folder[PATH_MAX], struct err *err)
{
    ssize_t n = readlink("/proc/self/exe", program, PATH_MAX - 1);
    if (n < 0)
        return err_errno(err, STATUS_INTERNAL, "/proc/self/exe");
    program[n] = '\0';
    strcpy(folder, program);
    *strrchr(folder, '/') = '\0';
    return 0;
}

/* Puts the places before what LUA_CPATH has; ";;" stands for Lua's own. */
static int set_path(const char *folder, struct err *err)
{
    char path[3 * PATH_MAX];
    const char *before = getenv("LUA_CPATH_5_4");
    before = before ? before : getenv("LUA_CPATH");
    int n = snprintf(path, sizeof(path), "%s/%s;%s/%s;%s", folder, places[0], folder, places[1],
                     before ? before : ";");
    if (n >= (int)sizeof(path) || setenv("LUA_CPATH_5_4", path, 1) != 0)
        return err_set(err, STATUS_INVALID_ARGUMENT, "LUA_CPATH is too long");
    return 0;
}

/* The file called name in the folders of PATH. */
static bool find_in_path(const char *name, char path[PATH_MAX])
{
    const char *folders = getenv("PATH");
    for (size_t n; folders && *folders; folders += n + (folders[n] == ':')) {
        n = strcspn(folders, ":");
        int size = snprintf(path, PATH_MAX, "%.*s/%s", (int)n, folders, name);
        if (size < PATH_MAX && access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* Whether the program is text for Lua: then the Lua that runs it is ours to choose. A rock's
 * busted is a shell script, which has chosen. */
static bool is_lua(const char *path)
{
    char line[256] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool lua =
        fgets(line, sizeof(line), file) && strncmp(line, "#!", 2) == 0 && strstr(line, "lua");
    fclose(file);
    return lua;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folder that is all there is to test: the flags of busted aside, the only argument. */
static const char *sole_folder(const struct arguments *arguments)
{
    const char *folder = NULL;
    for (int i = 0; i < arguments->count; i++) {
        if (arguments->items[i][0] == '-')
            continue;
        if (folder)
            return NULL;
        folder = arguments->items[i];
    }
    return folder && is_folder(folder) ? folder : NULL;
}

static int run_busted(const char *busted, const struct arguments *arguments, const char *folder)
{
    const char *argv[MOST_ARGUMENTS + 4];
    int n = 0;
    if (is_lua(busted))
        argv[n++] = "lua5.4";
    argv[n++] = busted;
    for (int i = 0; i < arguments->count; i++) {
        if (arguments->items[i] != folder)
            argv[n++] = arguments->items[i];
    }
    if (folder && !is_folder("spec") && access(".busted", R_OK) != 0)
        argv[n++] = ".";
    argv[n] = NULL;
    execvp(argv[0], (char *const *)argv);
    fprintf(stderr, "luacsi test: %s: %s\n", argv[0], strerror(errno));
    return EXIT_NO_BUSTED;
}

/* busted: its path, NULL to look for it. */
static int test(const char *busted, const struct arguments *arguments)
{
    char program[PATH_MAX], directory[PATH_MAX], found[PATH_MAX];
    const char *folder = sole_folder(arguments);
    struct err err;
    if (arguments->count > MOST_ARGUMENTS)
        return options_fail("test", EXIT_USAGE, "too many arguments");
    if (find_program(program, directory, &err) || set_path(directory, &err))
        return options_fail("test", EXIT_ERROR, err.text);
    if (busted ? !realpath(busted, found) : !find_in_path("busted", found))
        return options_fail("test", EXIT_NO_BUSTED,
                            "busted is not installed (in Debian: apt install lua-busted)");
    if (folder && chdir(folder) != 0) {
        err_errno(&err, STATUS_INVALID_ARGUMENT, "%s", folder);
        return options_fail("test", EXIT_USAGE, err.text);
    }
    setenv("LUACSI", program, 1);
    return run_busted(found, arguments, folder);
}

int command_test(int argc, char **argv)
{
    const char *busted = NULL;
    const struct option option = {
        .name = "busted",
        .value = "PROGRAM",
        .help = "The path of the busted to run; else it is looked for in PATH.",
        .type = OPTION_STRING,
        .to.string = &busted,
    };
    const struct command command = {
        .name = "test",
        .arguments = "[DIR | FILE...]",
        .max_arguments = -1,
        .about = "Runs specs with busted: those in spec/ of DIR, or of the working directory; or "
                 "FILEs. They find\n"
                 "luacsi.testing, which starts this very program. Flags behind -- are busted's, as "
                 "--name=value.\n",
        .notes = "Exit codes: 0 all specs passed; 1 some failed, as busted says, which counts "
                 "them; 2 wrong usage;\n"
                 "127 busted is not there.\n",
        .options = &option,
        .n_options = 1,
    };
    struct arguments arguments;
    int exit_code;
    if (!options_parse(&command, argc, argv, &arguments, &exit_code))
        return exit_code;
    return test(busted, &arguments);
}
