/* The log: one line an event to standard error, in klog's text form or as JSON. Any thread.
 *
 * A line is never waited for: when standard error cannot take it at once (a pipe that nobody
 * reads), it is dropped and counted, and the next line that fits says how many are missing. */
#ifndef LUACSI_BASE_LOG_H
#define LUACSI_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_severity { LOG_INFO, LOG_WARNING, LOG_ERROR };

enum log_format { LOG_TEXT, LOG_JSON };

enum log_kind { LOG_END, LOG_ABSENT, LOG_STRING, LOG_INTEGER };

/* One key=value of a line; build it with log_str, log_int or log_if. */
struct log_field {
    const char *key;
    const char *string; /* borrowed for the call; NULL is written as an empty string */
    int64_t integer;
    enum log_kind kind;
};

/* Sets the form and the verbosity (klog's -v: 0 quiet, 5 every Probe). Before any thread starts. */
void log_init(enum log_format format, int verbosity);

/* True when lines of this verbosity are wanted: ask before a line that costs to make. */
bool log_v(int verbosity);

/* Lines dropped since the start. */
uint64_t log_dropped(void);

/* Writes one line. fields ends with kind LOG_END. Use the macros below. */
void log_write(enum log_severity severity, const char *file, int line, const char *message,
               const struct log_field *fields);

enum { LOG_DOCUMENT = 3400 }; /* bytes of a JSON document that one line has room for */

/* Writes a JSON object of at most LOG_DOCUMENT bytes, on one line. As text, for those who read it
 * with a parser: `name: json` and nothing behind. As JSON: name is the message, the object is the
 * field "call" behind the others. */
void log_write_document(const char *file, int line, const char *name, const char *json,
                        const struct log_field *fields);

/* log_info("Serving", log_str("endpoint", e), log_int("pid", getpid())); the fields may be absent.
 */
#define log_str(k, v) ((struct log_field){.key = (k), .string = (v), .kind = LOG_STRING})
#define log_int(k, v) ((struct log_field){.key = (k), .integer = (v), .kind = LOG_INTEGER})
/* A string, or nothing at all for NULL. */
#define log_if(k, v) \
    ((struct log_field){.key = (k), .string = (v), .kind = (v) ? LOG_STRING : LOG_ABSENT})
#define log_at(severity, message, ...)               \
    log_write(severity, __FILE__, __LINE__, message, \
              (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.kind = LOG_END}})
#define log_info(message, ...)    log_at(LOG_INFO, message __VA_OPT__(, ) __VA_ARGS__)
#define log_warning(message, ...) log_at(LOG_WARNING, message __VA_OPT__(, ) __VA_ARGS__)
#define log_error(message, ...)   log_at(LOG_ERROR, message __VA_OPT__(, ) __VA_ARGS__)

#endif
