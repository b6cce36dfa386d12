/*
 * Input is read into the server's one buffer and handled there; only what is
 * left over, because a line is not complete or the connection is held, is
 * kept in the connection's own. So ten thousand idle clients cost little.
 *
 * A held connection is not read from beyond what it has sent already: its
 * bound is CONN_IN_MAX. What ends a hold puts it on the `runnable` list, and
 * its input is looked at again in the same turn.
 *
 * So that nobody's pipeline keeps others waiting, a turn has TURN_US for the
 * input of those who send more than can be handled in one: each has its share
 * of that, and is held until the next turn.
 */
#include "conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dispatch.h"
#include "listener.h"
#include "log.h"
#include "os.h"
#include "reply.h"
#include "scope.h"
#include "session.h"
#include "watch.h"

#define READ_BYTES 65536u
#define LINGER_SECONDS 1.0
#define TURN_US 1000
#define SHARE_MIN_US 20
/* Between two looks at the clock: requests, and pieces of output. */
#define SHARE_STEPS 16
#define SHARE_PIECE 64
/* Left over at most: a line without its end and what one read brought. */
#define CONN_IN_MAX (LINE_MAX_CEILING + READ_BYTES)

static void
unlink_waiter(struct server *s, struct conn *c)
{
	struct conn **at = &s->waiters;

	while (*at != NULL && *at != c)
		at = &(*at)->next_waiter;
	if (*at == NULL)
		return;
	*at = c->next_waiter;
	if (s->waiters_end == &c->next_waiter)
		s->waiters_end = at;
}

/* Another turn has come for it. */
static void
end_share(struct conn *c)
{
	if (c->hold != CONN_HELD_TURN)
		return;
	c->hold = CONN_READY;
	c->server->n_sharing--;
}

static void
stop_waiting(struct conn *c)
{
	struct server *s = c->server;

	if (c->claimed != 0)
		store_unclaim(s->store, c->claimed - 1);
	c->claimed = 0;
	if (c->hold == CONN_HELD_STORE)
		unlink_waiter(s, c);
}

static void
stream_free(struct conn *c)
{
	if (c->stream != NULL)
		c->stream->free(c->stream);
	c->stream = NULL;
}

/* An answer whose turn has not come. */
struct early_answer {
	struct early_answer *next; /* by place */
	bool lost; /* there is none: with its turn the connection ends */
	uint32_t place;
	struct buf line;
};

static void
early_drop(struct conn *c)
{
	struct early_answer *k = c->early;

	c->early = k->next;
	c->n_early--;
	buf_free(&k->line);
	free(k);
}

static void
conn_free(struct conn *c)
{
	struct server *s = c->server;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns.first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		s->conns.last = c->prev;
	while (c->early != NULL)
		early_drop(c);
	buf_free(&c->in);
	buf_free(&c->out);
	buf_free(&c->events);
	free(c);
}

static void
make_runnable(struct conn *c)
{
	struct server *s = c->server;

	if (c->runnable)
		return;
	c->runnable = true;
	c->next_runnable = s->runnable;
	s->runnable = c;
}

static void leave_session(struct conn *c);

void
conn_kill(struct conn *c)
{
	struct server *s = c->server;

	if (c->fd == -1)
		return;
	ev_io_stop(s->loop, &c->reader);
	ev_io_stop(s->loop, &c->writer);
	ev_timer_stop(s->loop, &c->deadline);
	stop_waiting(c);
	end_share(c);
	stream_free(c);
	watch_remove_all(c);
	(void)close(c->fd); /* a socket: nothing more to learn */
	c->fd = -1;
	c->closing = true;
	s->conns.n--;
	listener_resume(s);
	make_runnable(c); /* freed there, when no caller holds it any more */
	leave_session(c);
}

/* An idle client keeps no large buffer. */
static void
empty(struct buf *b)
{
	if (b->cap > 4096)
		buf_free(b);
	else
		buf_clear(b);
}

/* Nothing will come from it any more, or be heard. */
static void
leave_session(struct conn *c)
{
	struct session *session = c->session;

	conn_set_session(c, NULL);
	if (session != NULL)
		session_lost(session);
}

void
conn_set_session(struct conn *c, struct session *session)
{
	c->n_listens += session != NULL;
	c->n_listens -= c->session != NULL;
	c->session = session;
}

static void
make_dirty(struct conn *c)
{
	if (c->dirty || c->fd == -1)
		return;
	c->dirty = true;
	c->next_dirty = c->server->dirty;
	c->server->dirty = c;
}

struct buf *
conn_reply(struct conn *c)
{
	make_dirty(c);
	return &c->out;
}

struct buf *
conn_event(struct conn *c)
{
	if (c->fd == -1 || c->closing || c->events.len >= CONN_EVENTS_HIGH)
		return NULL;
	make_dirty(c);
	return &c->events;
}

void
conn_settle_events(struct conn *c)
{
	if (c->events.len == 0 && !c->events.failed)
		return;
	buf_add_slice(&c->out, buf_slice(&c->events));
	c->out.failed |= c->events.failed;
	empty(&c->events);
	watch_put_dropped(c, &c->out);
}

/* A note begins with this, packed; the request's id follows. */
struct note {
	uint64_t stamp;
	uint32_t place;
};
#define NOTE_HEAD (sizeof(uint64_t) + sizeof(uint32_t))

static struct note
note_head(struct slice note)
{
	struct note n;

	memcpy(&n.stamp, note.ptr, sizeof(n.stamp));
	memcpy(&n.place, note.ptr + sizeof(n.stamp), sizeof(n.place));
	return n;
}

struct slice
conn_note(struct conn *c, struct slice id)
{
	struct server *s = c->server;
	char *at = s->note;

	memcpy(at, &s->stamp, sizeof(s->stamp));
	at += sizeof(s->stamp);
	memcpy(at, &c->next_place, sizeof(c->next_place));
	memcpy(s->note + NOTE_HEAD, id.ptr, id.len);
	return slice_of(s->note, NOTE_HEAD + id.len);
}

struct slice
conn_noted_id(struct slice note)
{
	return slice_of(note.ptr + NOTE_HEAD, note.len - NOTE_HEAD);
}

static struct early_answer *
early_keep(struct conn *c, uint32_t place)
{
	struct early_answer **at = &c->early, *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	/* Distances from `turn` compare rightly when places have wrapped. */
	while (*at != NULL && (*at)->place - c->turn < place - c->turn)
		at = &(*at)->next;
	k->place = place;
	k->next = *at;
	*at = k;
	c->n_early++;
	return k;
}

/* The turn has come to a request of which nobody knows what became: no answer,
 * nor any to later ones. */
static void
lose(struct conn *c)
{
	c->lost = true;
	if (c->fd != -1)
		conn_finish(c);
}

/* The turn has come to the next place: also to answers kept for it. */
static void
pass_turn(struct conn *c)
{
	if (c->lost)
		return;
	c->turn++;
	while (c->early != NULL && c->early->place == c->turn) {
		if (c->early->lost) {
			lose(c);
			return;
		}
		buf_add_slice(conn_reply(c), buf_slice(&c->early->line));
		c->out.failed |= c->early->line.failed;
		early_drop(c);
		c->turn++;
	}
}

struct buf *
conn_answer(struct conn *c, struct slice note)
{
	uint32_t place = note_head(note).place;
	struct early_answer *k;

	if (place == c->turn)
		return conn_reply(c);
	if ((k = early_keep(c, place)) != NULL)
		return &k->line;
	c->out.failed = true; /* an answer is missing: closed when flushed */
	return conn_reply(c);
}

void
conn_answered(struct conn *c, struct slice note, bool failed)
{
	struct traffic *t = c->server->traffic;
	bool held = c->hold == CONN_HELD_PENDING || c->eof;
	struct note head = note_head(note);

	if (failed)
		traffic_failed(t, head.stamp);
	else
		traffic_answered(t, head.stamp);
	if (head.place == c->turn)
		pass_turn(c);
	c->pending--;
	if (c->fd == -1 || (c->pending == 0 && held))
		make_runnable(c); /* to be freed, or to go on */
}

static void
lose_answer(struct conn *c, struct slice note)
{
	uint32_t place = note_head(note).place;
	struct early_answer *k;

	if (place == c->turn)
		lose(c);
	else if ((k = early_keep(c, place)) != NULL)
		k->lost = true;
	else /* closed when flushed */
		conn_reply(c)->failed = true;
}

/* A write has become durable, or was refused. */
static void
answer_write(void *arg, struct slice note, const struct err *e)
{
	struct slice id = conn_noted_id(note);
	struct conn *c = arg;

	if (e == NULL)
		reply_ok(conn_answer(c, note), id);
	else if (e->code == ERR_UNKNOWN)
		lose_answer(c, note);
	else
		reply_error(conn_answer(c, note), id, e);
	conn_answered(c, note, e != NULL);
}

struct store_waiter
conn_waiter(struct conn *c, struct slice id)
{
	return (struct store_waiter){ .done = answer_write,
		.arg = c,
		.note = conn_note(c, id) };
}

int
conn_asked(struct conn *c, int rc)
{
	if (rc != 0)
		return FAILED;
	c->pending++;
	c->next_place++;
	c->asked = true;
	return HANDLED;
}

bool
conn_overtakes(struct conn *c)
{
	if (c->pending == 0)
		return false;
	c->hold = CONN_HELD_PENDING;
	return true;
}

void
conn_wait(struct conn *c, uint32_t slot)
{
	struct server *s = c->server;

	if (slot != UINT32_MAX) {
		store_claim(s->store, slot);
		c->claimed = slot + 1;
	}
	c->hold = CONN_HELD_STORE;
	c->next_waiter = NULL;
	*s->waiters_end = c;
	s->waiters_end = &c->next_waiter;
}

void
conn_stream(struct conn *c, struct stream *st)
{
	assert(c->stream == NULL);
	c->stream = st;
	c->hold = CONN_HELD_STREAM;
	make_runnable(c);
}

static size_t
unsent(const struct conn *c)
{
	return c->out.len - c->sent;
}

/* Whether the next request may be looked at. */
static bool
ready(struct conn *c)
{
	if (c->hold == CONN_READY && unsent(c) >= CONN_OUT_HIGH)
		c->hold = CONN_HELD_OUTPUT;
	return c->hold == CONN_READY && !c->closing;
}

/* Throw a piece of an overlong line away, but for its last bytes. */
static void
discard(struct conn *c, const char *p, size_t n)
{
	if (n >= sizeof(c->tail)) {
		memcpy(c->tail, p + n - sizeof(c->tail), sizeof(c->tail));
		return;
	}
	memmove(c->tail, c->tail + n, sizeof(c->tail) - n);
	memcpy(c->tail + sizeof(c->tail) - n, p, n);
}

/* The rest of its input waits for the next turn. */
static void
hold_share(struct conn *c)
{
	c->hold = CONN_HELD_TURN;
	c->server->n_sharing++;
	make_runnable(c);
}

/* The time that the input of one connection has in this turn. */
struct share {
	int64_t until_us; /* monotonic */
	size_t steps;
	size_t out; /* length of the output at the last step */
};

static struct share
share_begin(const struct conn *c)
{
	int64_t us = TURN_US / (int64_t)(c->server->n_sharing + 1);

	return (struct share){
		.until_us = os->mono_ns() / NS_PER_US +
		    (us < SHARE_MIN_US ? SHARE_MIN_US : us),
		.out = c->out.len,
	};
}

/* A request has been handled, and there is more input: whether that has to
 * wait. A reply that is long took long to make. */
static bool
share_is_over(struct share *share, const struct conn *c)
{
	share->steps += 1 + (c->out.len - share->out) / SHARE_PIECE;
	share->out = c->out.len;
	if (share->steps < SHARE_STEPS)
		return false;
	share->steps = 0;
	return os->mono_ns() / NS_PER_US >= share->until_us;
}

/* The longest line it may send now, with its newline. */
static size_t
max_line(const struct conn *c)
{
	size_t max = c->server->config->controller_max_line;

	return c->authenticated || max < STRANGER_LINE_MAX ? max
							   : STRANGER_LINE_MAX;
}

/*
 * Handle the complete lines in p[0..n), as far as the connection is ready.
 * Returns how many bytes are done with.
 */
static size_t
handle_lines(struct conn *c, const char *p, size_t n)
{
	struct share share = share_begin(c);
	size_t at = 0;

	while (at < n && ready(c)) {
		const char *newline = memchr(p + at, '\n', n - at);
		size_t len =
		    newline == NULL ? n - at : (size_t)(newline - p) - at;

		if (c->discarding) {
			discard(c, p + at, len);
			c->discarding = newline == NULL;
			at += len + (newline != NULL);
			if (newline != NULL)
				dispatch_line_end(c,
				    slice_of(c->tail, sizeof(c->tail)));
			continue;
		}
		if (len >= max_line(c)) { /* with its newline over the limit */
			if (c->pending > 0) {
				c->hold = CONN_HELD_PENDING;
				break;
			}
			dispatch_too_long(c, slice_of(p + at, len));
			c->discarding = true;
			continue;
		}
		if (newline == NULL)
			break;
		memcpy(c->server->line, p + at, len);
		if (dispatch(c, c->server->line, len) == WAIT)
			break;
		at += len + 1;
		if (at < n && ready(c) && share_is_over(&share, c))
			hold_share(c);
	}
	return c->closing ? n : at;
}

static void
set_deadline(struct conn *c, double seconds)
{
	struct ev_loop *loop = c->server->loop;

	ev_timer_stop(loop, &c->deadline);
	ev_timer_set(&c->deadline, seconds, 0);
	ev_timer_start(loop, &c->deadline);
}

void
conn_finish(struct conn *c)
{
	c->closing = true;
	(void)conn_reply(c); /* closed when that is sent */
	leave_session(c);
}

void
conn_finish_later(struct conn *c, int64_t delay_ns)
{
	if (delay_ns > 0) {
		c->delayed = true;
		set_deadline(c, (double)delay_ns / 1e9);
	}
	conn_finish(c);
}

/* The input has ended: answer what is left of it, then close. */
static void
finish(struct conn *c)
{
	if (c->in.len > 0 && !c->discarding && !c->closing)
		dispatch_unended(c, buf_slice(&c->in));
	conn_finish(c);
}

/*
 * All is sent. Closing with input unread would make the peer drop what it has
 * not read yet; so tell it that this is all, and wait a moment for its end.
 */
static void
linger(struct conn *c)
{
	struct server *s = c->server;

	if (c->eof || c->lingering || shutdown(c->fd, SHUT_WR) == -1) {
		conn_kill(c);
		return;
	}
	c->lingering = true;
	leave_session(c);
	buf_free(&c->in);
	set_deadline(c, LINGER_SECONDS);
	ev_io_start(s->loop, &c->reader);
}

/* Look at the input kept in c->in again. */
static void
input(struct conn *c)
{
	size_t done = handle_lines(c, c->in.ptr, c->in.len);

	if (c->fd == -1)
		return;
	buf_drop(&c->in, done);
	if (c->older <= done) {
		c->read_us = c->later_us;
		c->older = SIZE_MAX;
	} else if (c->older != SIZE_MAX) {
		c->older -= done;
	}
	if (c->in.len == 0 && c->in.cap > 0)
		buf_free(&c->in); /* an idle client keeps no buffer */
	if (c->eof && ready(c) && c->pending == 0)
		finish(c);
}

static void
keep(struct conn *c, const char *p, size_t n)
{
	if (buf_reserve(&c->in, n) == NULL) {
		reserve_give_up(&c->server->reserve);
		c->in.failed = false; /* there may be some now */
	}
	buf_add(&c->in, p, n);
	if (c->in.failed) {
		LOG_WARN("connection_closed",
		    LOG_STR("reason", "out of memory"),
		    LOG_U64("connection", c->number));
		conn_kill(c);
	}
}

/* What is about to be added to the input was read now. */
static void
note_read(struct conn *c)
{
	int64_t now_us = os->mono_ns() / NS_PER_US;

	/* Not held, what is left over is a line whose end comes now. */
	if (c->in.len == 0 || ready(c)) {
		c->read_us = now_us;
		c->older = SIZE_MAX;
	} else if (c->older == SIZE_MAX) {
		c->later_us = now_us;
		c->older = c->in.len;
	}
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct conn *c = w->data;
	struct server *s = c->server;
	ssize_t n;

	(void)revents;
	if (!c->lingering && !ready(c) &&
	    (c->in.len >= READ_BYTES || c->closing)) {
		/* Held, and enough is waiting: started again by conns_run. */
		ev_io_stop(loop, w);
		return;
	}
	n = recv(c->fd, s->input, READ_BYTES, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1 || (n == 0 && c->lingering)) {
		conn_kill(c);
		return;
	}
	if (c->lingering)
		return;
	c->active = ev_now(loop);
	s->now_ns = os->wall_ns();
	note_read(c);
	s->traffic->bytes_in += (uint64_t)n;
	if (n == 0) {
		ev_io_stop(loop, w);
		c->eof = true;
		input(c);
	} else if (c->in.len > 0 || !ready(c)) {
		assert(c->in.len < CONN_IN_MAX);
		keep(c, s->input, (size_t)n);
		if (c->fd != -1)
			input(c);
	} else {
		size_t done = handle_lines(c, s->input, (size_t)n);

		if (c->fd != -1 && done < (size_t)n)
			keep(c, s->input + done, (size_t)n - done);
	}
	store_kick_early(s->store);
}

/* Send what is waiting. Closes a closing connection when all is sent. */
static void
flush(struct conn *c)
{
	struct server *s = c->server;

	if (c->delayed)
		return; /* flushed by the deadline */
	if (c->stream == NULL && unsent(c) < CONN_OUT_HIGH)
		conn_settle_events(c);
	while (unsent(c) > 0 && !c->out.failed) {
		ssize_t n =
		    send(c->fd, c->out.ptr + c->sent, unsent(c), MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			ev_io_start(s->loop, &c->writer);
			break;
		}
		if (n == -1) {
			conn_kill(c);
			return;
		}
		c->sent += (size_t)n;
		s->traffic->bytes_out += (uint64_t)n;
	}
	if (c->out.failed) { /* a reply is missing */
		reserve_give_up(&s->reserve);
		conn_kill(c);
		return;
	}
	if (unsent(c) == 0) {
		ev_io_stop(s->loop, &c->writer);
		c->sent = 0;
		empty(&c->out);
		if (c->closing && (c->pending == 0 || c->lost))
			linger(c);
	} else if (c->sent > CONN_OUT_HIGH) {
		buf_drop(&c->out, c->sent);
		c->sent = 0;
	}
	if (unsent(c) < CONN_OUT_HIGH && c->events.len > 0 && c->stream == NULL)
		make_dirty(c);
	if (unsent(c) < CONN_OUT_HIGH / 2 &&
	    (c->hold == CONN_HELD_OUTPUT || c->hold == CONN_HELD_STREAM))
		make_runnable(c);
}

static void
on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	flush(w->data);
}

static void
on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct conn *c = w->data;

	(void)loop;
	(void)revents;
	if (c->delayed) {
		c->delayed = false;
		flush(c);
		return;
	}
	if (!c->lingering)
		LOG_INFO("connection_closed",
		    LOG_STR("reason", "no AUTH in time"),
		    LOG_U64("connection", c->number));
	conn_kill(c);
}

struct conn *
conn_new(struct server *s, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		reserve_give_up(&s->reserve);
		(void)close(fd); /* nothing was said yet */
		return NULL;
	}
	c->server = s;
	c->fd = fd;
	c->number = ++s->conns_total;
	c->active = ev_now(s->loop);
	c->authenticated = s->auth == NULL;
	c->role = s->auth == NULL ? ROLE_ADMIN : ROLE_NONE;
	c->prev = s->conns.last;
	if (c->prev != NULL)
		c->prev->next = c;
	else
		s->conns.first = c;
	s->conns.last = c;
	s->conns.n++;
	ev_io_init(&c->reader, on_readable, fd, EV_READ);
	ev_io_init(&c->writer, on_writable, fd, EV_WRITE);
	ev_timer_init(&c->deadline, on_deadline,
	    (double)s->config->controller_auth_timeout / 1e9, 0);
	c->reader.data = c->writer.data = c->deadline.data = c;
	ev_io_start(s->loop, &c->reader);
	if (!c->authenticated)
		ev_timer_start(s->loop, &c->deadline);
	return c;
}

void
conns_flush(struct server *s)
{
	struct conn *c;

	traffic_settle(s->traffic);
	while ((c = s->dirty) != NULL) {
		s->dirty = c->next_dirty;
		c->dirty = false;
		if (c->fd != -1)
			flush(c);
		else
			make_runnable(c); /* to be freed */
	}
}

void
conns_retry(struct server *s)
{
	struct conn *c = s->waiters, *next;

	s->waiters = NULL;
	s->waiters_end = &s->waiters;
	for (struct conn *w = c; w != NULL; w = w->next_waiter) {
		if (w->claimed != 0)
			store_unclaim(s->store, w->claimed - 1);
		w->claimed = 0;
		w->hold = CONN_READY;
	}
	s->now_ns = os->wall_ns();
	for (; c != NULL; c = next) {
		next = c->next_waiter;
		input(c);
		if (c->fd != -1 && ready(c))
			ev_io_start(s->loop, &c->reader);
	}
}

/* One piece of the list; what follows waits for the client to read. */
static void
run_stream(struct conn *c)
{
	if (!c->stream->more(c, c->stream))
		return;
	stream_free(c);
	make_dirty(c); /* events may have waited for its end */
	c->hold = CONN_READY;
}

static void
run(struct conn *c)
{
	struct server *s = c->server;

	if (c->hold == CONN_HELD_STREAM && unsent(c) < CONN_OUT_HIGH)
		run_stream(c);
	if (c->hold == CONN_HELD_STREAM) {
		if (unsent(c) < CONN_OUT_HIGH)
			make_runnable(c);
		return;
	}
	if (c->hold == CONN_HELD_STORE)
		return;
	if (c->hold == CONN_HELD_PENDING && c->pending > 0)
		return;
	end_share(c);
	c->hold = CONN_READY;
	input(c);
	if (c->fd != -1 && ready(c) && !c->eof)
		ev_io_start(s->loop, &c->reader);
}

void
conns_run(struct server *s)
{
	struct conn *c = s->runnable, *next;

	s->runnable = NULL;
	s->now_ns = os->wall_ns();
	for (; c != NULL; c = next) {
		next = c->next_runnable;
		c->runnable = false;
		if (c->fd != -1)
			run(c);
		else if (c->pending == 0 && !c->dirty)
			conn_free(c);
	}
}

void
conns_sweep(struct server *s)
{
	double limit = (double)s->config->controller_idle_timeout / 1e9;
	struct conn *next;

	if (limit <= 0)
		return;
	for (struct conn *c = s->conns.first; c != NULL; c = next) {
		next = c->next;
		if (c->fd != -1 && c->pending == 0 && c->stream == NULL &&
		    c->n_listens == 0 && ev_now(s->loop) - c->active > limit)
			conn_kill(c);
	}
}

/* Whether its token, which may be another one now, lets it be what it is. */
static bool
may_keep_session(const struct conn *c)
{
	return c->session == NULL ||
	    (c->token->role >= ROLE_OPERATOR &&
		scope_sees_session(c, c->session));
}

/* Without a token it could see all: a list under way ends here. */
static void
send_away(struct conn *c)
{
	stream_free(c);
	if (c->hold == CONN_HELD_STREAM)
		c->hold = CONN_READY;
	conn_finish(c);
}

void
conns_rebind(struct server *s, const struct auth *auth)
{
	struct conn *next;

	for (struct conn *c = s->conns.first; c != NULL; c = next) {
		next = c->next;
		if (c->token == NULL)
			continue;
		c->token = auth_find_name(auth, slice_str(c->token->name));
		if (c->token != NULL)
			watch_rebind(c);
		else
			watch_remove_all(c);
		if (c->token == NULL || !may_keep_session(c))
			send_away(c);
		else
			c->role = c->token->role;
	}
}

bool
conns_busy(const struct server *s)
{
	for (const struct conn *c = s->conns.first; c != NULL; c = c->next)
		if (c->fd != -1 &&
		    (c->stream != NULL || c->pending > 0 || unsent(c) > 0))
			return true;
	return false;
}

void
conns_kill_all(struct server *s)
{
	struct conn *next;

	for (struct conn *c = s->conns.first; c != NULL; c = next) {
		next = c->next;
		conn_kill(c);
		c->pending = 0; /* nobody is left to tell */
		c->runnable = false;
		conn_free(c);
	}
	s->runnable = s->dirty = s->waiters = NULL;
	s->waiters_end = &s->waiters;
}
