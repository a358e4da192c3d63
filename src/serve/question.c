/* Owns the list of those who wait for an answer, whichever thread touches it. */
#include "serve/question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char stops[] = "the server stops\n";

void question_unref(struct question *question)
{
    if (atomic_fetch_sub(&question->refs, 1) > 1)
        return;
    free(question->text);
    question->freed(question);
}

/* ---- HTTP thread ---- */

static enum MHD_Result send_answer(struct httpd_exchange *exchange,
                                   const struct httpd_request *request)
{
    struct question *question = container_of(exchange, struct question, exchange);
    const char *text = question->text ? question->text : "";
    return httpd_respond(question->all->httpd, request->connection, question->code, question->type,
                         text, strlen(text));
}

static void on_completed(struct httpd_exchange *exchange)
{
    struct question *question = container_of(exchange, struct question, exchange);
    struct questions *all = question->all;
    question_unref(question);
    pthread_mutex_lock(&all->lock);
    if (--all->n_open == 0)
        pthread_cond_signal(&all->done);
    pthread_mutex_unlock(&all->lock);
}

static void on_post(struct post *post)
{
    struct question *question = container_of(post, struct question, post);
    question->asked(question);
}

void question_begin(struct question *question, struct questions *questions,
                    struct MHD_Connection *connection, struct httpd_exchange **own)
{
    question->exchange = (struct httpd_exchange){.more = send_answer, .completed = on_completed};
    question->all = questions;
    question->connection = connection;
    question->post.fn = on_post;
    atomic_init(&question->refs, 1);
    *own = &question->exchange;
    pthread_mutex_lock(&questions->lock);
    questions->n_open++;
    pthread_mutex_unlock(&questions->lock);
}

enum MHD_Result question_put(struct question *question)
{
    struct questions *all = question->all;
    question->exchange.more = send_answer;
    pthread_mutex_lock(&all->lock);
    bool stopping = all->is_stopping;
    if (!stopping) {
        atomic_fetch_add(&question->refs, 1);
        question->next = all->waiting;
        question->place = &all->waiting;
        if (question->next)
            question->next->place = &question->next;
        all->waiting = question;
        all->httpd->http->suspend_connection(question->connection);
        loop_post(all->loop, &question->post);
    }
    pthread_mutex_unlock(&all->lock);
    return stopping ? httpd_respond_text(all->httpd, question->connection,
                                         MHD_HTTP_SERVICE_UNAVAILABLE, stops)
                    : MHD_YES;
}

/* ---- loop thread ---- */

void question_answer(struct question *question, unsigned code, const char *text)
{
    struct questions *all = question->all;
    char *copy = text ? strdup(text) : NULL;
    pthread_mutex_lock(&all->lock);
    bool waits = question->place != NULL;
    if (waits) {
        question->code = copy ? code : MHD_HTTP_INTERNAL_SERVER_ERROR;
        question->text = copy;
        *question->place = question->next;
        if (question->next)
            question->next->place = question->place;
        question->place = NULL;
        all->httpd->http->resume_connection(question->connection);
    }
    pthread_mutex_unlock(&all->lock);
    if (!waits) /* questions_stop was faster */
        free(copy);
}

bool questions_stopping(struct questions *questions)
{
    pthread_mutex_lock(&questions->lock);
    bool stopping = questions->is_stopping;
    pthread_mutex_unlock(&questions->lock);
    return stopping;
}

/* A question that waits; NULL: none does, and none will. */
static struct question *stop_asking(struct questions *questions)
{
    pthread_mutex_lock(&questions->lock);
    questions->is_stopping = true;
    struct question *question = questions->waiting;
    pthread_mutex_unlock(&questions->lock);
    return question;
}

static void linger(struct questions *questions)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&questions->lock);
    while (questions->n_open > 0 && pthread_cond_clockwait(&questions->done, &questions->lock,
                                                           CLOCK_MONOTONIC, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&questions->lock);
}

void questions_stop(struct questions *questions)
{
    for (struct question *question; (question = stop_asking(questions));)
        question_answer(question, MHD_HTTP_SERVICE_UNAVAILABLE, stops);
    linger(questions);
}

void questions_init(struct questions *questions, const struct httpd *httpd, struct loop *loop)
{
    *questions = (struct questions){.httpd = httpd, .loop = loop};
    pthread_mutex_init(&questions->lock, NULL);
    pthread_cond_init(&questions->done, NULL);
}

void questions_fini(struct questions *questions)
{
    pthread_cond_destroy(&questions->done);
    pthread_mutex_destroy(&questions->lock);
}
