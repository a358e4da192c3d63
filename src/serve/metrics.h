/* Counts calls for Prometheus: a histogram of seconds for each method and status, with the names
 * and buckets of Kubernetes' CSI sidecars. Loop thread. */
#ifndef LUACSI_SERVE_METRICS_H
#define LUACSI_SERVE_METRICS_H

#include "serve/status.h"

#include <stdint.h>
#include <stdio.h>

struct metrics;

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* NULL when memory is short. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* A call of the method with this index ended in status after so many nanoseconds. */
void metrics_count(struct metrics *metrics, unsigned method, int status, int64_t nanoseconds);

/* Writes the lines that go before the samples of a metric. */
void metrics_write_head(FILE *file, const char *name, const char *type, const char *help);

/* Writes what every process of ours says of itself. started: seconds since the epoch. */
void metrics_write_process(FILE *file, int64_t started);

/* Writes all metrics as Prometheus text. driver: the name in GetPluginInfo, a label. */
void metrics_write(const struct metrics *metrics, const struct status_report *report,
                   const char *driver, FILE *file);

#endif
