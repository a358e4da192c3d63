/* Answers the calls of luacsi.v1.Control. Loop thread. */
#include "serve/control.h"

#include <string.h>

const char control_service[] = "luacsi.v1.Control";

static void stop(struct control *control, struct host_call *call)
{
    host_call_reply(call, (struct bytes){0});
    control->stop(control->data);
}

static const struct {
    const char *name;
    void (*answer)(struct control *control, struct host_call *call);
} methods[] = {
    {"Stop", stop},
};

void control_answer(void *data, struct host_call *call)
{
    size_t i = 0;
    while (strcmp(methods[i].name, call->method->name) != 0)
        i++;
    methods[i].answer(data, call);
}
