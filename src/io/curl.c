/* Owns the table of libcurl's functions; loaded once, never unloaded. I/O thread. */
#include "io/curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static struct {
    bool ready;
    struct curl functions;
} loaded;

static const char library[] = "libcurl.so.4";

/* Where the address of each function goes. */
static const struct {
    const char *name;
    size_t place; /* in struct curl */
} functions[] = {
#define CURL_PLACE(function) {"curl_" #function, offsetof(struct curl, function)},
    CURL_TABLE(CURL_PLACE)
#undef CURL_PLACE
};

static int find_functions(void *handle, struct err *err)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *address = dlsym(handle, functions[i].name);
        if (!address)
            return err_set(err, STATUS_UNIMPLEMENTED, "HTTP: %s has no %s", library,
                           functions[i].name);
        memcpy((char *)&loaded.functions + functions[i].place, &address, sizeof(address));
    }
    return 0;
}

const struct curl *curl_load(struct err *err)
{
    if (loaded.ready)
        return &loaded.functions;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        err_set(err, STATUS_UNIMPLEMENTED, "HTTP needs libcurl: %s", dlerror());
        return NULL;
    }
    if (find_functions(handle, err))
        return NULL;
    if (loaded.functions.global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "HTTP: libcurl does not start");
        return NULL;
    }
    loaded.ready = true;
    return &loaded.functions;
}
