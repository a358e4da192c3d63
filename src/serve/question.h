/* Requests over HTTP that the loop thread answers. The HTTP thread puts a question and suspends its
 * connection; the loop thread answers, which resumes it. */
#ifndef LUACSI_SERVE_QUESTION_H
#define LUACSI_SERVE_QUESTION_H

#include "io/loop.h"
#include "serve/httpd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* All questions of an endpoint. */
struct questions {
    const struct httpd *httpd;
    struct loop *loop;
    pthread_mutex_t lock;
    struct question *waiting; /* under lock: whose connections are suspended */
    unsigned n_open;          /* under lock: of connections that are not done */
    pthread_cond_t done;      /* n_open has become 0 */
    bool is_stopping;         /* under lock: no further question is put */
};

/* One question; it lies in what its maker has of it. It belongs to both threads: each holds a
 * reference. */
struct question {
    struct httpd_exchange exchange; /* the HTTP thread's */
    struct questions *all;
    struct MHD_Connection *connection;
    /* It has come to the loop thread, which owns a reference from now on. */
    void (*asked)(struct question *question);
    void (*freed)(struct question *question); /* the last reference is gone */
    const char *type;                         /* of the answer's body */
    atomic_uint refs;
    struct post post;
    struct question *next; /* in all->waiting */
    struct question **place;
    unsigned code; /* of HTTP; 0: not answered yet */
    char *text;    /* the answer's body, from malloc */
};

void questions_init(struct questions *questions, const struct httpd *httpd, struct loop *loop);
void questions_fini(struct questions *questions);

/* No further question is put; those that wait are answered with 503. Gives the HTTP thread a moment
 * to send what was answered. Loop thread. */
void questions_stop(struct questions *questions);

/* Whether questions_stop was called. Any thread. */
bool questions_stopping(struct questions *questions);

/* Makes it the exchange of a request that has come; exchange.more may be replaced by the maker's,
 * until it is put. HTTP thread. */
void question_begin(struct question *question, struct questions *questions,
                    struct MHD_Connection *connection, struct httpd_exchange **own);

/* Puts it to the loop thread; once. When the answer is there it is sent. HTTP thread. */
enum MHD_Result question_put(struct question *question);

/* Answers with a copy of text (NULL counts as no memory); only the first answer counts. Loop
 * thread. */
void question_answer(struct question *question, unsigned code, const char *text);

void question_unref(struct question *question);

#endif
