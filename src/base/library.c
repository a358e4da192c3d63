/* Finds libraries and what is in them. No state; any thread. */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(const char *name, const struct library_function *functions, size_t n, void *table,
                 struct err *err)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, STATUS_UNIMPLEMENTED, "%s", dlerror());
    for (size_t i = 0; i < n; i++) {
        void *address = dlsym(handle, functions[i].name);
        if (!address)
            return err_set(err, STATUS_UNIMPLEMENTED, "%s has no %s", name, functions[i].name);
        memcpy((char *)table + functions[i].place, &address, sizeof(address));
    }
    return 0;
}
