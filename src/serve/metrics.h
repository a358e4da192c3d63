/* Counts calls for Prometheus: a histogram of seconds for each method and status, with the names
 * and buckets of Kubernetes' CSI sidecars. Loop thread. */
#ifndef LUACSI_SERVE_METRICS_H
#define LUACSI_SERVE_METRICS_H

#include "serve/status.h"

#include <stdint.h>
#include <stdio.h>

struct metrics;

/* NULL when memory is short. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* A call of the method with this index ended in status after so many nanoseconds. */
void metrics_count(struct metrics *metrics, unsigned method, int status, int64_t nanoseconds);

/* Writes all metrics as Prometheus text. driver: the name in GetPluginInfo, a label. */
void metrics_write(const struct metrics *metrics, const struct status_report *report,
                   const char *driver, FILE *file);

#endif
