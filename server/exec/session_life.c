#include "session_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "os.h"
#include "tstamp.h"
#include "utf8.h"

/* With max_sessions there, one that the server started and that has no work
 * for so long makes room for another rule's. */
#define CROWDED_NS NS_PER_S

enum { COUNTED_NOT, COUNTED_SERVING, COUNTED_AWAY };

static void
list_append(struct session_list *list, struct session *s)
{
	s->prev = list->last;
	s->next = NULL;
	if (s->prev != NULL)
		s->prev->next = s;
	else
		list->first = s;
	list->last = s;
	list->n++;
}

static void
list_take(struct session_list *list, struct session *s)
{
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		list->first = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	else
		list->last = s->prev;
	list->n--;
}

static void
enter_idle(struct session *s)
{
	s->prev_idle = NULL;
	s->next_idle = s->crew->idle;
	if (s->next_idle != NULL)
		s->next_idle->prev_idle = s;
	s->crew->idle = s;
}

static void
leave_idle(struct session *s)
{
	if (s->prev_idle != NULL)
		s->prev_idle->next_idle = s->next_idle;
	else
		s->crew->idle = s->next_idle;
	if (s->next_idle != NULL)
		s->next_idle->prev_idle = s->prev_idle;
}

static uint8_t
how_counted(const struct session *s)
{
	if (s->state == SESSION_STOPPED || s->state == SESSION_ERROR)
		return COUNTED_NOT;
	return s->run != NULL || s->state == SESSION_IDLE ? COUNTED_SERVING
							  : COUNTED_AWAY;
}

void
session_account(struct session *s)
{
	uint8_t now = how_counted(s), before = s->counted;

	if (now == before)
		return;
	s->counted = now;
	s->crew->n_serving += now == COUNTED_SERVING;
	s->crew->n_serving -= before == COUNTED_SERVING;
	s->crew->n_away += now == COUNTED_AWAY;
	s->crew->n_away -= before == COUNTED_AWAY;
	s->all->o.room(s->all->o.ctx, s->crew);
}

void
session_set_state(struct session *s, enum session_state state)
{
	if (s->state == SESSION_IDLE)
		leave_idle(s);
	s->all->n_stopping -= s->state == SESSION_STOPPING;
	s->all->n_stopping += state == SESSION_STOPPING;
	s->state = state;
	if (state == SESSION_IDLE)
		enter_idle(s);
	session_account(s);
}

static void
tell_spare(struct sessions *all)
{
	all->o.spare(all->o.ctx,
	    (int64_t)all->o.max_sessions - (int64_t)all->alive.n);
}

int64_t
deadline_after(int64_t from_ns, int64_t ns)
{
	return ns > INT64_MAX - from_ns ? INT64_MAX : from_ns + ns;
}

void
session_set_deadline(struct session *s, int64_t at_ns)
{
	waitq_remove(&s->deadline);
	if (at_ns != SESSION_NEVER)
		waitq_add(&s->all->deadlines, &s->deadline, at_ns, s->id);
}

bool
session_is_expired(const struct session *s, int64_t now_ns)
{
	return now_ns >=
	    deadline_after(s->born_mono_ns, s->all->o.max_lifespan_ns);
}

bool
session_is_stale(const struct session *s)
{
	return s->spec == NULL ? s->crew->spec == NULL
			       : s->crew->spec != s->spec;
}

static bool
is_crowded(const struct sessions *all)
{
	return all->alive.n - all->n_stopping >= all->o.max_sessions;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
session_idle_deadline(const struct session *s)
{
	const struct sessions_options *o = &s->all->o;
	int64_t ns =
	    earlier(deadline_after(s->idle_mono_ns, o->idle_timeout_ns),
		deadline_after(s->born_mono_ns, o->max_lifespan_ns));

	if (session_is_stale(s))
		return s->idle_mono_ns;
	if (s->spec != NULL && is_crowded(s->all))
		ns = earlier(ns, deadline_after(s->idle_mono_ns, CROWDED_NS));
	return ns;
}

struct session *
session_new(struct sessions *all, struct crew *crew)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->all = all;
	s->id = ++all->last_id;
	s->crew = crew;
	crew->refs++;
	s->exit = RUN_EXIT_NONE;
	s->started_ns = os->wall_ns();
	s->born_mono_ns = os->mono_ns();
	return s;
}

void
session_free(struct session *s)
{
	crew_unref(s->crew);
	rule_spec_unref(s->spec);
	free(s);
}

void
session_join(struct session *s)
{
	struct sessions *all = s->all;

	list_append(&all->alive, s);
	all->stats.created++;
	rate_add(&all->stats.created_rate, s->born_mono_ns, 1);
	LOG_INFO("session_started", LOG_U64("session", s->id),
	    LOG_STR("rule", s->crew->rule));
	tell_spare(all);
	if (!is_crowded(all))
		return;
	for (s = all->alive.first; s != NULL; s = s->next)
		if (s->state == SESSION_IDLE)
			session_set_deadline(s, session_idle_deadline(s));
}

static void
log_end(const struct session *s)
{
	if (s->error[0] == '\0')
		LOG_INFO("session_ended", LOG_U64("session", s->id),
		    LOG_STR("rule", s->crew->rule),
		    LOG_U64("executions", s->executions));
	else
		LOG_WARN("session_failed", LOG_U64("session", s->id),
		    LOG_STR("rule", s->crew->rule),
		    LOG_U64("executions", s->executions),
		    LOG_STR("reason", s->error));
}

void
session_gone(struct session *s)
{
	struct sessions *all = s->all;
	int64_t now_ns = os->mono_ns();
	struct session *oldest;

	assert(s->run == NULL);
	session_set_deadline(s, SESSION_NEVER);
	s->conn = NULL;
	s->stopped_ns = os->wall_ns();
	session_set_state(s,
	    s->error[0] == '\0' ? SESSION_STOPPED : SESSION_ERROR);
	session_stats_ended(&all->stats, now_ns, s->why,
	    now_ns - s->born_mono_ns, s->executions);
	log_end(s);
	list_take(&all->alive, s);
	list_append(&all->ended, s);
	if (all->ended.n > SESSIONS_KEPT) {
		oldest = all->ended.first;
		assert(oldest != s);
		list_take(&all->ended, oldest);
		session_free(oldest);
	}
	tell_spare(all);
}

void
session_copy(char *to, size_t size, const char *text)
{
	size_t n = utf8_whole(slice_of(text, strnlen(text, size - 1)));

	memcpy(to, text, n);
	to[n] = '\0';
}

void
session_blame(struct session *s, const char *why)
{
	if (s->error[0] == '\0')
		session_copy(s->error, sizeof(s->error), why);
}

void
session_press(struct session *s, enum agent_stop how)
{
	struct sessions *all = s->all;
	int64_t kill_after_ns = s->spec->number[OPTION_kill_after];

	if (kill_after_ns == 0)
		how = AGENT_KILL;
	if (s->pressed > how)
		return;
	s->pressed = (uint8_t)(how + 1);
	all->o.stop(all->o.ctx, s->agent, how);
	session_set_deadline(s,
	    how == AGENT_KILL ? SESSION_NEVER
			      : deadline_after(os->mono_ns(), kill_after_ns));
}

void
session_end(struct session *s, bool force)
{
	struct conn *conn = s->conn;

	if (s->spec != NULL) {
		session_set_state(s, SESSION_STOPPING);
		session_press(s, force ? AGENT_KILL : AGENT_END);
		return;
	}
	session_gone(s);
	s->all->o.close(s->all->o.ctx, conn, force);
}
