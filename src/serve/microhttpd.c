/* Owns the table of libmicrohttpd's functions; loaded once, never unloaded. */
#include "serve/microhttpd.h"

#include "base/library.h"

static const struct library_function functions[] = {
#define MICROHTTPD_PLACE(function) {"MHD_" #function, offsetof(struct microhttpd, function)},
    MICROHTTPD_TABLE(MICROHTTPD_PLACE)
#undef MICROHTTPD_PLACE
};

const struct microhttpd *microhttpd_load(struct err *err)
{
    static struct microhttpd table;
    if (library_load("libmicrohttpd.so.12", functions, sizeof(functions) / sizeof(functions[0]),
                     &table, err)) {
        err_prefix(err, "an HTTP endpoint needs libmicrohttpd: ");
        return NULL;
    }
    return &table;
}
