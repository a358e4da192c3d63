/* Owns one loading thread. The thread owns the vm until it has posted; the loop thread afterwards.
 */
#include "serve/loader.h"

#include <pthread.h>
#include <stdlib.h>

struct loader {
    struct loop *loop;
    struct vm_options options;
    struct source *source; /* a reference */
    void (*loaded)(void *data, struct vm *vm, const struct err *err);
    void *data;
    struct vm *vm; /* the result; NULL when memory was short */
    struct err err;
    struct post post;
    bool failed; /* vm did not load: err says why */
    pthread_mutex_t lock;
    bool abandoned; /* under lock: nobody wants the result */
};

static void throw_away(struct loader *loader)
{
    if (loader->vm)
        vm_free(loader->vm);
    source_unref(loader->source);
    pthread_mutex_destroy(&loader->lock);
    free(loader);
}

static void deliver(struct post *post)
{
    struct loader *loader = container_of(post, struct loader, post);
    pthread_mutex_lock(&loader->lock); /* the thread may still be in there */
    pthread_mutex_unlock(&loader->lock);
    if (!loader->abandoned) {
        loader->loaded(loader->data, loader->vm, loader->failed ? &loader->err : NULL);
        loader->vm = NULL;
    }
    throw_away(loader);
}

static void *load(void *data)
{
    struct loader *loader = data;
    loader->failed = source_load(loader->source, &loader->options, &loader->vm, &loader->err) != 0;
    pthread_mutex_lock(&loader->lock);
    bool wanted = !loader->abandoned; /* else the loop may be gone */
    if (wanted)
        loop_post(loader->loop, &loader->post);
    pthread_mutex_unlock(&loader->lock);
    if (!wanted)
        throw_away(loader);
    return NULL;
}

struct loader *loader_start(struct loop *loop, const struct vm_options *options,
                            struct source *source,
                            void (*loaded)(void *data, struct vm *vm, const struct err *err),
                            void *data)
{
    pthread_t thread;
    pthread_attr_t attributes;
    struct loader *loader = calloc(1, sizeof(*loader));
    if (!loader)
        return NULL;
    *loader = (struct loader){
        .loop = loop,
        .options = *options,
        .source = source_ref(source),
        .loaded = loaded,
        .data = data,
        .post.fn = deliver,
    };
    pthread_mutex_init(&loader->lock, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 2 * 1024 * 1024); /* Lua's C functions recurse */
    int failed = pthread_create(&thread, &attributes, load, loader);
    pthread_attr_destroy(&attributes);
    if (failed) {
        throw_away(loader);
        return NULL;
    }
    return loader;
}

void loader_abandon(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    loader->abandoned = true;
    pthread_mutex_unlock(&loader->lock);
}
