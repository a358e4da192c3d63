/* Owns one thread that waits for the end of patience. */
#include "serve/patience.h"

#include "base/log.h"

#include <time.h>
#include <unistd.h>

static struct timespec from_now(int64_t ns)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ns += ts.tv_nsec;
    ts.tv_sec += ns / 1000000000;
    ts.tv_nsec = ns % 1000000000;
    return ts;
}

static void *watch(void *data)
{
    struct patience *patience = data;
    const struct timespec end = from_now(patience->limit);
    int failed = 0;
    pthread_mutex_lock(&patience->lock);
    while (!patience->is_done && !failed)
        failed = pthread_cond_timedwait(&patience->changed, &patience->lock, &end);
    bool is_over = !patience->is_done;
    pthread_mutex_unlock(&patience->lock);
    if (is_over) {
        log_error(patience->text);
        _exit(patience->exit_code);
    }
    return NULL;
}

void patience_begin(struct patience *patience)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&patience->lock, NULL);
    pthread_cond_init(&patience->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    patience->is_done = false;
    patience->is_watched = pthread_create(&patience->thread, NULL, watch, patience) == 0;
}

void patience_end(struct patience *patience)
{
    pthread_mutex_lock(&patience->lock);
    patience->is_done = true;
    pthread_cond_signal(&patience->changed);
    pthread_mutex_unlock(&patience->lock);
    if (patience->is_watched)
        pthread_join(patience->thread, NULL);
    pthread_cond_destroy(&patience->changed);
    pthread_mutex_destroy(&patience->lock);
}
