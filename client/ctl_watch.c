/*
 * Each event is printed as a row: its topic and time, then its fields. All
 * that is buffered of it goes out in one write, so that the handler of SIGINT
 * may simply end the process.
 */
#include "ctl_watch.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tstamp.h"

#define FOREVER (-1)

static void
end_process(int signal_number)
{
	(void)signal_number;
	_exit(0);
}

static int
print_event(struct out *o, const struct tick_event *e)
{
	struct tick_word words[VIEW_EVENT_MAX];
	struct field fields[VIEW_EVENT_MAX];
	struct tick_row row = { words, 2 };
	char time[24];
	int n;

	n = snprintf(time, sizeof(time), "%lld", (long long)e->time_ns);
	words[0] = (struct tick_word){ e->topic, strlen(e->topic) };
	words[1] = (struct tick_word){ time, (size_t)n };
	for (size_t i = 0;
	     i < e->fields.n_words && row.n_words < VIEW_EVENT_MAX; i++)
		words[row.n_words++] = e->fields.words[i];
	o->view = (struct view){ .kind = VIEW_ROWS, .untitled = true };
	o->view.fields.at = fields;
	o->view.fields.n = view_event(e, fields);
	return out_row(o, &row) == -1 ? -1 : out_flush(o);
}

enum watch_end
watch_run(struct tick *t, const char *topic, const char *prefix, struct out *o)
{
	const struct tick_event *e;

	(void)signal(SIGINT, end_process);
	if (tick_watch(t, topic, prefix, NULL) == -1)
		return tick_is_open(t) ? WATCH_REFUSED : WATCH_ENDED;
	while (tick_next_event(t, &e, FOREVER) == 0) {
		if (print_event(o, e) == -1)
			return WATCH_NO_OUTPUT;
	}
	return WATCH_ENDED;
}
