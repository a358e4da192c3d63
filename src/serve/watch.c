/* Owns the list of watched files and a libuv watch on each folder that matters to them: the folder
 * of the file and that of every symbolic link on the way to it. A watch on the file itself would
 * miss a rename over it, and the link `..data` that Kubernetes swaps beside the files of a
 * ConfigMap.
 *
 * An event is only a hint to look. Each look sets the watches anew, along the ways as they are now,
 * and compares afterwards what stat tells of each file with what it told before: so nothing gets
 * lost in between, nor when the kernel drops a watch or an event. The I/O thread does all this; a
 * post tells the loop thread. */
#include "serve/watch.h"

#include "base/log.h"
#include "base/path.h"
#include "serve/signature.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    NS_PER_MS = 1000 * 1000,
    SETTLE_MS = 25, /* without an event: the save is complete */
    YOUNG_MS = 20,  /* the same by the file's stamp, where no event has come yet, or will come */
    HURRY_MS = 100, /* after the first event, even in a folder that never settles */
    EMPTY_MS = 200, /* until a file is believed to be gone or empty: it may be, within a save */
    RETRY_MS = 500, /* while a folder is missing or cannot be watched: by looking only */
    IDLE_MS = 5000, /* for what no event tells: network file systems, a mount over a folder */
};

struct file {
    char *path;            /* lies behind its list */
    struct signature seen; /* at the last look that is believed; at first, when it was read */
    uint64_t empty_since;  /* no longer what was seen, but nothing: milliseconds of uv_now, or 0 */
};

/* The files of one watch_files, on their way to the I/O thread and afterwards there. */
struct list {
    struct iocall call;
    struct watch *watch;
    size_t n;
    struct file files[];
};

struct folder {
    uv_fs_event_t event;
    struct watch *watch;
    struct folder *next;
    unsigned look; /* the last look that came by */
    char path[];
};

struct watch {
    struct iothread *io; /* borrowed, as loop */
    struct loop *loop;
    void (*changed)(void *data);
    void *data;
    bool stopped; /* loop thread only */

    /* I/O thread only. */
    struct list *list; /* NULL: none yet */
    struct folder *folders;
    uv_timer_t timer;      /* to the next look */
    uint64_t first_hint;   /* since the last look: milliseconds of uv_now; 0: none */
    unsigned looks;        /* counted, for struct folder */
    bool hurry;            /* this look is the last one before the change has to be told */
    bool untold;           /* a change was seen and not told yet */
    bool all_settled;      /* at this look: no save is under way */
    bool all_watched;      /* at this look */
    bool all_there;        /* at this look: no file is empty that was not */
    bool told;             /* the log knows that a folder cannot be watched */
    unsigned open_handles; /* the timer and each folder */

    struct iocall call; /* watch_start and watch_stop wait for it */
    uv_sem_t done;

    struct post post;
    atomic_bool posted; /* post is in the loop's queue */
};

/* ---- I/O thread: the folders ---- */

static void on_event(uv_fs_event_t *event, const char *name, int events, int status);

static void handle_closed(struct watch *watch)
{
    if (--watch->open_handles == 0)
        uv_sem_post(&watch->done);
}

static void on_folder_closed(uv_handle_t *handle)
{
    struct folder *folder = container_of((uv_fs_event_t *)handle, struct folder, event);
    handle_closed(folder->watch);
    free(folder);
}

static struct folder *new_folder(struct watch *watch, const char *path)
{
    size_t size = strlen(path) + 1;
    struct folder *folder = calloc(1, sizeof(*folder) + size);
    if (!folder)
        return NULL;
    memcpy(folder->path, path, size);
    folder->watch = watch;
    folder->look = watch->looks - 1;
    uv_fs_event_init(iothread_uv(watch->io), &folder->event);
    watch->open_handles++;
    folder->next = watch->folders;
    watch->folders = folder;
    return folder;
}

static struct folder *find_folder(struct watch *watch, const char *path)
{
    struct folder *folder = watch->folders;
    while (folder && strcmp(folder->path, path) != 0)
        folder = folder->next;
    return folder;
}

/* A folder that is not there is nothing to complain of: it may be back soon. */
static void not_watched(struct watch *watch, const char *path, int reason)
{
    watch->all_watched = false;
    if (watch->told || reason == UV_ENOENT || reason == UV_ENOTDIR)
        return;
    watch->told = true;
    log_warning("Cannot watch a folder; its files are looked at now and then",
                log_str("folder", path), log_str("error", uv_strerror(reason)));
}

/* Watches the folder of what lies at place; true when this look has not come by there before. */
static bool watch_folder_of(struct watch *watch, const char *place)
{
    char path[PATH_MAX];
    strcpy(path, place);
    path_to_folder(path);
    struct folder *folder = find_folder(watch, path);
    if (!folder)
        folder = new_folder(watch, path);
    if (!folder) {
        not_watched(watch, path, UV_ENOMEM);
        return false;
    }
    if (folder->look == watch->looks)
        return false;
    folder->look = watch->looks;
    uv_fs_event_stop(&folder->event);
    int failed = uv_fs_event_start(&folder->event, on_event, path, 0);
    if (failed)
        not_watched(watch, path, failed);
    return true;
}

/* Closes the watches on folders that the last look did not come by. */
static void close_folders(struct watch *watch, bool all)
{
    for (struct folder **at = &watch->folders, *folder; (folder = *at);) {
        if (!all && folder->look == watch->looks) {
            at = &folder->next;
            continue;
        }
        *at = folder->next;
        uv_close((uv_handle_t *)&folder->event, on_folder_closed);
    }
}

/* ---- I/O thread: looking ---- */

/* What a walk along the way to a file does. */
struct walk {
    struct watch *watch;
    bool new_folder; /* came by a folder that this look had not watched yet */
};

static void on_link(void *data, const char *place)
{
    struct walk *walk = data;
    if (watch_folder_of(walk->watch, place))
        walk->new_folder = true;
}

/* Watches all folders on the way to path. What was read before its folder was watched is read
 * again.
 */
static void watch_way(struct watch *watch, const char *path)
{
    char resolved[PATH_MAX];
    struct err err;
    struct walk walk = {.watch = watch, .new_folder = true};
    while (walk.new_folder) {
        walk.new_folder = false;
        if (path_resolve_links(path, resolved, on_link, &walk, &err)) {
            watch->all_watched = false;
            return;
        }
        if (watch_folder_of(watch, resolved))
            walk.new_folder = true;
    }
}

static bool is_empty(const struct signature *signature)
{
    return signature->stat.st_size == 0; /* also of what does not exist */
}

/* True once a file has been empty, which it was not before, for long enough. */
static bool stays_empty(struct watch *watch, struct file *file)
{
    uint64_t now = uv_now(iothread_uv(watch->io));
    if (file->empty_since == 0)
        file->empty_since = now;
    bool stays = now - file->empty_since >= EMPTY_MS;
    watch->all_there = watch->all_there && stays;
    return stays;
}

/* Looks at one file; true when it has changed. */
static bool look_at(struct watch *watch, struct file *file)
{
    watch_way(watch, file->path);
    struct signature now = signature_of(file->path);
    if (is_empty(&now) && !is_empty(&file->seen) && !stays_empty(watch, file))
        return false;
    file->empty_since = 0;
    bool changed = !signature_same(&file->seen, &now);
    if (changed && !watch->hurry && signature_younger(&now, (int64_t)YOUNG_MS * NS_PER_MS)) {
        watch->all_settled = false;
        return false;
    }
    file->seen = now;
    return changed;
}

static void report(struct watch *watch)
{
    if (!atomic_exchange(&watch->posted, true))
        loop_post(watch->loop, &watch->post);
}

static void look(uv_timer_t *timer);

/* Looks soon, but not into the middle of a save. */
static void look_soon(struct watch *watch)
{
    uint64_t now = uv_now(iothread_uv(watch->io));
    if (watch->first_hint == 0)
        watch->first_hint = now;
    uint64_t due = watch->first_hint + HURRY_MS;
    if (due > now + SETTLE_MS)
        due = now + SETTLE_MS;
    uv_timer_start(&watch->timer, look, due > now ? due - now : 0, 0);
}

/* Nothing is under way: tells what was seen, and looks again by itself after a while. */
static void settle(struct watch *watch)
{
    uint64_t pause = IDLE_MS;
    if (!watch->all_watched)
        pause = RETRY_MS;
    if (!watch->all_there)
        pause = EMPTY_MS;
    if (watch->untold)
        report(watch);
    watch->untold = false;
    watch->first_hint = 0;
    uv_timer_start(&watch->timer, look, pause, 0);
}

static void look(uv_timer_t *timer)
{
    struct watch *watch = container_of(timer, struct watch, timer);
    uint64_t now = uv_now(iothread_uv(watch->io));
    watch->looks++;
    watch->hurry = watch->first_hint != 0 && now - watch->first_hint >= HURRY_MS;
    watch->all_settled = true;
    watch->all_watched = true;
    watch->all_there = true;
    for (size_t i = 0; i < watch->list->n; i++) {
        if (look_at(watch, &watch->list->files[i]))
            watch->untold = true;
    }
    close_folders(watch, false);
    if (watch->all_settled)
        settle(watch);
    else
        look_soon(watch);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    (void)status;
    look_soon(container_of(event, struct folder, event)->watch);
}

/* ---- I/O thread: taking over a list ---- */

static void take_list(struct iocall *call)
{
    struct list *list = container_of(call, struct list, call);
    struct watch *watch = list->watch;
    free(watch->list);
    watch->list = list;
    look_soon(watch);
}

/* ---- I/O thread: start and stop ---- */

static void start_on_io(struct iocall *call)
{
    struct watch *watch = container_of(call, struct watch, call);
    uv_timer_init(iothread_uv(watch->io), &watch->timer);
    watch->open_handles = 1;
    uv_sem_post(&watch->done);
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(container_of((uv_timer_t *)handle, struct watch, timer));
}

static void stop_on_io(struct iocall *call)
{
    struct watch *watch = container_of(call, struct watch, call);
    close_folders(watch, true);
    uv_close((uv_handle_t *)&watch->timer, on_timer_closed);
}

/* ---- Loop thread ---- */

static void deliver(struct post *post)
{
    struct watch *watch = container_of(post, struct watch, post);
    atomic_store(&watch->posted, false); /* what changes from now on is told again */
    if (!watch->stopped)
        watch->changed(watch->data);
}

static void run_on_io(struct watch *watch, void (*fn)(struct iocall *call))
{
    watch->call.fn = fn;
    iothread_call(watch->io, &watch->call);
    uv_sem_wait(&watch->done);
}

struct watch *watch_start(struct iothread *io, struct loop *loop, void (*changed)(void *data),
                          void *data, struct err *err)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch || uv_sem_init(&watch->done, 0) != 0) {
        free(watch);
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to watch the script");
        return NULL;
    }
    watch->io = io;
    watch->loop = loop;
    watch->changed = changed;
    watch->data = data;
    watch->post.fn = deliver;
    run_on_io(watch, start_on_io);
    return watch;
}

/* One piece of memory for the list and the paths. */
static struct list *new_list(const char *const *paths, const struct stat *stats, size_t n)
{
    size_t size = sizeof(struct list) + n * sizeof(struct file);
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(paths[i]) + 1;
    struct list *list = calloc(1, size + bytes);
    if (!list)
        return NULL;
    char *at = (char *)list + size;
    for (size_t i = 0; i < n; i++) {
        list->files[i].path = at;
        list->files[i].seen = (struct signature){.exists = stats[i].st_ino != 0, .stat = stats[i]};
        at = stpcpy(at, paths[i]) + 1;
    }
    list->n = n;
    return list;
}

void watch_files(struct watch *watch, const char *const *paths, const struct stat *stats, size_t n)
{
    if (watch->stopped)
        return;
    struct list *list = new_list(paths, stats, n);
    if (!list) {
        log_error("No memory to watch other files, those before are watched on");
        return;
    }
    list->watch = watch;
    list->call.fn = take_list;
    iothread_call(watch->io, &list->call);
}

void watch_stop(struct watch *watch)
{
    if (!watch || watch->stopped)
        return;
    watch->stopped = true;
    run_on_io(watch, stop_on_io);
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    free(watch->list);
    uv_sem_destroy(&watch->done);
    free(watch);
}
