#include "metric.h"

#define METRIC(section, name, kind, help) \
	{ #name, help, METRIC_SECTION_##section, METRIC_##kind },

const struct metric metrics[METRIC_COUNT] = {
#include "metrics.def"
};
