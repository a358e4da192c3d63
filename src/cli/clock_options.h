/* The flags that make a run the same every time: the clock and the seed of random numbers. */
#ifndef LUACSI_CLI_CLOCK_OPTIONS_H
#define LUACSI_CLI_CLOCK_OPTIONS_H

#include "cli/options.h"
#include "script/vm.h"

enum { CLOCK_OPTIONS = 2 };

struct clock_options {
    const char *clock; /* --clock */
    int64_t seed;      /* --seed; -1: none was given */
};

/* Writes the rows; options must outlive the parsing. */
void clock_options_rows(struct clock_options *options, struct option rows[CLOCK_OPTIONS]);

/* After the parsing: the clock is as the flag says. Before any thread starts. */
void clock_options_init(const struct clock_options *options);

/* Fills the part of vm_options that the flags speak of; it points into options. */
void clock_options_fill(const struct clock_options *options, struct vm_options *vm);

#endif
