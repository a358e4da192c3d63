/* Only in the build that counts which lines run. A process writes its counts at its end: they have
 * to stay in reach when Landlock confines it, and to be written when it ends by _exit; and one that
 * runs as another user, who must not write them, should not say so where specs look. The linker has
 * our calls of syscall and _exit come here. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNTS                                                                                    \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE | \
     LANDLOCK_ACCESS_FS_MAKE_REG)
#define TRUNCATE (UINT64_C(1) << 14) /* from ABI 3 on */

enum { MOST_ARGUMENTS = 6 };

void __gcov_dump(void); /* of libgcov */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

/* The folder of the program: the counts lie below. */
static void find_folder(char path[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
}

/* Runs before libgcov's, which complains on standard error of each file that it cannot write. */
__attribute__((destructor)) static void hush(void)
{
    char path[PATH_MAX];
    find_folder(path);
    if (access(path, W_OK) != 0)
        close(STDERR_FILENO);
}

static void keep_in_reach(int ruleset)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = COUNTS | TRUNCATE};
    char path[PATH_MAX];
    find_folder(path);
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (__real_syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0 &&
        errno == EINVAL) {
        rule.allowed_access = COUNTS;
        __real_syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(rule.parent_fd);
}

long __wrap_syscall(long number, ...)
{
    long arguments[MOST_ARGUMENTS];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < MOST_ARGUMENTS; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_landlock_restrict_self)
        keep_in_reach((int)arguments[0]);
    return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                          arguments[4], arguments[5]);
}

void __wrap__exit(int status)
{
    hush();
    __gcov_dump();
    __real__exit(status);
}
