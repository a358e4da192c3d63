/* luacsi.v1.Control as JSON over HTTP: POST /control/v1/METHOD with the request as the body, where
 * METHOD is the name in small letters ("calls", "set-config"). */
#ifndef LUACSI_SERVE_CONTROL_HTTP_H
#define LUACSI_SERVE_CONTROL_HTTP_H

#include "serve/control.h"
#include "serve/question.h"

#define CONTROL_HTTP_PREFIX "/control/"

struct control_http;

/* control and questions are borrowed until control_http_free. is_public: others than this host may
 * reach it, by any name; else requests that a web page on this host could have made are refused.
 * NULL when memory is short. Loop thread. */
struct control_http *control_http_new(struct control *control, struct questions *questions,
                                      bool is_public);

/* After questions_stop and loop_free: calls that never ended. NULL is allowed. */
void control_http_free(struct control_http *http);

/* Whether it answers this path. */
bool control_http_is(const char *path);

/* An httpd_handler for these. HTTP thread. */
enum MHD_Result control_http_begin(struct control_http *http, const struct httpd_request *request,
                                   struct httpd_exchange **own);

#endif
