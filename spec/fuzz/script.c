/* The text of a script: it loads or is refused with a reason, within its budget of time and memory.
 */
#include "fuzz.h"

#include "io/store.h"
#include "script/vm.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEMORY = 2 * 1024 * 1024 };

static void tell(void *data, const struct vm_problem *problem)
{
    unsigned *errors = data;
    FUZZ_CHECK(problem->text[0], "a problem without text");
    *errors += problem->severity == VM_ERROR;
}

/* errors: told so far. */
static void check(struct vm *vm, const unsigned *errors)
{
    struct err err = {.text = ""};
    if (vm_load(vm, "/proc/self/fd/100", &err))
        FUZZ_CHECK(err.text[0] && *errors > 0, "refused without a reason");
    else
        FUZZ_CHECK(*errors == 0, "loaded in spite of an error");
}

/* The file that the script is read from. */
static void write_script(const uint8_t *data, size_t size)
{
    int fd = memfd_create("script", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size && dup2(fd, 100) == 100 &&
                   close(fd) == 0,
               "no file for the script");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct store *store;
    struct err err;
    if (!store)
        store = store_new(&err);
    unsigned errors = 0;
    const struct vm_options options = {
        .nodeid = "node",
        .memory = MEMORY,
        .handler_wall = 100 * 1000 * 1000,
        .handler_cpu = 20 * 1000 * 1000,
        .store = store,
        .problem = tell,
        .data = &errors,
    };
    struct fuzz in = fuzz_begin(data, size);
    write_script(in.at, (size_t)(in.end - in.at));
    struct vm *vm = vm_new(&options, &err);
    FUZZ_CHECK(vm, "%s", err.text);
    check(vm, &errors);
    vm_free(vm);
    return 0;
}
