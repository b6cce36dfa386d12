#include "session_internal.h"

#include <string.h>

static const char *const state_words[] = {
	[SESSION_CONNECTING] = "connecting",
	[SESSION_IDLE] = "idle",
	[SESSION_BUSY] = "busy",
	[SESSION_STOPPING] = "stopping",
	[SESSION_STOPPED] = "stopped",
	[SESSION_ERROR] = "error",
};

struct session *
sessions_find_alive(const struct sessions *all, uint64_t id)
{
	struct session *s = all->alive.first;

	while (s != NULL && s->id != id)
		s = s->next;
	return s;
}

const struct session *
sessions_find(const struct sessions *all, uint64_t id)
{
	const struct session *s = sessions_find_alive(all, id);

	if (s != NULL)
		return s;
	for (s = all->ended.first; s != NULL && s->id != id;)
		s = s->next;
	return s;
}

const struct session *
sessions_after(const struct sessions *all, uint64_t id)
{
	const struct session *s = all->alive.first;

	while (s != NULL && s->id <= id)
		s = s->next;
	return s;
}

const char *
session_state_word(const struct session *s)
{
	if (s->retiring && s->state < SESSION_STOPPING)
		return state_words[SESSION_STOPPING];
	return state_words[s->state];
}

size_t
sessions_alive(const struct sessions *all)
{
	return all->alive.n;
}

void
sessions_count(const struct sessions *all, struct sessions_count *out)
{
	*out = (struct sessions_count){ 0 };
	for (const struct session *s = all->alive.first; s != NULL;
	     s = s->next) {
		out->state[s->retiring ? SESSION_STOPPING : s->state]++;
		out->first_class += s->spec != NULL;
		out->second_class += s->spec == NULL;
	}
}

size_t
sessions_of_rule(const struct sessions *all, const char *rule)
{
	size_t n = 0;

	for (const struct session *s = all->alive.first; s != NULL; s = s->next)
		n += strcmp(s->crew->rule, rule) == 0;
	return n;
}

const struct session_stats *
sessions_stats(const struct sessions *all)
{
	return &all->stats;
}
