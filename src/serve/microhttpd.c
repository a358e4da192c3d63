/* Owns the table of libmicrohttpd's functions; loaded once, never unloaded. */
#include "serve/microhttpd.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const char library[] = "libmicrohttpd.so.12";

/* Where the address of each function goes. */
static const struct {
    const char *name;
    size_t place; /* in struct microhttpd */
} functions[] = {
#define MICROHTTPD_PLACE(function) {"MHD_" #function, offsetof(struct microhttpd, function)},
    MICROHTTPD_TABLE(MICROHTTPD_PLACE)
#undef MICROHTTPD_PLACE
};

const struct microhttpd *microhttpd_load(struct err *err)
{
    static struct microhttpd table;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        err_set(err, STATUS_UNIMPLEMENTED, "an HTTP endpoint needs libmicrohttpd: %s", dlerror());
        return NULL;
    }
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *address = dlsym(handle, functions[i].name);
        if (!address) {
            err_set(err, STATUS_UNIMPLEMENTED, "%s has no %s", library, functions[i].name);
            return NULL;
        }
        memcpy((char *)&table + functions[i].place, &address, sizeof(address));
    }
    return &table;
}
