#include "metric.h"

#define METRIC(section, name, kind, help) \
	{ METRIC_SECTION_##section, #name, METRIC_##kind, help },

const struct metric metrics[METRIC_COUNT] = {
#include "metrics.def"
};
