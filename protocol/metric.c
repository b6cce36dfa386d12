#include "metric.h"

#include "reply.h"

#define METRIC(section, name, kind, help) \
	{ #name, help, METRIC_SECTION_##section, METRIC_##kind },

const struct metric metrics[METRIC_COUNT] = {
#include "metrics.def"
};

#undef METRIC

#define METRIC_SECTION(id, form, reply) { reply, METRIC_##form },

const struct metric_section_row metric_sections[METRIC_SECTION_COUNT] = {
	METRIC_SECTIONS
};

#undef METRIC_SECTION

static void
put_value(struct buf *out, enum metric_kind kind, const struct metric_value *v)
{
	switch (kind) {
	case METRIC_COUNTER:
	case METRIC_GAUGE:
	case METRIC_FLAG:
	case METRIC_SPAN:
		reply_u64(out, v->number);
		break;
	case METRIC_RATIO:
		reply_ratio(out, v->ratio);
		break;
	case METRIC_MS:
		reply_ms(out, v->ns);
		break;
	case METRIC_TIME:
		reply_i64(out, v->ns);
		break;
	default:
		reply_str(out, v->word == NULL ? "-" : v->word);
	}
}

void
metric_put_pairs(struct buf *out, struct slice id, enum metric_section section,
    const struct metric_value *v)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (metrics[i].section != section)
			continue;
		reply_begin(out, id);
		reply_str(out, metrics[i].name);
		put_value(out, metrics[i].kind, &v[i]);
		reply_end(out);
	}
}

void
metric_put_words(struct buf *out, enum metric_section section,
    const struct metric_value *v)
{
	for (int i = 0; i < METRIC_COUNT; i++)
		if (metrics[i].section == section)
			put_value(out, metrics[i].kind, &v[i]);
}

void
metric_put_row(struct buf *out, struct slice id, enum metric_section section,
    const struct metric_value *v)
{
	reply_begin(out, id);
	metric_put_words(out, section, v);
	reply_end(out);
}
