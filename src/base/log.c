/* Writes log lines. Owns the form, the verbosity and the count of dropped lines. Any thread: one
 * mutex orders the lines, and it is never held for long, because a line is written only when
 * poll(2) says that standard error takes it at once. */
#include "base/log.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One line as it grows. A pipe takes up to PIPE_BUF bytes in one piece; TAIL_ROOM of them are kept
 * for the mark that something was cut and for the end. */
struct line {
    char text[PIPE_BUF];
    size_t size;
    bool json;
    bool cut; /* something did not fit: nothing but the tail follows */
};

enum { TAIL_ROOM = 16 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t dropped;    /* since the start; guarded by mutex */
static uint64_t unreported; /* of them, since the last line that was written; guarded by mutex */
static bool json;           /* set before any other thread starts, as is verbosity */
static int verbosity;

void log_init(enum log_format format, int wanted_verbosity)
{
    json = format == LOG_JSON;
    verbosity = wanted_verbosity;
}

bool log_v(int wanted)
{
    return wanted <= verbosity;
}

uint64_t log_dropped(void)
{
    pthread_mutex_lock(&mutex);
    uint64_t count = dropped;
    pthread_mutex_unlock(&mutex);
    return count;
}

/* Adds n bytes, all or none of them. */
static void put(struct line *line, const char *bytes, size_t n)
{
    line->cut = line->cut || line->size + n > sizeof(line->text) - TAIL_ROOM;
    if (line->cut)
        return;
    memcpy(line->text + line->size, bytes, n);
    line->size += n;
}

static void put_string(struct line *line, const char *s)
{
    put(line, s, strlen(s));
}

/* Adds what ends a value or the line, into the room that put leaves. */
static void put_tail(struct line *line, const char *s)
{
    size_t n = strlen(s);
    memcpy(line->text + line->size, s, n);
    line->size += n;
}

/* Adds s, escaped, as much of it as there is room for. */
static void put_escaped(struct line *line, const char *s)
{
    size_t left = strlen(s);
    while (left > 0 && !line->cut) {
        char out[TEXT_ESCAPED];
        size_t size;
        const char *quoted = text_next_quoted(&s, &left, line->json, out, &size);
        put(line, quoted, size);
    }
}

/* Adds s between quotation marks, cut where the room ends; false when not even the mark fits. */
static bool put_quoted(struct line *line, const char *s)
{
    put(line, "\"", 1);
    if (line->cut)
        return false;
    put_escaped(line, s);
    put_tail(line, line->cut ? "…\"" : "\"");
    return true;
}

/* Adds a key; the text form quotes only those that could be misread. */
static void put_key(struct line *line, const char *key)
{
    bool plain = *key != '\0';
    for (const char *c = key; *c != '\0'; c++)
        plain = plain && *c > ' ' && *c <= '~' && !strchr("=\"\\", *c);
    put(line, line->json ? "," : " ", 1);
    if (plain && !line->json)
        put_string(line, key);
    else
        put_quoted(line, key);
    put(line, line->json ? ":" : "=", 1);
}

/* Adds a field: a long string is cut, and a field of which nothing fits goes as a whole. */
static void put_field(struct line *line, const struct log_field *field)
{
    char number[24];
    size_t start = line->size;
    bool fits;
    if (line->cut || field->kind == LOG_ABSENT)
        return;

    put_key(line, field->key);
    if (field->kind == LOG_STRING) {
        fits = put_quoted(line, field->string ? field->string : "");
    } else {
        snprintf(number, sizeof(number), "%" PRId64, field->integer);
        put_string(line, number);
        fits = !line->cut;
    }
    if (!fits) {
        line->size = start;
        put_tail(line, line->json ? ",\"cut\":true" : " …");
    }
}

/* The last parts of a path: one for text, as klog does, two for JSON, as zap does. */
static const char *last_parts(const char *path, int parts)
{
    const char *c = path + strlen(path);
    while (c > path && (c[-1] != '/' || --parts > 0))
        c--;
    return c;
}

/* klog: `I0821 12:00:00.000000    1234 rpc.c:31] `, in local time. */
static void put_text_start(struct line *line, enum log_severity severity, const char *file,
                           int number)
{
    char start[64], place[256];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    snprintf(start, sizeof(start), "%c%02d%02d %02d:%02d:%02d.%06ld %7d ", "IWE"[severity],
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000,
             (int)getpid());
    snprintf(place, sizeof(place), "%.200s:%d", last_parts(file, 1), number);
    put_string(line, start);
    put_escaped(line, place);
    put_string(line, "] ");
}

/* As Kubernetes' component-base writes JSON; ts is in milliseconds since 1970. */
static void put_json_start(struct line *line, enum log_severity severity, const char *file,
                           int number, const char *message)
{
    static const char *const levels[] = {"info", "warn", "error"};
    char start[64], place[256];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(start, sizeof(start), "{\"ts\":%lld.%03ld",
             (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, now.tv_nsec / 1000 % 1000);
    snprintf(place, sizeof(place), "%.200s:%d", last_parts(file, 2), number);
    put_string(line, start);
    put_field(line, &log_str("caller", place));
    put_field(line, &log_str("level", levels[severity]));
    put_field(line, &log_str("msg", message));
    put_field(line, &log_int("v", 0));
}

/* A field of the caller's; a key that is one of the line's own gets _ behind: JSON has each key
 * once. */
static void put_callers_field(struct line *line, const struct log_field *field)
{
    static const char *const own[] = {"ts", "caller", "level", "msg", "v", "cut", "dropped_lines"};
    char renamed[24];
    struct log_field copy = *field;
    for (size_t i = 0; line->json && i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(field->key, own[i]) == 0) {
            snprintf(renamed, sizeof(renamed), "%s_", own[i]);
            copy.key = renamed;
        }
    }
    put_field(line, &copy);
}

/* True when the whole line went out. A reader that has gone is not written to: no SIGPIPE. */
static bool write_line(const struct line *line)
{
    struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&output, 1, 0) == 1 && output.revents == POLLOUT &&
           write(STDERR_FILENO, line->text, line->size) == (ssize_t)line->size;
}

/* What comes before the fields. Returns whether it tells of the lines that were dropped. */
static bool put_start(struct line *line, enum log_severity severity, const char *file, int number,
                      const char *message)
{
    if (line->json) {
        put_json_start(line, severity, file, number, message);
    } else {
        put_text_start(line, severity, file, number);
        put_quoted(line, message);
    }
    if (unreported > 0)
        put_field(line, &log_int("dropped_lines", (int64_t)unreported));
    return !line->cut;
}

static void put_callers_fields(struct line *line, const struct log_field *fields)
{
    for (; fields->kind != LOG_END; fields++)
        put_callers_field(line, fields);
}

/* reported: the line tells of those that were dropped before it. */
static void finish_line(struct line *line, bool reported)
{
    put_tail(line, line->json ? "}\n" : "\n");
    if (write_line(line)) {
        unreported = reported ? 0 : unreported;
    } else {
        unreported++;
        dropped++;
    }
}

void log_write(enum log_severity severity, const char *file, int number, const char *message,
               const struct log_field *fields)
{
    int saved_errno = errno;
    struct line line = {.json = json};

    pthread_mutex_lock(&mutex);
    bool reported = put_start(&line, severity, file, number, message);
    put_callers_fields(&line, fields);
    finish_line(&line, reported);
    pthread_mutex_unlock(&mutex);
    errno = saved_errno;
}

void log_write_document(const char *file, int number, const char *name, const char *document,
                        const struct log_field *fields)
{
    int saved_errno = errno;
    struct line line = {.json = json};
    bool reported = false;

    pthread_mutex_lock(&mutex);
    if (line.json) {
        reported = put_start(&line, LOG_INFO, file, number, name);
        put_callers_fields(&line, fields);
        put_key(&line, "call");
    } else {
        put_text_start(&line, LOG_INFO, file, number);
        put_string(&line, name);
        put_string(&line, ": ");
    }
    put_string(&line, document);
    finish_line(&line, reported);
    pthread_mutex_unlock(&mutex);
    errno = saved_errno;
}
