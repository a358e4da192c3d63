/* Owns the thread that writes a store's file, and the mark that there is something to write.
 * Changes come from any thread; the file is touched by the saver's thread alone once it runs. */
#include "io/store_saver.h"

#include "base/log.h"
#include "base/path.h"
#include "io/store_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { INTERVAL_MS = 100, RETRY_MS = 1000 };

struct store_saver {
    struct store *store;
    char path[PATH_MAX];
    pthread_t thread;
    bool started; /* there is a thread */
    bool failing; /* the last save failed; the thread's own */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;   /* on the monotonic clock */
    bool dirty;            /* the store has changed since the last snapshot */
    bool stopping;
};

/* ---- reading ---- */

/* The folder is asked for now: a save that can only fail is better known at once. */
static int check_folder(const char *path, struct err *err)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", path);
    path_to_folder(folder);
    if (access(folder, W_OK | X_OK) != 0)
        return err_errno(err, STATUS_FAILED_PRECONDITION, "%s: no file can be written in %s", path,
                         folder);
    return 0;
}

static int set_aside(const char *path, struct err *err)
{
    char aside[PATH_MAX + 16];
    snprintf(aside, sizeof(aside), "%s.corrupt", path);
    if (rename(path, aside) != 0)
        return err_errno(err, STATUS_FAILED_PRECONDITION, "%s cannot be renamed to %s", path,
                         aside);
    log_warning("State is corrupt: starting with an empty store", log_str("error", err->text),
                log_str("kept", aside));
    return 0;
}

static int load(struct store_saver *saver, bool reset, struct err *err)
{
    if (check_folder(saver->path, err))
        return -1;
    if (store_file_load(saver->path, saver->store, err) == 0)
        return 0;
    if (err->code != STATUS_DATA_LOSS)
        return -1;
    if (reset) {
        store_clear(saver->store);
        return set_aside(saver->path, err);
    }
    return err_prefix(err, "the state is corrupt (--state-reset begins with an empty one): ");
}

struct store_saver *store_saver_new(struct store *store, const char *path, bool reset,
                                    struct err *err)
{
    struct store_saver *saver = calloc(1, sizeof(*saver));
    if (!saver) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to save the store");
        return NULL;
    }
    saver->store = store;
    if (path_resolve(path, saver->path, err) || load(saver, reset, err)) {
        free(saver);
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&saver->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&saver->mutex, NULL);
    return saver;
}

const char *store_saver_path(const struct store_saver *saver)
{
    return saver->path;
}

/* ---- writing ---- */

static int write_snapshot(struct store_saver *saver, struct err *err)
{
    struct store_entry **entries;
    size_t n;
    if (store_snapshot(saver->store, &entries, &n))
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a copy of the store");
    int failed = store_file_save(saver->path, entries, n, err);
    store_snapshot_free(saver->store, entries, n);
    return failed;
}

/* Logs where failing begins and ends. */
static bool save(struct store_saver *saver)
{
    struct err err;
    bool failed = write_snapshot(saver, &err) != 0;
    if (failed && !saver->failing)
        log_error("State is not saved; it is tried again until it is", log_str("error", err.text));
    else if (!failed && saver->failing)
        log_info("State is saved again", log_str("path", saver->path));
    saver->failing = failed;
    return !failed;
}

/* Waits, under the mutex, for the time to pass or for the end. */
static void wait_ms(struct store_saver *saver, long ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!saver->stopping &&
           pthread_cond_timedwait(&saver->wake, &saver->mutex, &until) != ETIMEDOUT)
        ;
}

/* The first change after a while is saved at once, those that follow within the interval together.
 */
static void *run(void *data)
{
    struct store_saver *saver = data;
    bool last = false;
    pthread_setname_np(pthread_self(), "luacsi-state");
    pthread_mutex_lock(&saver->mutex);
    while (!last) {
        while (!saver->dirty && !saver->stopping)
            pthread_cond_wait(&saver->wake, &saver->mutex);
        last = saver->stopping;
        if (!saver->dirty)
            continue;
        saver->dirty = false;
        pthread_mutex_unlock(&saver->mutex);
        bool saved = save(saver);
        pthread_mutex_lock(&saver->mutex);
        saver->dirty = saver->dirty || !saved;
        wait_ms(saver, saved ? INTERVAL_MS : RETRY_MS);
    }
    pthread_mutex_unlock(&saver->mutex);
    return NULL;
}

static void note_change(void *data)
{
    struct store_saver *saver = data;
    pthread_mutex_lock(&saver->mutex);
    if (!saver->dirty)
        pthread_cond_signal(&saver->wake);
    saver->dirty = true;
    pthread_mutex_unlock(&saver->mutex);
}

int store_saver_start(struct store_saver *saver, struct err *err)
{
    /* The script may have set something while it loaded; and whether saving works shows at once. */
    saver->dirty = true;
    errno = pthread_create(&saver->thread, NULL, run, saver);
    if (errno)
        return err_errno(err, STATUS_RESOURCE_EXHAUSTED, "the thread that saves the state");
    saver->started = true;
    store_on_change(saver->store, note_change, saver);
    return 0;
}

void store_saver_stop(struct store_saver *saver)
{
    if (!saver)
        return;
    if (saver->started) {
        store_on_change(saver->store, NULL, NULL);
        pthread_mutex_lock(&saver->mutex);
        saver->stopping = true;
        pthread_cond_signal(&saver->wake);
        pthread_mutex_unlock(&saver->mutex);
        pthread_join(saver->thread, NULL);
    }
    pthread_cond_destroy(&saver->wake);
    pthread_mutex_destroy(&saver->mutex);
    free(saver);
}
