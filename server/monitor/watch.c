/*
 * What is published in the hub, and who is told of it: a connection that
 * watches something is a subscriber, and each of its watches that an event
 * fits is told. The words of an event are the same for all, and made once.
 */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

#include "agents.h"
#include "conn.h"
#include "health.h"
#include "integration_health.h"
#include "os.h"
#include "reply.h"
#include "run.h"
#include "scope.h"
#include "scoped.h"

_Static_assert(WATCH_TOPIC_COUNT <= HUB_TOPICS, "a topic each");

struct watch {
	struct watch *next;
	enum watch_topic topic;
	uint64_t dropped;	 /* lost, and not told of yet */
	struct slice id, prefix; /* in bytes */
	char bytes[];
};

struct watcher {
	struct subscriber sub; /* first */
	struct conn *conn;
	struct watch *first; /* owned list */
};

static void
put_dropped(struct watch *w, struct buf *out)
{
	reply_begin(out, w->id);
	reply_str(out, "EVENT");
	reply_str(out, "dropped");
	reply_u64(out, w->dropped);
	reply_end(out);
	w->dropped = 0;
}

static void
tell_watch(struct conn *c, struct watch *w, struct slice row)
{
	struct buf *out = conn_event(c);

	if (out == NULL) {
		w->dropped++;
		return;
	}
	if (w->dropped > 0)
		put_dropped(w, out);
	reply_begin(out, w->id);
	buf_add_byte(out, ' ');
	buf_add_slice(out, row);
	reply_end(out);
}

static void
tell(struct subscriber *sub, unsigned topic, struct slice subject,
    struct slice row)
{
	const struct watcher *all = (struct watcher *)(void *)sub;

	for (struct watch *w = all->first; w != NULL; w = w->next)
		if (w->topic == topic && slice_has_prefix(subject, w->prefix))
			tell_watch(all->conn, w, row);
}

/* Whether they had its prefix is not known any more. */
static void
lost(struct subscriber *sub, unsigned topic, uint64_t n)
{
	const struct watcher *all = (struct watcher *)(void *)sub;

	for (struct watch *w = all->first; w != NULL; w = w->next)
		if (w->topic == topic)
			w->dropped += n;
}

static const struct hub_ops watch_ops = { .tell = tell, .lost = lost };

int
watches_init(struct watches *w, struct err *e)
{
	if ((w->hub = hub_new(&watch_ops)) == NULL)
		return err_nomem(e);
	return 0;
}

void
watches_fini(struct watches *w)
{
	buf_free(&w->row);
	hub_free(w->hub);
}

static bool
sees_name(const struct conn *c, const void *what)
{
	return scope_sees_name(c, *(const struct slice *)what);
}

/* A job has changed, or (NULL) is gone. */
static void
watch_job(void *ctx, struct slice id, const struct job *job)
{
	struct server *s = ctx;
	struct buf *row = watch_begin(s, WATCH_JOBS);

	reply_word(row, id);
	reply_str(row,
	    job == NULL ? "removed" : job_status_word(job_status(job)));
	reply_i64(row, job == NULL ? 0 : job->due_ns);
	watch_end(s, id, sees_name, &id);
}

/* Counts the watches of a topic. Jobs are told of by the store only while
 * somebody wants to know. */
static void
count_watch(struct server *s, enum watch_topic topic, int change)
{
	size_t *n = &s->watches.n[topic];
	bool was = *n > 0;

	*n += (size_t)change;
	if (topic == WATCH_JOBS && was != (*n > 0))
		store_watch_jobs(s->store, was ? NULL : watch_job, s);
}

/* Those of a connection, made with the first; NULL: no memory. */
static struct watcher *
need_watcher(struct conn *c)
{
	struct watcher *w = c->watcher;

	if (w != NULL) {
		/* What happened before is not for the watch that comes now. */
		hub_settle(c->server->watches.hub, &w->sub);
		return w;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->conn = c;
	if (hub_subscribe(c->server->watches.hub, &w->sub, c->token) == -1) {
		free(w);
		return NULL;
	}
	c->watcher = w;
	c->n_listens++;
	return w;
}

static void
forget_watcher(struct conn *c)
{
	free(c->watcher);
	c->watcher = NULL;
	c->n_listens--;
}

/* The watcher goes with its last watch. */
static void
leave_if_idle(struct conn *c)
{
	if (c->watcher == NULL || c->watcher->first != NULL)
		return;
	hub_unsubscribe(c->server->watches.hub, &c->watcher->sub);
	forget_watcher(c);
}

/* Where the pointer to the watch with this id is, or to the end. */
static struct watch **
find(struct watcher *all, struct slice id, size_t *n)
{
	struct watch **at = &all->first;

	for (*n = 0; *at != NULL && !slice_eq((*at)->id, id); ++*n)
		at = &(*at)->next;
	return at;
}

static struct watch *
watch_new(struct slice id, enum watch_topic topic, struct slice prefix)
{
	struct watch *w = calloc(1, sizeof(*w) + id.len + prefix.len);

	if (w == NULL)
		return NULL;
	memcpy(w->bytes, id.ptr, id.len);
	w->id = slice_of(w->bytes, id.len);
	w->prefix = slice_of(w->bytes + id.len, prefix.len);
	if (prefix.len > 0)
		memcpy(w->bytes + id.len, prefix.ptr, prefix.len);
	w->topic = topic;
	return w;
}

static int
add(struct watcher *all, struct slice id, enum watch_topic topic,
    struct slice prefix, struct err *e)
{
	size_t n;
	struct watch **at = find(all, id, &n);

	if (*at != NULL)
		return err_set(e, ERR_CONFLICT,
		    "this connection has a watch with that request id");
	if (n == WATCHES_PER_CONN)
		return err_set(e, ERR_LIMIT,
		    "a connection can have no more than %d watches",
		    WATCHES_PER_CONN);
	if ((*at = watch_new(id, topic, prefix)) == NULL)
		return err_nomem(e);
	count_watch(all->conn->server, topic, 1);
	return 0;
}

int
watch_add(struct conn *c, struct slice id, enum watch_topic topic,
    struct slice prefix, struct err *e)
{
	struct watcher *all = need_watcher(c);
	int rc;

	if (all == NULL)
		return err_nomem(e);
	rc = add(all, id, topic, prefix, e);
	leave_if_idle(c);
	return rc;
}

static void
remove_watch(struct conn *c, struct watch **at)
{
	struct watch *w = *at;

	*at = w->next;
	count_watch(c->server, w->topic, -1);
	free(w);
}

int
watch_remove(struct conn *c, struct slice id, struct err *e)
{
	struct watch **at = NULL;
	size_t n;

	if (c->watcher != NULL)
		at = find(c->watcher, id, &n);
	if (at == NULL || *at == NULL)
		return err_quote(e, ERR_NOT_FOUND, id, "no such watch");
	hub_settle(c->server->watches.hub, &c->watcher->sub);
	conn_settle_events(c);
	remove_watch(c, at);
	leave_if_idle(c);
	return 0;
}

static void
remove_watches(struct conn *c)
{
	while (c->watcher->first != NULL)
		remove_watch(c, &c->watcher->first);
}

void
watch_remove_all(struct conn *c)
{
	if (c->watcher == NULL)
		return;
	remove_watches(c);
	leave_if_idle(c);
}

void
watch_rebind(struct conn *c)
{
	if (c->watcher == NULL ||
	    hub_change_viewer(c->server->watches.hub, &c->watcher->sub,
		c->token) == 0)
		return;
	remove_watches(c); /* no memory for them any more */
	forget_watcher(c);
}

void
watch_put_dropped(struct conn *c, struct buf *out)
{
	if (c->watcher == NULL)
		return;
	for (struct watch *w = c->watcher->first; w != NULL; w = w->next)
		if (w->dropped > 0)
			put_dropped(w, out);
}

bool
watch_tell_some(struct server *s)
{
	return hub_run(s->watches.hub, WATCH_TURN_US);
}

bool
watch_wanted(const struct server *s, enum watch_topic topic)
{
	return s->watches.n[topic] > 0;
}

struct buf *
watch_begin(struct server *s, enum watch_topic topic)
{
	struct buf *row = &s->watches.row;

	s->watches.topic = topic;
	buf_clear(row);
	reply_str(row, "EVENT");
	reply_str(row, watch_topic_word(topic));
	reply_i64(row, os->wall_ns());
	return row;
}

/* What the hub asks with: who may see what. */
struct question {
	struct server *server;
	watch_visible_cb *visible;
	const void *what;
};

/* All clients with one token see the same. */
static bool
token_sees(const void *token, const void *arg)
{
	const struct question *q = arg;
	const struct conn like = { .server = q->server, .token = token };

	return q->visible(&like, q->what);
}

void
watch_end(struct server *s, struct slice subject, watch_visible_cb *visible,
    const void *what)
{
	const struct question q = { s, visible, what };
	const struct buf *row = &s->watches.row;

	if (!row->failed)
		hub_publish(s->watches.hub, s->watches.topic, subject,
		    buf_slice(row), token_sees, &q);
	else
		hub_lose(s->watches.hub, s->watches.topic, token_sees, &q);
}

static const char *
execution_word(const struct sched_event *event)
{
	switch (event->kind) {
	case SCHED_QUEUED:
		return "queued";
	case SCHED_STARTED:
		return "running";
	case SCHED_STOPPING:
		return "stopping";
	case SCHED_ENDED:
		return run_outcome_word(
		    event->run == NULL ? RUN_FAILURE : event->run->outcome);
	default:
		return NULL;
	}
}

void
watch_execution(struct server *s, const struct sched_event *event)
{
	const char *word = execution_word(event);
	const struct run *run = event->run;
	struct buf *row;

	if (word == NULL || !watch_wanted(s, WATCH_EXECUTIONS))
		return;
	row = watch_begin(s, WATCH_EXECUTIONS);
	reply_u64(row, event->execution_id);
	reply_word(row, event->job);
	reply_str(row, event->rule == NULL ? "-" : event->rule);
	reply_str(row, word);
	reply_u64(row, event->attempt);
	if (run == NULL || run->exit == RUN_EXIT_NONE)
		reply_str(row, "-");
	else
		reply_i64(row, run->exit);
	watch_end(s, event->job, sees_name, &event->job);
}

static bool
sees_breaker(const struct conn *c, const void *what)
{
	return scope_sees_breaker(c, *(const struct slice *)what);
}

void
watch_breaker(struct server *s, struct slice key, enum breaker_state state)
{
	struct buf *row;

	if (!watch_wanted(s, WATCH_BREAKERS))
		return;
	row = watch_begin(s, WATCH_BREAKERS);
	reply_word(row, scoped_name(key));
	reply_str(row, breaker_state_word(state));
	watch_end(s, scoped_name(key), sees_breaker, &key);
}

static bool
sees_rule(const struct conn *c, const void *what)
{
	return scope_sees_rule(c, what);
}

/* At most so many more rules; returns how much may still follow. */
static int
watch_agents(struct server *s, struct watch_walk *at, int left)
{
	struct rules *rules = store_rules(s->store);

	for (; left > 0 && at->rule < rules->n_slots; at->rule++, left--) {
		const struct rule *rule = rules_by_slot(rules, at->rule);
		struct buf *row;

		if (rule == NULL)
			continue;
		row = watch_begin(s, WATCH_HEALTH);
		reply_str(row, "agent");
		agents_put_words(row, s, rule);
		watch_end(s, rule_id(rule), sees_rule, rule);
	}
	return left;
}

static bool
sees_integration(const struct conn *c, const void *what)
{
	return scope_sees_integration(c, what);
}

static int
watch_integrations(struct server *s, struct watch_walk *at, int left)
{
	const struct integrations *all = s->monitor.integrations;

	for (; left > 0; left--) {
		const struct integration *i =
		    integrations_next(all, &at->integration);
		struct buf *row;

		if (i == NULL)
			break;
		row = watch_begin(s, WATCH_HEALTH);
		reply_str(row, "integration");
		integration_put_words(row, s, i);
		watch_end(s, integration_id(i), sees_integration, i);
	}
	return left;
}

/* As those see them to whom `visible` applies. */
static void
watch_sections(struct server *s, const struct alerts_stats *alerts,
    watch_visible_cb *visible, const void *what)
{
	for (int i = 0; i < HEALTH_SECTION_COUNT; i++) {
		enum health_section section = (enum health_section)i;
		struct slice word = slice_str(health_section_word(section));
		struct buf *row = watch_begin(s, WATCH_HEALTH);

		reply_word(row, word);
		reply_str(row,
		    health_status_word(alerts_status(alerts, section)));
		watch_end(s, word, visible, what);
	}
}

static bool
sees_all(const struct conn *c, const void *what)
{
	(void)what;
	return scope_is_all(c);
}

static bool
has_token(const struct conn *c, const void *what)
{
	return c->token == what;
}

/* The sections as each token with a namespace sees them; likewise. */
static int
watch_tokens(struct server *s, struct watch_walk *at, int left)
{
	size_t n = s->auth == NULL ? 0 : s->auth->n;

	for (; left > 0 && at->token < n; at->token++) {
		const struct auth_token *token = &s->auth->tokens[at->token];
		const struct conn like = { .server = s, .token = token };
		struct alerts_stats alerts;

		left--;
		if (!hub_has_viewer(s->watches.hub, token) ||
		    scope_is_all(&like))
			continue;
		scope_alerts(&like, &alerts);
		watch_sections(s, &alerts, has_token, token);
		left -= WATCH_HEALTH_TOKEN;
	}
	return left;
}

bool
watch_health(struct server *s, struct watch_walk *at)
{
	int left;

	if (!watch_wanted(s, WATCH_HEALTH))
		return true;
	if (at->rule == 0) {
		watch_sections(s, alerts_stats(s->monitor.alerts), sees_all,
		    NULL);
		at->rule = 1;
	}
	left = watch_tokens(s, at, WATCH_HEALTH_SLICE);
	left = watch_agents(s, at, left);
	return watch_integrations(s, at, left) > 0;
}

static bool
sees_alert(const struct conn *c, const void *what)
{
	return scope_sees_alert(c, what);
}

void
watch_alert(struct server *s, enum alert_event event, const struct alert *a)
{
	struct buf *row;

	if (!watch_wanted(s, WATCH_ALERTS))
		return;
	row = watch_begin(s, WATCH_ALERTS);
	reply_str(row, alert_event_word(event));
	alert_put_words(row, a);
	watch_end(s, slice_str(a->source), sees_alert, a);
}
