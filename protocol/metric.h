/* The metric table of metrics.def. */
#ifndef PROTOCOL_METRIC_H
#define PROTOCOL_METRIC_H

enum metric_section { METRIC_SECTION_STAT, METRIC_SECTION_COUNT };
enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_WORD };

enum metric_id {
#define METRIC(section, name, kind, help) METRIC_##section##_##name,
#include "metrics.def"
#undef METRIC
	METRIC_COUNT
};

struct metric {
	const char *name;
	const char *help;
	enum metric_section section;
	enum metric_kind kind;
};

extern const struct metric metrics[METRIC_COUNT];

#endif
