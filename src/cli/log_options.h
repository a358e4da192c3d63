/* The flags of the log, for the commands that write one. */
#ifndef LUACSI_CLI_LOG_OPTIONS_H
#define LUACSI_CLI_LOG_OPTIONS_H

#include "cli/options.h"

enum { LOG_OPTIONS = 2 };

struct log_options {
    int64_t verbosity; /* -v */
    int format;        /* --logging-format: enum log_format */
};

/* Writes the rows; log must outlive the parsing. */
void log_options_rows(struct log_options *log, struct option rows[LOG_OPTIONS]);

/* After the parsing: the log is as the flags say. Before any thread starts. */
void log_options_init(const struct log_options *log);

#endif
