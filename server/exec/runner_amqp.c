#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amqp.h>
#include <amqp_framing.h>

#include "pool.h"
#include "runner.h"

/*
 * amqp <dsn> <exchange> <routing_key>: publish the payload, or the job
 * identifier when there is none, as a persistent message whose message-id is
 * the execution's. Success is the broker's confirm. A message that no queue
 * gets, or that goes to an exchange which is not there, is a failure.
 *
 *     amqp[s]://[user:password@]host[:port][/vhost]
 *
 * guest/guest and the virtual host / when there is none. Runs with the same
 * DSN share a connection. Each has a channel of its own while it waits, for an
 * error ends a channel and all that is under way there.
 *
 * A probe, amqp <dsn>, opens a connection of its own and closes it.
 *
 * Of librabbitmq the coding of methods is used, which knows no socket. Its
 * other calls block, up to the lookup of names in amqps.
 *
 *     opened:  header ->  <- start  start-ok ->  <- tune  tune-ok, open ->
 *              <- open-ok: ready
 *     channel: CLOSED --open, confirm.select--> OPENING --select-ok--> FREE
 *              FREE --publish--> BUSY --ack, nack--> FREE
 *              any --channel.close--> CLOSED
 *
 * A broker that stops the flow on one channel would only be fed through
 * another: until it goes on, nothing is published over the connection. What
 * it was sent before is whole by then.
 */
#define FRAME_MAX 131072u
#define FRAME_MIN 4096u /* what each side must take, tuned or not */
#define FRAME_HEADER 7u
#define FRAME_EXTRA 8u /* header and end byte */
#define CHANNELS_MAX 2047u
#define HEARTBEAT_S 60u
#define SHORT_MAX 255u /* bytes of a short string */

enum channel_state {
	CHANNEL_CLOSED,
	CHANNEL_OPENING,
	CHANNEL_FREE,
	CHANNEL_BUSY
};

struct channel {
	enum channel_state state;
	struct call *call; /* BUSY */
	uint64_t tag;	   /* of the last message */
	unsigned returned; /* why that came back; 0: it did not */
	bool stopped;	   /* by channel.flow */
};

struct amqp {
	struct conn conn;
	amqp_pool_t pool; /* of the method being read */
	char *vhost;	  /* owned */
	struct buf in;	  /* what is no whole frame yet */
	uint32_t frame_max;
	struct channel *channels; /* number 0 is not used */
	unsigned n_channels, channels_max;
	unsigned n_opening;
	unsigned n_stopped; /* nothing is published while there is one */
	ev_timer beat;
	unsigned silent_beats;
	char why[RUN_REASON_MAX];
};

static struct amqp *
amqp_of(struct conn *c)
{
	return (struct amqp *)(void *)c;
}

/* Writing frames */

static void
put_number(struct buf *out, uint64_t n, unsigned bytes)
{
	while (bytes-- > 0)
		buf_add_byte(out, (char)(unsigned char)(n >> (8 * bytes)));
}

static void
put_frame(struct amqp *a, unsigned type, unsigned channel,
    const struct slice *part, size_t n)
{
	struct buf *out = &a->conn.stream.out;
	size_t i, size = 0;

	for (i = 0; i < n; i++)
		size += part[i].len;
	put_number(out, type, 1);
	put_number(out, channel, 2);
	put_number(out, size, 4);
	for (i = 0; i < n; i++)
		buf_add_slice(out, part[i]);
	put_number(out, AMQP_FRAME_END, 1);
	stream_flush(&a->conn.stream);
}

/* False: it does not fit into a frame. */
static bool
put_method(struct amqp *a, unsigned channel, amqp_method_number_t id,
    void *method)
{
	char bytes[FRAME_MIN - FRAME_EXTRA];
	char number[4];
	struct slice part[2] = { { number, 4 }, { bytes, 0 } };
	amqp_bytes_t encoded = { .len = sizeof(bytes) - 4, .bytes = bytes };
	int i, n = amqp_encode_method(id, method, encoded);

	if (n < 0)
		return false;
	for (i = 0; i < 4; i++)
		number[i] = (char)(unsigned char)(id >> (8 * (3 - i)));
	part[1].len = (size_t)n;
	put_frame(a, AMQP_FRAME_METHOD, channel, part, 2);
	explicit_bzero(bytes, sizeof(bytes)); /* may hold a password */
	return true;
}

static amqp_bytes_t
bytes_of(struct slice s)
{
	/* The library has no const: it only reads them. */
	return (
	    amqp_bytes_t){ .len = s.len, .bytes = (void *)(uintptr_t)s.ptr };
}

static void
put_message(struct amqp *a, unsigned channel, const struct run *run)
{
	struct slice body = run->payload != NULL
	    ? slice_of(run->payload, run->payload_len)
	    : slice_str(run->job);
	size_t n, most = a->frame_max - FRAME_EXTRA;
	char id[24], coded[128], fixed[12] = { 0, AMQP_BASIC_CLASS };
	struct slice part[2] = { { fixed, sizeof(fixed) }, { coded, 0 } };
	amqp_basic_properties_t properties = {
		._flags =
		    AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
	};
	int i;

	(void)snprintf(id, sizeof(id), "%" PRIu64, run->execution_id);
	properties.message_id = bytes_of(slice_str(id));
	i = amqp_encode_properties(AMQP_BASIC_CLASS, &properties,
	    (amqp_bytes_t){ .len = sizeof(coded), .bytes = coded });
	assert(i >= 0); /* there is room */
	part[1].len = (size_t)i;
	for (i = 0; i < 8; i++)
		fixed[4 + i] =
		    (char)(unsigned char)((uint64_t)body.len >> (8 * (7 - i)));
	put_frame(a, AMQP_FRAME_HEADER, channel, part, 2);
	for (; body.len > 0; body = slice_of(body.ptr + n, body.len - n)) {
		n = body.len < most ? body.len : most;
		part[0] = slice_of(body.ptr, n);
		put_frame(a, AMQP_FRAME_BODY, channel, part, 1);
	}
}

/* Channels */

static bool
grow_channels(struct amqp *a)
{
	unsigned n = a->n_channels == 0 ? 8 : a->n_channels * 2;
	struct channel *channels;

	if (n > a->channels_max + 1)
		n = a->channels_max + 1;
	if (n <= a->n_channels)
		return false;
	channels = realloc(a->channels, n * sizeof(*channels));
	if (channels == NULL)
		return false;
	memset(channels + a->n_channels, 0,
	    (n - a->n_channels) * sizeof(*channels));
	a->channels = channels;
	a->n_channels = n;
	return true;
}

/* The number of a channel in this state; 0: there is none. */
static unsigned
find_channel(const struct amqp *a, enum channel_state state)
{
	unsigned i;

	for (i = 1; i < a->n_channels; i++)
		if (a->channels[i].state == state)
			return i;
	return 0;
}

static bool
open_channel(struct amqp *a)
{
	amqp_channel_open_t open = { .out_of_band = amqp_empty_bytes };
	amqp_confirm_select_t select = { .nowait = 0 };
	unsigned i = find_channel(a, CHANNEL_CLOSED);

	if (i == 0 &&
	    (!grow_channels(a) || (i = find_channel(a, CHANNEL_CLOSED)) == 0))
		return false;
	a->channels[i] = (struct channel){ .state = CHANNEL_OPENING };
	a->n_opening++;
	(void)put_method(a, i, AMQP_CHANNEL_OPEN_METHOD, &open);
	(void)put_method(a, i, AMQP_CONFIRM_SELECT_METHOD, &select);
	return true;
}

static bool
amqp_send(struct conn *c, struct call *call)
{
	struct amqp *a = amqp_of(c);
	const struct strings *args = &call->x->run->spec->args;
	amqp_basic_publish_t publish = {
		.exchange = bytes_of(strings_get(args, 1)),
		.routing_key = bytes_of(strings_get(args, 2)),
		.mandatory = 1,
	};
	unsigned i = find_channel(a, CHANNEL_FREE), wanted = 0;
	struct channel *channel;

	if (a->n_stopped > 0)
		return false;
	if (i == 0) {
		for (; call != NULL; call = call->next)
			wanted++;
		while (a->n_opening < wanted && open_channel(a))
			;
		return false;
	}
	channel = &a->channels[i];
	channel->state = CHANNEL_BUSY;
	channel->call = call;
	channel->tag++;
	channel->returned = 0;
	(void)put_method(a, i, AMQP_BASIC_PUBLISH_METHOD, &publish);
	put_message(a, i, call->x->run);
	return true;
}

/* The end of what the channel is busy with; reason NULL: success. */
static void
end_call(struct channel *channel, const char *reason)
{
	struct call *call = channel->call;

	channel->call = NULL;
	if (call == NULL)
		return;
	if (reason != NULL)
		call_explain(call, reason, strlen(reason));
	call_end(call, reason == NULL);
}

/* Reading methods. Each handler returns NULL, or why it is over. */

static const char *
take_answer(struct channel *channel, uint64_t tag, bool multiple, bool ack)
{
	char reason[64];

	/* 0 with multiple: all so far. */
	if (channel->state != CHANNEL_BUSY ||
	    (tag != channel->tag && !(multiple && tag == 0)))
		return "a confirm for nothing";
	channel->state = CHANNEL_FREE;
	if (!ack)
		end_call(channel, "the broker refuses the message");
	else if (channel->returned == 0)
		end_call(channel, NULL);
	else {
		(void)snprintf(reason, sizeof(reason),
		    "no queue takes the message (%u)", channel->returned);
		end_call(channel, reason);
	}
	return NULL;
}

/* "404 NOT_FOUND - ..." in a->why. */
static const char *
put_why(struct amqp *a, unsigned code, amqp_bytes_t text)
{
	(void)snprintf(a->why, sizeof(a->why), "%u %.*s", code, (int)text.len,
	    (const char *)text.bytes);
	return a->why;
}

static void
set_stopped(struct amqp *a, struct channel *channel, bool stopped)
{
	if (channel->stopped == stopped)
		return;
	channel->stopped = stopped;
	if (stopped)
		a->n_stopped++;
	else
		a->n_stopped--;
}

static const char *
take_flow(struct amqp *a, unsigned i, const amqp_channel_flow_t *flow)
{
	amqp_channel_flow_ok_t ok = { .active = flow->active };

	set_stopped(a, &a->channels[i], !flow->active);
	(void)put_method(a, i, AMQP_CHANNEL_FLOW_OK_METHOD, &ok);
	return NULL;
}

static const char *
take_channel_close(struct amqp *a, unsigned i,
    const amqp_channel_close_t *close)
{
	struct channel *channel = &a->channels[i];
	amqp_channel_close_ok_t ok = { 0 };

	if (channel->state == CHANNEL_OPENING) {
		a->n_opening--;
		return put_why(a, close->reply_code, close->reply_text);
	}
	(void)put_method(a, i, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
	channel->state = CHANNEL_CLOSED;
	set_stopped(a, channel, false);
	end_call(channel, put_why(a, close->reply_code, close->reply_text));
	return NULL;
}

static const char *
take_channel_method(struct amqp *a, unsigned i, amqp_method_number_t id,
    const void *method)
{
	const amqp_basic_nack_t *nack = method;
	const amqp_basic_ack_t *ack = method;
	const amqp_basic_return_t *returned = method;
	struct channel *channel;

	if (i >= a->n_channels || a->channels[i].state == CHANNEL_CLOSED)
		return "a method for a channel that is closed";
	channel = &a->channels[i];
	switch (id) {
	case AMQP_CHANNEL_OPEN_OK_METHOD:
		return NULL; /* the answer to confirm.select follows */
	case AMQP_CONFIRM_SELECT_OK_METHOD:
		if (channel->state != CHANNEL_OPENING)
			break;
		channel->state = CHANNEL_FREE;
		a->n_opening--;
		return NULL;
	case AMQP_BASIC_RETURN_METHOD:
		channel->returned = returned->reply_code;
		return NULL;
	case AMQP_BASIC_ACK_METHOD:
		return take_answer(channel, ack->delivery_tag, ack->multiple,
		    true);
	case AMQP_BASIC_NACK_METHOD:
		return take_answer(channel, nack->delivery_tag, nack->multiple,
		    false);
	case AMQP_CHANNEL_FLOW_METHOD:
		return take_flow(a, i, method);
	case AMQP_CHANNEL_CLOSE_METHOD:
		return take_channel_close(a, i, method);
	default:
		break;
	}
	return "a method that is not expected";
}

/* With these the broker says why it closes, and sends nacks. */
static void
log_in(struct amqp *a, const char **why)
{
	static const char *const name[] = { "publisher_confirms", "basic.nack",
		"authentication_failure_close" };
	const char *user = a->conn.login.user, *pw = a->conn.login.password;
	amqp_table_entry_t can[3], all;
	amqp_connection_start_ok_t ok = {
		.client_properties = { .num_entries = 1, .entries = &all },
		.mechanism = amqp_cstring_bytes("PLAIN"),
		.locale = amqp_cstring_bytes("en_US"),
	};
	struct buf plain = { 0 };
	int i;

	for (i = 0; i < 3; i++) {
		can[i].key = amqp_cstring_bytes(name[i]);
		can[i].value.kind = AMQP_FIELD_KIND_BOOLEAN;
		can[i].value.value.boolean = 1;
	}
	all.key = amqp_cstring_bytes("capabilities");
	all.value.kind = AMQP_FIELD_KIND_TABLE;
	all.value.value.table =
	    (amqp_table_t){ .num_entries = 3, .entries = can };
	buf_add_byte(&plain, '\0');
	buf_add_str(&plain, user == NULL ? "guest" : user);
	buf_add_byte(&plain, '\0');
	buf_add_str(&plain, pw != NULL ? pw : user == NULL ? "guest" : "");
	ok.response = bytes_of(buf_slice(&plain));
	if (plain.failed ||
	    !put_method(a, 0, AMQP_CONNECTION_START_OK_METHOD, &ok))
		*why = "user or password is too long";
	if (plain.ptr != NULL)
		explicit_bzero(plain.ptr, plain.cap);
	buf_free(&plain);
}

static void
start_heart(struct amqp *a, unsigned seconds)
{
	ev_timer_stop(a->conn.stream.loop, &a->beat);
	if (seconds == 0)
		return;
	a->beat.repeat = seconds / 2.;
	ev_timer_again(a->conn.stream.loop, &a->beat);
}

/* 0 is no limit. */
static unsigned
lower(unsigned theirs, unsigned ours)
{
	return theirs == 0 || theirs > ours ? ours : theirs;
}

static const char *
tune(struct amqp *a, const amqp_connection_tune_t *theirs)
{
	amqp_connection_tune_ok_t ok = {
		.channel_max =
		    (uint16_t)lower(theirs->channel_max, CHANNELS_MAX),
		.frame_max = lower(theirs->frame_max, FRAME_MAX),
		.heartbeat = (uint16_t)(theirs->heartbeat == 0
			? 0
			: lower(theirs->heartbeat, HEARTBEAT_S)),
	};
	amqp_connection_open_t open = {
		.virtual_host = amqp_cstring_bytes(a->vhost),
		.capabilities = amqp_empty_bytes,
	};

	if (ok.frame_max < FRAME_MIN)
		return "the broker's frames are too small";
	a->frame_max = ok.frame_max;
	a->channels_max = ok.channel_max;
	start_heart(a, ok.heartbeat);
	(void)put_method(a, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &ok);
	(void)put_method(a, 0, AMQP_CONNECTION_OPEN_METHOD, &open);
	return NULL;
}

/* Before it is ready not in the broker's words: they may quote what it was
 * given to log in. */
static const char *
take_close(struct amqp *a, const amqp_connection_close_t *close)
{
	if (a->conn.ready)
		return put_why(a, close->reply_code, close->reply_text);
	if (close->reply_code == AMQP_ACCESS_REFUSED)
		return "the broker refuses user or password";
	if (close->reply_code == AMQP_NOT_ALLOWED)
		return "the broker refuses the virtual host";
	return put_why(a, close->reply_code,
	    amqp_cstring_bytes("the broker refuses the connection"));
}

static const char *
take_method(struct amqp *a, amqp_method_number_t id, const void *method)
{
	const char *why = NULL;

	switch (id) {
	case AMQP_CONNECTION_START_METHOD:
		if (a->channels_max != 0)
			break;
		log_in(a, &why);
		return why;
	case AMQP_CONNECTION_TUNE_METHOD:
		if (a->channels_max != 0)
			break;
		return tune(a, method);
	case AMQP_CONNECTION_OPEN_OK_METHOD:
		if (a->channels_max == 0)
			break;
		conn_ready(&a->conn);
		if (a->conn.probe && a->conn.first != NULL)
			call_end(a->conn.first, true);
		return NULL;
	case AMQP_CONNECTION_CLOSE_METHOD:
		return take_close(a, method);
	default:
		break;
	}
	return "a method that is not expected";
}

/* Reading frames */

static uint32_t
get_number(const char *bytes, unsigned n)
{
	uint32_t value = 0;

	while (n-- > 0)
		value = value << 8 | (unsigned char)*bytes++;
	return value;
}

/* Those that are not awaited are not decoded, nor is connection.start: their
 * tables may be nested as deep as a frame has room for. */
static bool
is_decoded(amqp_method_number_t id)
{
	switch (id) {
	case AMQP_CONNECTION_TUNE_METHOD:
	case AMQP_CONNECTION_CLOSE_METHOD:
	case AMQP_CHANNEL_CLOSE_METHOD:
	case AMQP_CHANNEL_FLOW_METHOD:
	case AMQP_BASIC_RETURN_METHOD:
	case AMQP_BASIC_ACK_METHOD:
	case AMQP_BASIC_NACK_METHOD:
		return true;
	default:
		return false;
	}
}

static const char *
decode_method(struct amqp *a, unsigned channel, struct slice payload)
{
	amqp_method_number_t id;
	void *method = NULL;
	const char *why;

	if (payload.len < 4)
		return "a malformed frame";
	id = get_number(payload.ptr, 4);
	if (is_decoded(id) &&
	    amqp_decode_method(id, &a->pool,
		bytes_of(slice_of(payload.ptr + 4, payload.len - 4)),
		&method) < 0)
		return "a malformed method";
	why = channel == 0 ? take_method(a, id, method)
			   : take_channel_method(a, channel, id, method);
	recycle_amqp_pool(&a->pool);
	return why;
}

static const char *
take_frame(struct amqp *a, unsigned type, unsigned channel,
    struct slice payload)
{
	switch (type) {
	case AMQP_FRAME_METHOD:
		return decode_method(a, channel, payload);
	case AMQP_FRAME_HEADER: /* of a message that was returned */
	case AMQP_FRAME_BODY:
	case AMQP_FRAME_HEARTBEAT:
		return NULL;
	default:
		return "what comes is no AMQP 0-9-1";
	}
}

/* The first frame of `in` from *at on. *at does not move: it is not whole. */
static const char *
read_frame(struct amqp *a, size_t *at)
{
	const char *frame = a->in.ptr + *at;
	size_t size, left = a->in.len - *at;

	if (left > 0 &&
	    (*frame < AMQP_FRAME_METHOD || *frame > AMQP_FRAME_HEARTBEAT))
		return "what comes is no AMQP 0-9-1";
	if (left < FRAME_HEADER)
		return NULL;
	size = get_number(frame + 3, 4);
	if (size > a->frame_max - FRAME_EXTRA)
		return "a frame is too large";
	if (left < size + FRAME_EXTRA)
		return NULL;
	if ((unsigned char)frame[FRAME_HEADER + size] != AMQP_FRAME_END)
		return "a malformed frame";
	*at += size + FRAME_EXTRA;
	return take_frame(a, get_number(frame, 1), get_number(frame + 1, 2),
	    slice_of(frame + FRAME_HEADER, size));
}

static const char *
amqp_input(struct conn *c, const char *bytes, size_t n)
{
	struct amqp *a = amqp_of(c);
	const char *why = NULL;
	size_t at = 0, before;

	a->silent_beats = 0;
	buf_add(&a->in, bytes, n);
	if (a->in.failed)
		return "out of memory";
	do {
		before = at;
		why = read_frame(a, &at);
	} while (why == NULL && at != before);
	buf_drop(&a->in, at);
	return why;
}

/* A connection */

static void
on_beat(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct amqp *a = w->data;

	(void)loop;
	(void)revents;
	if (++a->silent_beats > 4)
		conn_fail(&a->conn, "the broker's heart has stopped");
	else
		put_frame(a, AMQP_FRAME_HEARTBEAT, 0, NULL, 0);
}

static const char *
amqp_init(struct conn *c)
{
	struct amqp *a = amqp_of(c);
	struct slice path = c->url.rest;
	const char *why;

	init_amqp_pool(&a->pool, FRAME_MIN);
	ev_init(&a->beat, on_beat);
	a->beat.data = a;
	a->frame_max = FRAME_MAX;
	if (path.len > 1 && path.ptr[0] == '/')
		path = slice_of(path.ptr + 1, path.len - 1);
	else if (path.len == 0)
		path = slice_str("/");
	else if (path.ptr[0] != '/')
		return "what follows the host must be /<vhost>";
	if (memchr(path.ptr, '?', path.len) != NULL ||
	    memchr(path.ptr, '#', path.len) != NULL)
		return "what follows the host must be /<vhost>";
	if ((a->vhost = percent_decode(path, &why)) == NULL)
		return why;
	return strlen(a->vhost) > SHORT_MAX ? "the virtual host is too long"
					    : NULL;
}

static void
amqp_fini(struct conn *c)
{
	struct amqp *a = amqp_of(c);

	ev_timer_stop(c->stream.loop, &a->beat);
	empty_amqp_pool(&a->pool);
	buf_free(&a->in);
	free(a->channels);
	free(a->vhost);
}

static const char *
amqp_opened(struct conn *c)
{
	buf_add(&c->stream.out, "AMQP\0\0\x09\x01", 8);
	stream_flush(&c->stream);
	return NULL;
}

static void
amqp_leave(struct conn *c)
{
	amqp_connection_close_t close = {
		.reply_code = AMQP_REPLY_SUCCESS,
		.reply_text = amqp_cstring_bytes("bye"),
	};

	(void)put_method(amqp_of(c), 0, AMQP_CONNECTION_CLOSE_METHOD, &close);
}

static const struct pool_ops amqp_ops = {
	.name = "amqp",
	.port = 5672,
	.tls_port = 5671,
	.tls_scheme = "amqps",
	.conn_size = sizeof(struct amqp),
	.init = amqp_init,
	.fini = amqp_fini,
	.opened = amqp_opened,
	.input = amqp_input,
	.send = amqp_send,
	.leave = amqp_leave,
};

static int
amqp_start(struct execution *x)
{
	const struct strings *args = &x->run->spec->args;

	if (!rule_spec_is_probe(x->run->spec) &&
	    (strings_get(args, 1).len > SHORT_MAX ||
		strings_get(args, 2).len > SHORT_MAX))
		return run_explain(x->run,
		    "amqp: exchange and routing key have at most %u bytes",
		    SHORT_MAX);
	return pool_start(&x->executor->amqp, &amqp_ops, x, 0);
}

static void
amqp_stop(struct execution *x, bool force)
{
	(void)force;
	pool_stop(x);
}

static void
amqp_close(struct executor *ex)
{
	pool_free(ex->amqp);
	ex->amqp = NULL;
}

const struct runner_ops runner_amqp = {
	.start = amqp_start,
	.stop = amqp_stop,
	.close = amqp_close,
};
