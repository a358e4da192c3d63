/* libcurl, loaded when it is needed first: to link it would cost every start, for the thirty
 * libraries that it needs, 6 ms and 6 MB. */
#ifndef LUACSI_IO_CURL_H
#define LUACSI_IO_CURL_H

#include "base/err.h"

#include <curl/curl.h>

/* What we call of it; curl_X is curl->X. */
#define CURL_TABLE(X)      \
    X(global_init)         \
    X(slist_append)        \
    X(slist_free_all)      \
    X(easy_init)           \
    X(easy_setopt)         \
    X(easy_getinfo)        \
    X(easy_strerror)       \
    X(easy_cleanup)        \
    X(multi_init)          \
    X(multi_setopt)        \
    X(multi_assign)        \
    X(multi_add_handle)    \
    X(multi_remove_handle) \
    X(multi_socket_action) \
    X(multi_info_read)     \
    X(multi_strerror)      \
    X(multi_cleanup)

struct curl {
#define CURL_MEMBER(name) __typeof__(curl_##name) *(name);
    CURL_TABLE(CURL_MEMBER)
#undef CURL_MEMBER
};

/* The table, the same every time. NULL and err (STATUS_UNIMPLEMENTED) where libcurl is not
 * installed or too old. I/O thread. */
const struct curl *curl_load(struct err *err);

#endif
