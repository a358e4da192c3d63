/* Ends the process when something that nothing can interrupt takes too long: a script that gets
 * stuck inside one C function while it loads. */
#ifndef LUACSI_SERVE_PATIENCE_H
#define LUACSI_SERVE_PATIENCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct patience {
    int64_t limit;    /* nanoseconds */
    const char *text; /* for the log, when they are over */
    int exit_code;    /* of the process then */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;     /* under lock: patience_end was called */
    bool is_watched;  /* a thread waits for that */
    pthread_t thread; /* which one */
};

/* From now on, until patience_end. The fields above lock are set. Without the memory for a thread
 * nobody watches. */
void patience_begin(struct patience *patience);
void patience_end(struct patience *patience);

#endif
