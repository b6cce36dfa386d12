/* The metric table of metrics.def, and writing its rows. */
#ifndef PROTOCOL_METRIC_H
#define PROTOCOL_METRIC_H

#include <stdint.h>

#include "buf.h"
#include "slice.h"

/*
 * METRIC_SECTION(id, form, reply)
 *   form   PAIRS: rows `<name> <value>`; ROWS: the metrics are columns
 *   reply  where it is found, as the manual has it
 */
#define METRIC_SECTIONS                                               \
	METRIC_SECTION(STAT, PAIRS, "STAT")                           \
	METRIC_SECTION(SYSTEM, PAIRS, "HEALTH SYSTEM")                \
	METRIC_SECTION(SCHEDULER, PAIRS, "HEALTH SCHEDULER")          \
	METRIC_SECTION(STORAGE, PAIRS, "HEALTH STORAGE")              \
	METRIC_SECTION(PROTOCOL, PAIRS, "HEALTH PROTOCOL")            \
	METRIC_SECTION(COMMAND, ROWS, "HEALTH PROTOCOL")              \
	METRIC_SECTION(BACKGROUND, ROWS, "HEALTH BACKGROUND")         \
	METRIC_SECTION(AGENTS, ROWS, "HEALTH AGENTS")                 \
	METRIC_SECTION(AGENT, PAIRS, "HEALTH AGENT")                  \
	METRIC_SECTION(INTEGRATIONS, ROWS, "HEALTH INTEGRATIONS")     \
	METRIC_SECTION(INTEGRATION, PAIRS, "HEALTH INTEGRATION")      \
	METRIC_SECTION(SESSIONS, PAIRS, "HEALTH SESSIONS")            \
	METRIC_SECTION(SANDBOX_KIND, ROWS, "HEALTH SANDBOX")          \
	METRIC_SECTION(SANDBOX, PAIRS, "HEALTH SANDBOX")              \
	METRIC_SECTION(BREAKERS, PAIRS, "HEALTH BREAKERS")            \
	METRIC_SECTION(BREAKER, ROWS, "BREAKER LIST and BREAKER GET") \
	METRIC_SECTION(ALERTS, PAIRS, "HEALTH ALERTS")                \
	METRIC_SECTION(ALERT, ROWS, "ALERT LIST")                     \
	METRIC_SECTION(HISTORY, ROWS,                                 \
	    "HEALTH HISTORY of an agent or an "                       \
	    "integration")                                            \
	METRIC_SECTION(HISTORY_SYSTEM, ROWS, "HEALTH HISTORY of the system")

enum metric_section {
#define METRIC_SECTION(id, form, reply) METRIC_SECTION_##id,
	METRIC_SECTIONS
#undef METRIC_SECTION
	    METRIC_SECTION_COUNT
};

enum metric_form { METRIC_PAIRS, METRIC_ROWS };

struct metric_section_row {
	const char *reply;
	enum metric_form form;
};

extern const struct metric_section_row metric_sections[METRIC_SECTION_COUNT];

enum metric_kind {
	METRIC_COUNTER, /* number */
	METRIC_GAUGE,	/* number */
	METRIC_FLAG,	/* number */
	METRIC_SPAN,	/* number */
	METRIC_RATIO,	/* ratio */
	METRIC_MS,	/* ns, shown as milliseconds */
	METRIC_TIME,	/* ns */
	METRIC_WORD	/* word; NULL is shown as `-` */
};

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

/* What a metric's kind says counts. */
struct metric_value {
	union {
		uint64_t number;
		double ratio;
		int64_t ns;
		const char *word;
	};
};

/* Append a section of v[METRIC_COUNT], for the request id: as rows `<name>
 * <value>`; or as the words of one row. */
void metric_put_pairs(struct buf *out, struct slice id,
    enum metric_section section, const struct metric_value *v);
void metric_put_row(struct buf *out, struct slice id,
    enum metric_section section, const struct metric_value *v);

/* The same with words before the row, as `EVENT health <time>`: begin the
 * reply, add them, call this, end it. */
void metric_put_words(struct buf *out, enum metric_section section,
    const struct metric_value *v);

#endif
