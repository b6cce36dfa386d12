// tick.h as a C++ program sees it: compiled by `make lint`, never run.
#include "tick.h"

static int
count(const struct tick_row *, void *arg)
{
	++*static_cast<size_t *>(arg);
	return 0;
}

int
main()
{
	tick_options options = TICK_OPTIONS_INIT;
	tick_set_options set = TICK_SET_OPTIONS_INIT;
	tick_query_options query = TICK_QUERY_OPTIONS_INIT;
	const tick_word words[] = {{"QUERY", 5}};
	size_t n = 0;

	tick *t = tick_connect(&options);
	set.flags = TICK_SET_NX;
	query.status = TICK_JOB_PLANNED;
	int r = tick_set(t, "job", TICK_DUE_NOW, &set);
	r += tick_call_rows(t, words, 1, count, &n);
	r += tick_query(t, nullptr, &query, nullptr, nullptr);
	const tick_event *event;
	r += tick_watch(t, "jobs", nullptr, nullptr);
	r += tick_next_event(t, &event, 0);
	tick_close(t);
	return r == 0 && tick_err(t) == TICK_OK ? 0 : 1;
}
