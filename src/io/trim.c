/* Owns the timer that has malloc give memory back to the system. malloc keeps what was freed
 * between pieces that are still in use: after a flood of connections that is nearly all of it. I/O
 * thread, but for trim_start. */
#include "io/trim.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { INTERVAL_MS = 10000 };

static const int64_t worth_it = 8 << 20; /* bytes; walking the heap takes malloc's lock */

struct trim {
    struct iopart part;
    struct iocall start;
    struct iothread *io;
    uv_timer_t timer;
    int statm;       /* /proc/self/statm, or -1 */
    int64_t minimum; /* what was unused after the last time: no malloc can give all back */
};

static int64_t resident(const struct trim *trim)
{
    char text[128];
    long long pages = 0;
    ssize_t n = pread(trim->statm, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = 0;
    sscanf(text, "%*d %lld", &pages);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Bytes that are resident, and in nobody's use. */
static int64_t unused(const struct trim *trim)
{
    const struct mallinfo2 info = mallinfo2();
    return resident(trim) - (int64_t)(info.uordblks + info.hblkhd);
}

static void on_time(uv_timer_t *timer)
{
    struct trim *trim = container_of(timer, struct trim, timer);
    if (resident(trim) < trim->minimum + worth_it || unused(trim) < trim->minimum + worth_it)
        return;
    malloc_trim(0);
    trim->minimum = unused(trim);
}

static void on_closed(uv_handle_t *handle)
{
    struct trim *trim = container_of((uv_timer_t *)handle, struct trim, timer);
    close(trim->statm);
    free(trim);
}

static void end(struct iopart *part)
{
    struct trim *trim = container_of(part, struct trim, part);
    uv_close((uv_handle_t *)&trim->timer, on_closed);
}

static void start(struct iocall *call)
{
    struct trim *trim = container_of(call, struct trim, start);
    trim->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (trim->statm < 0) {
        free(trim);
        return;
    }
    trim->part = (struct iopart){.kind = &worth_it, .end = end};
    trim->minimum = unused(trim);
    uv_timer_init(iothread_uv(trim->io), &trim->timer);
    uv_timer_start(&trim->timer, on_time, INTERVAL_MS, INTERVAL_MS);
    iothread_add_part(trim->io, &trim->part);
}

void trim_start(struct iothread *io)
{
    struct trim *trim = calloc(1, sizeof(*trim));
    if (!trim)
        return;
    trim->io = io;
    trim->start.fn = start;
    iothread_call(io, &trim->start);
}
