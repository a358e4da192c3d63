/* Owns the thread that reads lines. Between two lines it waits for the loop thread, and for Ctrl-C;
 * while it reads from a terminal, Ctrl-C is a key. What both threads write is handed over by posts
 * to the loop and by an eventfd from it. */
#include "cli/prompt.h"

#include "cli/editor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { PROMPT_TEXT = 32, EXIT_STUCK = 130 };

/* What the loop thread answers with: counts of an eventfd. */
enum { NEXT = 1, STOP = 1 << 20 };

struct prompt {
    struct prompt_options options;
    pthread_t thread;
    struct editor *editor; /* NULL: lines come from a pipe */
    int answers;           /* eventfd, from the loop thread */
    int signals;           /* signalfd; -1: lines come from a pipe */
    char text[PROMPT_TEXT];
    char *line;        /* under way to the loop thread; NULL: the end, or */
    bool is_cancelled; /* Ctrl-C was typed in place of a line */
    struct post line_post;
    struct post interrupt_post;
    atomic_bool interrupting; /* interrupt_post is under way */
    struct completion {
        struct post post;
        const char *text;
        char *buffer;
        size_t size;
        sem_t done;
    } completion;
};

/* ---- on the loop thread ---- */

static void on_line(struct post *post)
{
    struct prompt *prompt = container_of(post, struct prompt, line_post);
    if (prompt->is_cancelled)
        prompt->options.cancel(prompt->options.data);
    else
        prompt->options.line(prompt->options.data, prompt->line);
}

static void on_interrupt(struct post *post)
{
    struct prompt *prompt = container_of(post, struct prompt, interrupt_post);
    prompt->options.interrupt(prompt->options.data);
    atomic_store(&prompt->interrupting, false);
}

static void on_complete(struct post *post)
{
    struct completion *completion = container_of(post, struct completion, post);
    struct prompt *prompt = container_of(completion, struct prompt, completion);
    prompt->options.complete(prompt->options.data, completion->text, completion->buffer,
                             completion->size);
    sem_post(&completion->done);
}

static void answer(struct prompt *prompt, uint64_t count)
{
    ssize_t n = write(prompt->answers, &count, sizeof(count));
    (void)n; /* a count this small always fits */
}

void prompt_next(struct prompt *prompt, const char *text)
{
    snprintf(prompt->text, sizeof(prompt->text), "%s", text);
    answer(prompt, NEXT);
}

/* ---- on the thread that reads ---- */

/* A second Ctrl-C before the loop thread has seen the first: it is stuck inside of C. */
static void interrupt(struct prompt *prompt)
{
    struct signalfd_siginfo info;
    ssize_t n = read(prompt->signals, &info, sizeof(info));
    if (n != sizeof(info))
        return;
    if (atomic_exchange(&prompt->interrupting, true)) {
        fputs("luacsi repl: it cannot be interrupted\n", stderr);
        _exit(EXIT_STUCK);
    }
    loop_post(prompt->options.loop, &prompt->interrupt_post);
}

/* Waits for the loop thread's answer; true for NEXT. */
static bool await_answer(struct prompt *prompt)
{
    struct pollfd polls[] = {{.fd = prompt->answers, .events = POLLIN},
                             {.fd = prompt->signals, .events = POLLIN}};
    uint64_t count = 0;
    for (;;) {
        if (poll(polls, 2, -1) < 0)
            continue;
        if (polls[1].revents)
            interrupt(prompt);
        if (polls[0].revents && read(prompt->answers, &count, sizeof(count)) == sizeof(count))
            return count < STOP;
    }
}

/* Signals of Ctrl-C that came while nothing ran are no interrupts of what comes next. */
static void forget_interrupts(struct prompt *prompt)
{
    struct signalfd_siginfo info;
    while (prompt->signals >= 0 && read(prompt->signals, &info, sizeof(info)) > 0)
        continue;
}

/* For the editor: asks the loop thread. */
static void ask_completion(void *data, const char *text, char *buffer, size_t size)
{
    struct prompt *prompt = data;
    struct completion *completion = &prompt->completion;
    completion->text = text;
    completion->buffer = buffer;
    completion->size = size;
    completion->post.fn = on_complete;
    loop_post(prompt->options.loop, &completion->post);
    while (sem_wait(&completion->done) != 0)
        continue;
}

/* A line for free(); NULL at the end. */
static char *read_pipe(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = getline(&line, &room, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void read_line(struct prompt *prompt)
{
    free(prompt->line);
    if (prompt->editor)
        prompt->line = editor_read(prompt->editor, prompt->text, &prompt->is_cancelled);
    else
        prompt->line = read_pipe();
    forget_interrupts(prompt);
}

/* A terminal's SIGINT comes by the signalfd; all else ends the process as ever. */
static void unblock_signals(const struct prompt *prompt)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (!prompt->editor)
        sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void *read_lines(void *data)
{
    struct prompt *prompt = data;
    unblock_signals(prompt);
    while (await_answer(prompt)) {
        read_line(prompt);
        loop_post(prompt->options.loop, &prompt->line_post);
    }
    return NULL;
}

/* ---- start and stop ---- */

static int open_signals(struct prompt *prompt)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    prompt->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return prompt->signals < 0 ? -1 : 0;
}

static void free_prompt(struct prompt *prompt)
{
    editor_free(prompt->editor);
    if (prompt->answers >= 0)
        close(prompt->answers);
    if (prompt->signals >= 0)
        close(prompt->signals);
    sem_destroy(&prompt->completion.done);
    free(prompt->line);
    free(prompt);
}

static int open_parts(struct prompt *prompt, struct err *err)
{
    prompt->answers = eventfd(0, EFD_CLOEXEC);
    if (prompt->answers < 0)
        return err_errno(err, STATUS_RESOURCE_EXHAUSTED, "the prompt");
    if (prompt->options.is_terminal) {
        prompt->editor = editor_new(prompt->options.history, ask_completion, prompt, err);
        if (!prompt->editor)
            return -1;
        if (open_signals(prompt))
            return err_errno(err, STATUS_RESOURCE_EXHAUSTED, "the prompt");
    }
    errno = pthread_create(&prompt->thread, NULL, read_lines, prompt);
    return errno ? err_errno(err, STATUS_RESOURCE_EXHAUSTED, "a thread for the prompt") : 0;
}

struct prompt *prompt_start(const struct prompt_options *options, struct err *err)
{
    struct prompt *prompt = calloc(1, sizeof(*prompt));
    if (!prompt) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the prompt");
        return NULL;
    }
    prompt->options = *options;
    prompt->answers = prompt->signals = -1;
    prompt->line_post.fn = on_line;
    prompt->interrupt_post.fn = on_interrupt;
    sem_init(&prompt->completion.done, 0, 0);
    if (open_parts(prompt, err) == 0)
        return prompt;
    free_prompt(prompt);
    return NULL;
}

void prompt_stop(struct prompt *prompt)
{
    answer(prompt, STOP);
    pthread_join(prompt->thread, NULL);
    free_prompt(prompt);
}
