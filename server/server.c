/*
 * Main's loop. One turn: wait for events, handle them, then (before_wait)
 * finish what they began:
 *
 *	look again at input that was held    conns_run
 *	take jobs that are due               sched_tick
 *	hand new records to the log writer   store_kick
 *	tell those who watch                 watch_tell_some
 *	send the replies                     conns_flush
 *
 * So all requests that came in one turn share a commit, and all replies to a
 * client one write.
 */
#include "server.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agents.h"
#include "alert.h"
#include "check.h"
#include "beat.h"
#include "conn.h"
#include "dispatch.h"
#include "listener.h"
#include "log.h"
#include "os.h"
#include "remains.h"
#include "session.h"
#include "sessions.h"
#include "systemd.h"
#include "tstamp.h"
#include "watch.h"

extern char **environ;

#define INPUT_BYTES 65536
#define SWEEP_SECONDS 1.0
#define LAST_REPLIES_SECONDS 2.0
#define LAST_RECORDS_NS NS_PER_S

/* As many descriptors as the system lets us have. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* max_connections may be
						 * out of reach then */
}

static void
wake_for_store(void *arg)
{
	struct server *s = arg;

	ev_async_send(s->loop, &s->store_wake);
}

static void
wake_for_processor(void *arg)
{
	struct server *s = arg;

	ev_async_send(s->loop, &s->processor_wake);
}

/* Once: where one limit cannot be kept, none of its kind can. */
static void
warn_of_limits(struct server *s, const struct run *run)
{
	const char *why;

	if (s->warned_of_limits || processor_limits(s->processor, run->spec))
		return;
	s->warned_of_limits = true;
	(void)processor_cgroups(s->processor, &why);
	LOG_WARN("limits_not_kept", LOG_STR("rule", run->rule),
	    LOG_STR("reason", why),
	    LOG_STR("effect",
		"no limit of cpu; memory of each process by itself; "
		"processes only with user"));
}

static bool
submit_run(void *ctx, struct run *run)
{
	warn_of_limits(ctx, run);
	return server_submit(ctx, run);
}

static void
observe(void *ctx, const struct sched_event *event)
{
	struct server *s = ctx;

	monitor_observe(&s->monitor, event);
}

static void
rule_changed(void *ctx, const struct rule *rule)
{
	struct server *s = ctx;

	monitor_rule_changed(&s->monitor, rule);
}

static void
rule_removed(void *ctx, struct rule *rule)
{
	struct server *s = ctx;

	monitor_rule_removed(&s->monitor, rule);
}

static void
breaker_changed(void *ctx, struct slice key, enum breaker_state state)
{
	watch_breaker(ctx, key, state);
}

static struct slice
namespace_of(void *ctx, const struct rule *rule)
{
	return server_namespace_of(ctx, rule);
}

static uint64_t
random_number(void *ctx)
{
	uint64_t r = 0;

	(void)ctx;
	/* Without it the wait is 0, which is as good as any. */
	(void)!getrandom(&r, sizeof(r), GRND_NONBLOCK);
	return r;
}

static void
observe_commit(void *arg, int64_t took_ns)
{
	struct server *s = arg;

	monitor_committed(&s->monitor, took_ns);
}

/* A word in the log about each compression that has ended. */
static void
observe_compression(void *arg, const struct store_stats *stats)
{
	struct server *s = arg;
	struct task *task = &s->monitor.tasks[TASK_COMPRESSION];

	if (stats->compression == COMPRESSION_RUNNING)
		task_begin(task);
	else
		task_end(task, stats->compression == COMPRESSION_FAILURE);
	if (stats->compression == COMPRESSION_SUCCESS)
		LOG_INFO("compressed", LOG_U64("records", stats->fold.records),
		    LOG_I64("bytes_in", stats->fold.input_bytes),
		    LOG_I64("bytes", stats->fold.image_bytes),
		    LOG_MS("took_ms", stats->compression_ns));
	else if (stats->compression == COMPRESSION_FAILURE)
		LOG_ERROR("compression_failed",
		    LOG_STR("error", stats->compression_error));
}

/* A word when writes begin to be refused, and when they are taken again. */
static void
watch_storage(struct server *s)
{
	const struct store_stats *stats = store_stats(s->store);

	conditions_storage(&s->monitor.conditions, s);
	if (stats->losses != s->logfile_losses) {
		s->logfile_losses = stats->losses;
		LOG_ERROR("logfile_lost", LOG_STR("error", stats->lost_error));
	}
	if (stats->rebuilds != s->logfile_rebuilds) {
		s->logfile_rebuilds = stats->rebuilds;
		LOG_WARN("logfile_rebuilt",
		    LOG_U64("jobs", jobs_total(store_jobs(s->store))),
		    LOG_I64("bytes", stats->image_bytes));
	}
	if (stats->failing == s->storage_failing)
		return;
	s->storage_failing = stats->failing;
	if (stats->failing)
		LOG_ERROR("storage_failed",
		    LOG_STR("error", stats->last_error));
	else
		LOG_INFO("storage_recovered");
}

static void
on_store_wake(struct ev_loop *loop, ev_async *w, int revents)
{
	struct server *s = w->data;
	bool any;

	(void)loop;
	(void)revents;
	sched_before_changes(s->sched, os->wall_ns());
	any = store_poll(s->store);
	watch_storage(s);
	if (store_unfinished(s->store))
		ev_async_send(s->loop, &s->store_wake); /* the next turn */
	if (!any)
		return;
	alerts_save_again(s->monitor.alerts);
	sched_start(s->sched);
	conns_retry(s);
	conns_flush(s); /* now: those clients go on while others are read */
}

static void
on_processor_wake(struct ev_loop *loop, ev_async *w, int revents)
{
	struct server *s = w->data;
	struct run_event event;

	(void)loop;
	(void)revents;
	while (processor_take(s->processor, &event)) {
		if (event.kind == RUN_PROBED)
			probing_ended(s, event.run);
		else
			server_run_event(s, &event);
	}
}

static void
on_frame(struct ev_loop *loop, ev_io *w, int revents)
{
	struct server *s = w->data;
	uint64_t expirations;

	(void)loop;
	(void)revents;
	if (read(s->frame_fd, &expirations, sizeof(expirations)) == -1 &&
	    errno == ECANCELED)
		sched_clock_set(s->sched); /* calls for a look as well */
	s->frame_armed_ns = SCHED_NEVER;
	s->tick_wanted = true;
}

/* See that the next frame with something to do wakes the loop. */
static void
arm_frame_timer(struct server *s, int64_t wake_ns)
{
	if (wake_ns == s->frame_armed_ns)
		return;
	s->frame_armed_ns = wake_ns;
	if (os->timer_set(s->frame_fd, wake_ns) == -1)
		LOG_ERROR("timer", LOG_ERRNO(errno));
}

static void
run_frame(struct server *s)
{
	int64_t now_ns = os->wall_ns();
	int64_t wake_ns;

	if (sched_look_at_clock(s->sched, now_ns))
		s->tick_wanted = true;
	wake_ns = sched_wake_ns(s->sched, now_ns);
	if (wake_ns <= now_ns)
		s->tick_wanted = true;
	if (s->tick_wanted) {
		int64_t again_ns = sched_tick(s->sched, now_ns);

		s->tick_wanted = again_ns <= now_ns;
		wake_ns = sched_wake_ns(s->sched, now_ns);
		if (again_ns < wake_ns)
			wake_ns = again_ns;
	}
	if (!s->tick_wanted)
		arm_frame_timer(s, wake_ns);
}

/* All runs have ended: stop, when the last replies have been sent. */
static void
end_drain(struct server *s)
{
	if (!conns_busy(s)) {
		ev_break(s->loop, EVBREAK_ALL);
	} else if (!s->drained) {
		s->drained = true;
		ev_timer_stop(s->loop, &s->drain_timer);
		ev_timer_set(&s->drain_timer, LAST_REPLIES_SECONDS, 0);
		ev_timer_start(s->loop, &s->drain_timer);
	}
}

static void
before_wait(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct server *s = w->data;
	bool telling;

	(void)revents;
	if (s->n_sharing > 0)
		conns_flush(s); /* before others have their share again */
	conns_run(s);
	sched_start(s->sched); /* sessions may have made room */
	server_run_sessions(s);
	run_frame(s);
	store_kick(s->store);
	telling = watch_tell_some(s);
	conns_flush(s);
	if (s->draining && sched_idle(s->sched) && store_idle(s->store) &&
	    sessions_alive(s->sessions) == 0 && monitor_save(&s->monitor))
		end_drain(s);
	if (s->runnable != NULL || s->tick_wanted || telling ||
	    sessions_wake_ns(s->sessions) == 0)
		ev_idle_start(loop, &s->more);
	else
		ev_idle_stop(loop, &s->more);
}

/* Its being active keeps the loop from waiting. */
static void
on_more(struct ev_loop *loop, ev_idle *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
}

static void
on_sweep(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	conns_sweep(w->data);
}

static void
on_compression_interval(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct server *s = w->data;
	struct err e;

	(void)loop;
	(void)revents;
	task_schedule(&s->monitor.tasks[TASK_COMPRESSION],
	    s->config->database_compression_interval);
	if (store_stats(s->store)->log_bytes >=
	    (off_t)s->config->database_compression_min_bytes)
		(void)store_compress(s->store, &e);
}

static void
on_compress_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct server *s = w->data;
	struct err e;

	(void)loop;
	(void)revents;
	if (store_compress(s->store, &e) == -1)
		LOG_WARN("compression_not_started", LOG_ERR(&e));
}

static void
on_drain_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	struct server *s = w->data;

	if (s->drained) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	/* Each has its kill_after; the loop ends when all have ended. */
	LOG_WARN("drain_timeout");
	sched_abandon(s->sched);
	sessions_abandon(s->sessions);
	processor_abandon(s->processor);
}

void
server_stop(struct server *s, bool now, const char *why)
{
	struct sched_stats stats;

	if (s->draining || now) {
		LOG_WARN("stopping_now", LOG_STR("reason", why));
		conns_flush(s);
		ev_break(s->loop, EVBREAK_ALL);
		return;
	}
	sched_stats(s->sched, &stats);
	LOG_INFO("draining", LOG_STR("reason", why),
	    LOG_U64("running", stats.inflight));
	s->draining = true;
	beat_draining(&s->beat);
	listeners_close(s); /* refused at once, not left waiting */
	sched_drain(s->sched);
	sessions_drain(s->sessions);
	ev_timer_init(&s->drain_timer, on_drain_timeout,
	    (double)s->config->processor_drain_timeout / 1e9, 0);
	s->drain_timer.data = s;
	ev_timer_start(s->loop, &s->drain_timer);
}

static void
on_stop_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	server_stop(w->data, false, strsignal(w->signum));
}

static struct auth *
load_tokens(const struct config *c, struct err *e)
{
	char path[PATH_MAX];
	struct auth *auth;

	if (systemd_path(c->controller_auth_file, path, sizeof(path), e) ==
		-1 ||
	    (auth = auth_load(path, e)) == NULL)
		return NULL;
	for (size_t i = 0; i < auth->n; i++) {
		if (auth->tokens[i].certificate == NULL)
			continue;
		(void)err_set(e, ERR_INVALID,
		    "%s: token.%s: certificate: this version has no TLS", path,
		    auth->tokens[i].name);
		auth_free(auth);
		return NULL;
	}
	return auth;
}

struct slice
server_namespace_of(const struct server *s, const struct rule *rule)
{
	return auth_namespace_of(s->auth, rule_id(rule), rule_pattern(rule));
}

/* New tokens: who is connected keeps his by its name, or is sent away. */
static void
adopt_auth(struct server *s, struct auth *auth)
{
	struct auth *old = s->auth;

	conns_rebind(s, auth);
	s->auth = auth;
	if (!auth_same_namespaces(old, auth)) {
		sched_namespaces_changed(s->sched);
		monitor_namespaces_changed(&s->monitor);
	}
	auth_free(old);
}

static int
reload(struct server *s, struct err *e)
{
	const struct options *o = s->options;
	struct auth *auth = NULL;
	struct config c;

	if (config_load(&c, o->config_path, environ, o->sets, o->n_sets, e) ==
	    -1)
		return -1;
	/* Whether clients must authenticate is settled at the start. */
	if (s->auth != NULL && c.controller_auth_file != NULL &&
	    (auth = load_tokens(&c, e)) == NULL) {
		config_fini(&c);
		return -1;
	}
	log_setup((enum log_level)c.log_level, (enum log_format)c.log_format,
	    STDERR_FILENO);
	config_adopt(s->config, &c, THRESHOLD_FIRST, THRESHOLD_LAST);
	config_fini(&c);
	if (auth != NULL)
		adopt_auth(s, auth);
	sched_reload_zones(s->sched);
	LOG_INFO("reloaded");
	return 0;
}

int
server_reload(struct server *s, struct err *e)
{
	int r;

	beat_reloading(&s->beat);
	r = reload(s, e);
	beat_reloaded(&s->beat, r == 0 ? NULL : e->msg);
	return r;
}

static void
on_reload_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct err e;

	(void)loop;
	(void)revents;
	if (server_reload(w->data, &e) == -1)
		LOG_ERROR("reload_failed", LOG_ERR(&e));
}

static int
fail(struct server *s, int exit_code)
{
	s->exit_code = exit_code;
	return -1;
}

static void
report_recovery(const struct server *s)
{
	const struct store_recovery *r = &s->recovery;

	if (r->discarded.msg[0] != '\0')
		LOG_WARN("log_tail_cut", LOG_ERR(&r->discarded),
		    LOG_I64("bytes", r->discarded_bytes));
	if (r->zero_bytes > 0)
		LOG_WARN("log_tail_zero",
		    LOG_STR("reason",
			"not stopped cleanly: space written ahead is cut off"),
		    LOG_I64("bytes", r->zero_bytes));
}

static void
on_recovery_progress(void *arg, uint64_t records)
{
	(void)arg;
	LOG_INFO("recovering", LOG_U64("records", records));
	beat_recovering(records);
}

/* What to do about a log that is damaged. */
static void
name_check(const char *path, struct err *e)
{
	struct buf word = { 0 };
	struct err why = *e;

	check_put_word(&word, path);
	/* The path twice may be too much for one message. */
	why.msg[ERR_MSG_MAX / 2] = '\0';
	(void)err_set(e, why.code,
	    "%s; to see what can be kept: tickd check %.*s", why.msg,
	    (int)word.len, word.len == 0 ? "" : word.ptr);
	buf_free(&word);
}

static int
open_store(struct server *s, struct err *e)
{
	const struct config *c = s->config;
	const struct store_options o = {
		.path = c->database_persistence == PERSISTENCE_MEMORY
		    ? NULL
		    : c->database_logfile_path,
		.sync = c->database_fsync_on_persist,
		.wake = wake_for_store,
		.progress = on_recovery_progress,
		.committed = observe_commit,
		.compression = observe_compression,
		.arg = s,
	};
	enum store_fault fault;

	s->store = store_open(&o, &s->recovery, &fault, e);
	if (s->store != NULL) {
		report_recovery(s);
		return 0;
	}
	if (fault == STORE_DAMAGED) {
		name_check(c->database_logfile_path, e);
		return fail(s, EXIT_DAMAGED);
	}
	return fail(s, fault == STORE_LOCKED ? EXIT_LOCKED : EXIT_RUNTIME);
}

static void
on_keeper_gone(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)revents;
	ev_io_stop(loop, w);
	LOG_WARN("keeper_lost",
	    LOG_STR("effect",
		"if the server dies, only the first process of each run does "
		"at once"));
}

static void
start_keeper(struct server *s)
{
	struct err e;

	ev_init(&s->keeper_gone, on_keeper_gone);
	if (keeper_start(&s->keeper,
		(size_t)s->config->processor_max_inflight + PROCESSOR_PROBES +
		    s->config->agents_max_sessions,
		&e) == -1) {
		LOG_WARN("keeper_not_started", LOG_ERR(&e));
		return;
	}
	LOG_INFO("keeper_started", LOG_I64("pid", s->keeper.pid));
	/* Nothing comes to be read: an error is what it waits for. */
	ev_io_set(&s->keeper_gone, s->keeper.fd, EV_READ);
}

static void
note_lost(void *ctx, uint64_t execution_id, int64_t due_ns, int64_t attempt)
{
	struct server *s = ctx;
	struct remains *more;

	/* Room for twice as many whenever the number is a power of two. */
	if ((s->n_lost & (s->n_lost - 1)) == 0) {
		more = realloc(s->lost,
		    (s->n_lost == 0 ? 1 : 2 * s->n_lost) * sizeof(*more));
		if (more == NULL)
			return;
		s->lost = more;
	}
	s->lost[s->n_lost++] = (struct remains){ .execution_id = execution_id,
		.due_ns = due_ns,
		.attempt = attempt };
}

/* Before they run again. Its keeper has done it, if that was not killed with
 * it. */
static void
end_lost(struct server *s)
{
	size_t n = remains_end(s->lost, s->n_lost);

	if (n > 0)
		LOG_WARN("run_remains_killed", LOG_U64("processes", n));
	free(s->lost);
	s->lost = NULL;
}

static int
open_scheduler(struct server *s, struct err *e)
{
	const struct config *c = s->config;
	const struct processor_options po = {
		.shell_path = c->shell_path,
		.shell_args = &c->shell_args,
		.max_inflight = c->processor_max_inflight,
		.max_agents = c->agents_max_sessions,
		.max_output = c->processor_max_output,
		.max_line = c->controller_max_line,
		.keeper = &s->keeper,
		.wake = wake_for_processor,
		.wake_arg = s,
	};
	const struct sched_options so = {
		.store = s->store,
		.framerate = c->database_framerate,
		.max_inflight = c->processor_max_inflight,
		.zones = s->zones,
		.max_sessions = c->agents_max_sessions,
		.submit = submit_run,
		.cancel = server_cancel,
		.lost = note_lost,
		.crew_changed = server_crew_changed,
		.random = random_number,
		.observe = observe,
		.rule_changed = rule_changed,
		.breaker_changed = breaker_changed,
		.namespace_of = namespace_of,
		.rule_removed = rule_removed,
		.ctx = s,
	};

	s->outputs = outputs_new(c->processor_output_memory, e);
	if (s->outputs == NULL ||
	    (s->processor = processor_start(&po, e)) == NULL ||
	    server_open_sessions(s, e) == -1 ||
	    (s->sched = sched_new(&so, e)) == NULL ||
	    sched_recover(s->sched, os->wall_ns(), e) == -1)
		return fail(s, EXIT_RUNTIME);
	end_lost(s);
	return 0;
}

static int
open_frame_timer(struct server *s, struct err *e)
{
	s->frame_fd =
	    timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (s->frame_fd == -1)
		return err_sys(e, ERR_LIMIT, "timerfd");
	s->frame_armed_ns = SCHED_NEVER;
	s->tick_wanted = true;
	ev_io_init(&s->frame_timer, on_frame, s->frame_fd, EV_READ);
	return 0;
}

static void
init_watchers(struct server *s)
{
	double interval =
	    (double)s->config->database_compression_interval / 1e9;

	ev_async_init(&s->store_wake, on_store_wake);
	ev_set_priority(&s->store_wake, EV_MAXPRI);
	ev_async_init(&s->processor_wake, on_processor_wake);
	ev_prepare_init(&s->before_wait, before_wait);
	ev_idle_init(&s->more, on_more);
	ev_timer_init(&s->sweep, on_sweep, SWEEP_SECONDS, SWEEP_SECONDS);
	ev_signal_init(&s->on_term, on_stop_signal, SIGTERM);
	ev_signal_init(&s->on_int, on_stop_signal, SIGINT);
	ev_signal_init(&s->on_usr1, on_compress_signal, SIGUSR1);
	ev_signal_init(&s->on_hup, on_reload_signal, SIGHUP);
	ev_timer_init(&s->compression_timer, on_compression_interval, interval,
	    interval);
	retention_init(&s->retention, s);
	monitor_init(&s->monitor, s);
	s->store_wake.data = s->processor_wake.data = s;
	s->before_wait.data = s->sweep.data = s->frame_timer.data = s;
	s->on_term.data = s->on_int.data = s->on_usr1.data = s->on_hup.data = s;
	s->compression_timer.data = s;
	/* At once: threads may wake us, and signals come, while the store is
	 * still being recovered. */
	ev_async_start(s->loop, &s->store_wake);
	ev_async_start(s->loop, &s->processor_wake);
	ev_signal_start(s->loop, &s->on_usr1);
	ev_signal_start(s->loop, &s->on_hup);
}

static void
start_watchers(struct server *s)
{
	ev_prepare_start(s->loop, &s->before_wait);
	if (s->keeper.pid != 0)
		ev_io_start(s->loop, &s->keeper_gone);
	ev_io_start(s->loop, &s->frame_timer);
	ev_signal_start(s->loop, &s->on_term);
	ev_signal_start(s->loop, &s->on_int);
	if (s->config->database_compression_interval > 0 &&
	    store_is_durable(s->store)) {
		ev_timer_start(s->loop, &s->compression_timer);
		task_schedule(&s->monitor.tasks[TASK_COMPRESSION],
		    s->config->database_compression_interval);
	}
	retention_start(&s->retention);
	monitor_start(&s->monitor);
	if (s->config->controller_idle_timeout > 0)
		ev_timer_start(s->loop, &s->sweep);
}

static int
load_auth(struct server *s, struct err *e)
{
	if (s->config->controller_auth_file == NULL)
		return 0;
	if ((s->auth = load_tokens(s->config, e)) == NULL)
		return fail(s, EXIT_USAGE);
	if (s->auth->exposed)
		LOG_WARN("auth_file_exposed",
		    LOG_STR("file", s->config->controller_auth_file),
		    LOG_STR("reason", "others than its owner can read it"));
	return 0;
}

int
server_check(const struct config *c, struct err *e)
{
	struct auth *auth;
	struct address address;
	gid_t gid;

	for (size_t i = 0; i < c->controller_listen.n; i++) {
		if (config_listen(c, i, &address, e) == -1 ||
		    listener_group(&address, &gid, e) == -1)
			return -1;
	}
	if (c->controller_auth_file == NULL)
		return 0;
	if ((auth = load_tokens(c, e)) == NULL)
		return -1;
	auth_free(auth);
	return 0;
}

int
server_init(struct server *s, const struct options *o, struct config *c,
    struct err *e)
{
	memset(s, 0, sizeof(*s));
	s->options = o;
	s->config = c;
	s->frame_fd = s->spare_fd = -1;
	s->waiters_end = &s->waiters;
	s->started_mono_ns = os->mono_ns();
	s->exit_code = EXIT_RUNTIME;
	orphans_set_signals();
	start_keeper(s);
	raise_descriptor_limit();
	reserve_for_loops();
	/* Not the default loop: that one reaps the processor's children. */
	s->loop = ev_loop_new(EVFLAG_AUTO);
	s->input = malloc(INPUT_BYTES);
	s->line = malloc(LINE_MAX_CEILING);
	s->zones = zones_new(NULL);
	s->traffic = traffic_new();
	if (s->loop == NULL || s->input == NULL || s->line == NULL ||
	    s->zones == NULL || s->traffic == NULL)
		return err_nomem(e);
	if (reserve_init(&s->reserve, s->loop, e) == -1 ||
	    watches_init(&s->watches, e) == -1)
		return -1;
	if (load_auth(s, e) == -1 || open_frame_timer(s, e) == -1)
		return -1;
	init_watchers(s);
	if (open_store(s, e) == -1)
		return -1;
	if (monitor_open(&s->monitor, e) == -1)
		return fail(s, EXIT_RUNTIME);
	if (open_scheduler(s, e) == -1)
		return -1;
	sandboxes_find(&s->sandboxes, s->loop);
	orphans_start(&s->orphans, s->loop, &s->sandboxes);
	if (listeners_open(s, e) == -1)
		return fail(s, EXIT_RUNTIME);
	start_watchers(s);
	return 0;
}

/* Rules of an older log may have what is refused today: see cmd_rule_options.
 * One line, however many there are. */
static void
warn_of_approval(const struct server *s)
{
	const struct rules *rules = store_rules(s->store);
	const struct rule *first = NULL;
	uint64_t n = 0;

	for (uint32_t i = 1; i < rules->n_slots; i++) {
		const struct rule *rule = rules_by_slot(rules, i);

		if (rule == NULL ||
		    rule->spec->number[OPTION_approval] == APPROVAL_AUTO)
			continue;
		if (n++ == 0)
			first = rule;
	}
	if (n > 0)
		LOG_WARN("approval_not_kept", LOG_U64("rules", n),
		    LOG_SLICE("rule", rule_id(first)),
		    LOG_STR("effect", "runs begin without approval"));
}

static void
report_ready(const struct server *s)
{
	struct buf listen = { 0 };

	listeners_put(s, &listen);
	LOG_INFO("ready", LOG_SLICE("listen", buf_slice(&listen)),
	    LOG_U64("jobs", jobs_total(store_jobs(s->store))),
	    LOG_U64("rules", store_rules(s->store)->n),
	    LOG_MS("recovery_ms", s->recovery.duration_ns));
	buf_free(&listen);
}

int
server_run(struct server *s)
{
	s->running = true;
	listeners_start(s);
	warn_of_approval(s);
	report_ready(s);
	beat_start(&s->beat, s);
	ev_run(s->loop, 0);
	sched_stop_now(s->sched);
	store_flush(s->store, LAST_RECORDS_NS);
	beat_stop(&s->beat);
	LOG_INFO("stopped");
	return EXIT_OK;
}

void
server_fini(struct server *s)
{
	server_close_sessions(s);
	conns_kill_all(s);
	listeners_close(s);
	if (s->processor != NULL)
		processor_stop(s->processor);
	if (s->loop != NULL)
		ev_io_stop(s->loop, &s->keeper_gone);
	keeper_end(&s->keeper);
	free(s->lost);
	sched_free(s->sched);
	monitor_fini(&s->monitor);
	watches_fini(&s->watches);
	outputs_free(s->outputs);
	if (s->running)
		store_close(s->store);
	else
		store_undo(s->store);
	if (s->frame_fd != -1)
		(void)close(s->frame_fd);
	zones_free(s->zones);
	sandboxes_free(&s->sandboxes);
	auth_free(s->auth);
	token_fini(&s->tokens);
	traffic_free(s->traffic);
	free(s->input);
	free(s->line);
	reserve_fini(&s->reserve);
	if (s->loop != NULL) {
		orphans_stop(&s->orphans, s->loop);
		ev_loop_destroy(s->loop);
	}
}
