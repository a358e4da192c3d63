/* Owns the rows of the log's flags. The main thread. */
#include "cli/log_options.h"

#include "base/log.h"

/* In the order of enum log_format. */
static const char *const formats[] = {"text", "json", NULL};

void log_options_rows(struct log_options *log, struct option rows[LOG_OPTIONS])
{
    rows[0] = (struct option){
        .name = "v",
        .value = "LEVEL",
        .fallback = "0",
        .help = "How much to log: 4 each call, 5 each Probe too, and requests and replies without "
                "their secrets.",
        .type = OPTION_INTEGER,
        .min = 0,
        .max = 10,
        .to.integer = &log->verbosity,
    };
    rows[1] = (struct option){
        .name = "logging-format",
        .value = "FORMAT",
        .fallback = "text",
        .help = "How log lines on standard error look: text (klog's form) or json.",
        .type = OPTION_CHOICE,
        .choices = formats,
        .to.choice = &log->format,
    };
}

void log_options_init(const struct log_options *log)
{
    log_init((enum log_format)log->format, (int)log->verbosity);
}
