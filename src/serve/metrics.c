/* Owns the counters of calls; writes them, and what the process reports of itself, as text. */
#include "serve/metrics.h"

#include "base/log.h"
#include "csi/catalog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* In milliseconds: .1 .25 .5 1 2.5 5 10 15 25 50 120 300 600 seconds. */
static const int64_t bounds[] = {100,   250,   500,   1000,   2500,   5000,  10000,
                                 15000, 25000, 50000, 120000, 300000, 600000};

enum { BUCKETS = sizeof(bounds) / sizeof(bounds[0]) };

struct histogram {
    uint64_t
        buckets[BUCKETS]; /* calls that took at most bounds[i], and more than the bound before */
    uint64_t count;
    int64_t sum; /* nanoseconds */
};

struct metrics {
    struct histogram calls[CATALOG_SERVED][STATUS_COUNT];
};

struct metrics *metrics_new(void)
{
    return calloc(1, sizeof(struct metrics)); /* untouched pages cost nothing */
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

void metrics_count(struct metrics *metrics, unsigned method, int status, int64_t nanoseconds)
{
    struct histogram *calls = &metrics->calls[method][status];
    int64_t milliseconds = nanoseconds / 1000000;
    calls->count++;
    calls->sum += nanoseconds;
    for (int i = 0; i < BUCKETS; i++) {
        if (milliseconds < bounds[i]) {
            calls->buckets[i]++;
            break;
        }
    }
}

/* ---- text ---- */

/* A label's value: backslash, quote and newline are escaped. */
static void write_label(FILE *file, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            fputs("\\n", file);
        else if (*value == '\\' || *value == '"')
            fprintf(file, "\\%c", *value);
        else
            putc(*value, file);
    }
}

static void write_labels(FILE *file, const char *driver, const char *path, int status)
{
    fputs("driver_name=\"", file);
    write_label(file, driver);
    fprintf(file, "\",method_name=\"%s\",grpc_status_code=\"%s\"", path, status_name(status));
}

static void write_histogram(FILE *file, const struct histogram *calls, const char *driver,
                            const char *path, int status)
{
    static const char name[] = "csi_plugin_operations_seconds";
    uint64_t sum = 0;
    for (int i = 0; i <= BUCKETS; i++) {
        fprintf(file, "%s_bucket{", name);
        write_labels(file, driver, path, status);
        if (i < BUCKETS)
            fprintf(file, ",le=\"%g\"} %" PRIu64 "\n", (double)bounds[i] / 1000,
                    sum += calls->buckets[i]);
        else
            fprintf(file, ",le=\"+Inf\"} %" PRIu64 "\n", calls->count);
    }
    fprintf(file, "%s_sum{", name);
    write_labels(file, driver, path, status);
    fprintf(file, "} %.9f\n%s_count{", (double)calls->sum / 1e9, name);
    write_labels(file, driver, path, status);
    fprintf(file, "} %" PRIu64 "\n", calls->count);
}

void metrics_write_head(FILE *file, const char *name, const char *type, const char *help)
{
    fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_write_process(FILE *file, int64_t started)
{
    metrics_write_head(file, "process_start_time_seconds", "gauge",
                       "When the process was started.");
    fprintf(file, "process_start_time_seconds %" PRId64 "\n", started);
    metrics_write_head(file, "luacsi_build_info", "gauge", "Version of luacsi and of CSI.");
    fputs("luacsi_build_info{version=\"" LUACSI_VERSION "\",csi=\"1.12.0\"} 1\n", file);
}

static void write_calls(const struct metrics *metrics, const char *driver, FILE *file)
{
    const struct method *methods = catalog_methods();
    metrics_write_head(file, "csi_plugin_operations_seconds", "histogram",
                       "Seconds that calls took, by method and status.");
    for (int m = 0; m < CATALOG_SERVED; m++) {
        for (int status = 0; status < STATUS_COUNT; status++) {
            if (metrics->calls[m][status].count > 0)
                write_histogram(file, &metrics->calls[m][status], driver, methods[m].path, status);
        }
    }
    metrics_write_head(
        file, "luacsi_script_errors_total", "counter",
        "Calls that ended in INTERNAL: the script failed, or its reply was refused.");
    for (int m = 0; m < CATALOG_SERVED; m++) {
        if (metrics->calls[m][STATUS_INTERNAL].count > 0)
            fprintf(file, "luacsi_script_errors_total{method_name=\"%s\"} %" PRIu64 "\n",
                    methods[m].path, metrics->calls[m][STATUS_INTERNAL].count);
    }
}

static void write_report(const struct status_report *report, FILE *file)
{
    const struct {
        const char *name;
        const char *type;
        const char *help;
        int64_t value;
    } rows[] = {
        {"luacsi_calls_in_flight", "gauge", "Calls taken and not yet answered.",
         report->calls_in_flight},
        {"luacsi_connections_total", "counter", "Connections accepted.", report->connections},
        {"luacsi_tasks", "gauge", "Handlers and background work that run or wait.", report->tasks},
        {"luacsi_suspended_tasks", "gauge", "Of these, those that wait.", report->suspended_tasks},
        {"luacsi_abandoned_threads_total", "counter",
         "Threads given up because a handler was stuck in them.", report->abandoned_threads},
        {"luacsi_background_failures_total", "counter",
         "Runs of csi.every and csi.check that failed.", report->background_failures},
        {"luacsi_checks_up", "gauge", "Checks of csi.check that are up.", report->checks_up},
        {"luacsi_checks_not_up", "gauge", "Checks that are unknown, pending or down.",
         report->checks_not_up},
        {"luacsi_reloads_total", "counter", "Scripts taken over after a change.", report->reloads},
        {"luacsi_failed_reloads_total", "counter", "Scripts not taken over.",
         report->failed_reloads},
        {"luacsi_failed_reload_timestamp_seconds", "gauge",
         "When the last script was not taken over; 0: none yet.", report->failed},
        {"luacsi_script_loaded_timestamp_seconds", "gauge", "When the script was taken over.",
         report->loaded},
        {"luacsi_lua_memory_bytes", "gauge", "Memory that the script holds.", report->lua_memory},
        {"luacsi_kubelet_registered", "gauge", "Whether the kubelet has registered the driver.",
         report->is_registered},
        {"luacsi_dropped_log_lines_total", "counter", "Log lines that nobody took.",
         (int64_t)log_dropped()},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        metrics_write_head(file, rows[i].name, rows[i].type, rows[i].help);
        fprintf(file, "%s %" PRId64 "\n", rows[i].name, rows[i].value);
    }
    metrics_write_head(file, "luacsi_handler_cpu_seconds_total", "counter",
                       "CPU time of handlers, checks and timers.");
    fprintf(file, "luacsi_handler_cpu_seconds_total %.6f\n", (double)report->handler_cpu / 1e9);
    metrics_write_process(file, report->started);
}

void metrics_write(const struct metrics *metrics, const struct status_report *report,
                   const char *driver, FILE *file)
{
    write_calls(metrics, driver, file);
    write_report(report, file);
}
