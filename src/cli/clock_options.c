/* Owns the rows of --clock and --seed. The main thread. */
#include "cli/clock_options.h"

#include "csi/timestamp.h"
#include "io/clock.h"

#include <string.h>

static const char virtual_clock[] = "virtual";

/* Where a virtual clock stands unless the flag says: each run tells the same time. */
static const char fixed_start[] = "2026-01-01T00:00:00Z";

/* Nanoseconds since the epoch of "virtual" or "virtual=2026-01-01T00:00:00Z"; false when text is
 * neither. */
static bool read_start(const char *text, int64_t *start)
{
    size_t n = strlen(virtual_clock);
    int64_t seconds;
    int32_t nanos;
    if (strncmp(text, virtual_clock, n) != 0 || (text[n] && text[n] != '='))
        return false;
    const char *time = text[n] ? text + n + 1 : fixed_start;
    if (!timestamp_parse(time, strlen(time), &seconds, &nanos) || seconds < 0 ||
        seconds > CLOCK_LATEST)
        return false;
    *start = seconds * 1000000000 + nanos;
    return true;
}

static bool is_real(const char *text)
{
    return strcmp(text, "real") == 0;
}

static int check_clock(const char *text, struct err *err)
{
    int64_t start;
    if (is_real(text) || read_start(text, &start))
        return 0;
    return err_set(
        err, STATUS_INVALID_ARGUMENT,
        "expected real, virtual, or virtual= and a time from 1970 to 2199 such as %s, got "
        "\"%s\"",
        fixed_start, text);
}

void clock_options_rows(struct clock_options *options, struct option rows[CLOCK_OPTIONS])
{
    *options = (struct clock_options){.seed = -1};
    rows[0] = (struct option){
        .name = "clock",
        .value = "CLOCK",
        .fallback = "real",
        .help = "The time that the script lives by: real; or virtual or virtual=TIME, where it "
                "stands until it is advanced.",
        .type = OPTION_STRING,
        .check = check_clock,
        .to.string = &options->clock,
    };
    rows[1] = (struct option){
        .name = "seed",
        .value = "N",
        .help = "Seed of the script's random numbers; the log names the one in use unless given.",
        .type = OPTION_INTEGER,
        .min = 0,
        .max = INT64_MAX,
        .to.integer = &options->seed,
    };
}

void clock_options_init(const struct clock_options *options)
{
    int64_t start;
    if (read_start(options->clock, &start))
        clock_make_virtual(start);
}

void clock_options_fill(const struct clock_options *options, struct vm_options *vm)
{
    vm->seed = options->seed >= 0 ? &options->seed : NULL;
}
