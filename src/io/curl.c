/* Owns the table of libcurl's functions; loaded once, never unloaded. I/O thread. */
#include "io/curl.h"

#include "base/library.h"

#include <stdbool.h>

static struct {
    bool ready;
    struct curl functions;
} loaded;

static const struct library_function functions[] = {
#define CURL_PLACE(function) {"curl_" #function, offsetof(struct curl, function)},
    CURL_TABLE(CURL_PLACE)
#undef CURL_PLACE
};

const struct curl *curl_load(struct err *err)
{
    if (loaded.ready)
        return &loaded.functions;
    if (library_load("libcurl.so.4", functions, sizeof(functions) / sizeof(functions[0]),
                     &loaded.functions, err)) {
        err_prefix(err, "HTTP needs libcurl: ");
        return NULL;
    }
    if (loaded.functions.global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "HTTP: libcurl does not start");
        return NULL;
    }
    loaded.ready = true;
    return &loaded.functions;
}
