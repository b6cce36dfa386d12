#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "pool.h"
#include "runner.h"
#include "token.h"

/*
 * redis <url> <PUBLISH|RPUSH|LPUSH|SET> <key>: the value is the payload, or
 * the job identifier when there is none. The URL is
 *
 *     redis[s]://[[user]:password@]host[:port][/database]
 *
 * and as in redis-cli a lone word before the @ is the password. Commands of
 * all runs with the same URL share a connection, one behind the other. The
 * reply goes to the standard output of the run; an error reply is a failure,
 * and one about the server's role ends the connection when all that was sent
 * over it is answered.
 *
 * A probe, redis <url>, is a PING over a connection of its own.
 *
 * Of hiredis the formatter and the reader are used, which know no socket: the
 * asynchronous API of Debian's version looks names up with a call that blocks,
 * and it has no TLS.
 */
#define REPLY_MAX 65536 /* bytes of a reply; what we send has short ones */

struct redis {
	struct conn conn;
	redisReader *reader;
	long long database;
	unsigned n_setup; /* replies to come before the first call's */
	size_t unparsed;  /* bytes of a reply that is not complete */
	struct {
		int type;
		struct buf text;
	} reply;
};

static struct redis *
redis_of(struct conn *c)
{
	return (struct redis *)(void *)c;
}

/* The reader makes no objects: it writes down the one reply it has. */

static void *
set_reply(const redisReadTask *task, const char *text, size_t n)
{
	struct redis *r = task->privdata;

	r->reply.type = task->type;
	buf_clear(&r->reply.text);
	buf_add(&r->reply.text, text, n);
	return r;
}

static void *
on_string(const redisReadTask *task, char *text, size_t n)
{
	return set_reply(task, text, n);
}

static void *
on_array(const redisReadTask *task, int n)
{
	(void)task;
	(void)n;
	return NULL; /* none of our commands is answered so */
}

static void *
on_integer(const redisReadTask *task, long long n)
{
	struct redis *r = set_reply(task, "", 0);

	buf_add_i64(&r->reply.text, n);
	return r;
}

static void *
on_nil(const redisReadTask *task)
{
	return set_reply(task, "(nil)", 5);
}

static void
free_nothing(void *reply)
{
	(void)reply;
}

static redisReplyObjectFunctions reply_functions = {
	.createString = on_string,
	.createArray = on_array,
	.createInteger = on_integer,
	.createNil = on_nil,
	.freeObject = free_nothing,
};

/* A connection */

static const char *
parse_database(struct slice path, long long *database)
{
	uint64_t n = 0;

	if (path.len > 1 &&
	    (path.ptr[0] != '/' ||
		token_u64(slice_of(path.ptr + 1, path.len - 1), INT32_MAX,
		    &n) == -1))
		return "what follows the host must be /<database>";
	*database = (long long)n;
	return NULL;
}

static const char *
redis_init(struct conn *c)
{
	struct redis *r = redis_of(c);

	r->reader = redisReaderCreateWithFunctions(&reply_functions);
	if (r->reader == NULL)
		return "out of memory";
	r->reader->privdata = r;
	return parse_database(c->url.rest, &r->database);
}

static void
redis_fini(struct conn *c)
{
	struct redis *r = redis_of(c);

	if (r->reader != NULL)
		redisReaderFree(r->reader);
	buf_free(&r->reply.text);
}

static void
put_command(struct conn *c, int n, const char **word, const size_t *len)
{
	struct buf *out = &c->stream.out;
	char *text;
	int size = redisFormatCommandArgv(&text, n, word, len);

	if (size == -1) {
		out->failed = true;
		return;
	}
	buf_add(out, text, (size_t)size);
	explicit_bzero(text, (size_t)size); /* may hold a password */
	redisFreeCommand(text);
}

static const char *
redis_opened(struct conn *c)
{
	const struct login *l = &c->login;
	struct redis *r = redis_of(c);
	const char *word[3];
	char number[24];
	int n = 0;

	if (l->user != NULL) {
		word[n++] = "AUTH";
		if (l->password != NULL && l->user[0] != '\0')
			word[n++] = l->user;
		word[n++] = l->password != NULL ? l->password : l->user;
		put_command(c, n, word, NULL);
		r->n_setup++;
	}
	if (r->database != 0) {
		(void)snprintf(number, sizeof(number), "%lld", r->database);
		word[0] = "SELECT";
		word[1] = number;
		put_command(c, 2, word, NULL);
		r->n_setup++;
	}
	if (r->n_setup == 0)
		conn_ready(c);
	stream_flush(&c->stream);
	return NULL;
}

/* Not the server's text: some quote the command, and with it the password. */
static const char *
take_setup_reply(struct redis *r)
{
	bool login =
	    r->conn.login.user != NULL && (r->database == 0 || r->n_setup == 2);

	if (r->reply.type != REDIS_REPLY_STATUS)
		return login ? "the server refuses user or password"
			     : "the server refuses the database";
	if (--r->n_setup == 0)
		conn_ready(&r->conn);
	return NULL;
}

/* What a server says that is not, or not yet, the one to write to. With a
 * failover behind its name the next connection leads to another. */
static bool
is_of_role(struct slice error)
{
	static const char *const codes[] = { "READONLY", "MASTERDOWN",
		"LOADING", "CLUSTERDOWN", "NOREPLICAS", "MISCONF" };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		size_t n = strlen(codes[i]);

		if (slice_has_prefix(error, slice_of(codes[i], n)) &&
		    (error.len == n || error.ptr[n] == ' '))
			return true;
	}
	return false;
}

static void
take_reply(struct redis *r, struct call *call)
{
	bool success = r->reply.type != REDIS_REPLY_ERROR;
	size_t max = r->conn.pool->executor->max_output;
	struct output *output;

	if (!success && is_of_role(buf_slice(&r->reply.text)))
		conn_retire(&r->conn);
	if (call->x != NULL) {
		output = &call->x->run
			      ->output[success ? OUTPUT_STDOUT : OUTPUT_STDERR];
		output_add(output, r->reply.text.ptr, r->reply.text.len, max);
		output_add(output, "\n", 1, max);
		if (!success)
			call_explain(call, r->reply.text.ptr,
			    r->reply.text.len);
	}
	call_end(call, success);
}

static const char *
redis_input(struct conn *c, const char *bytes, size_t n)
{
	struct redis *r = redis_of(c);
	const char *why = NULL;
	void *reply;

	r->unparsed += n;
	if (redisReaderFeed(r->reader, bytes, n) != REDIS_OK)
		return "out of memory";
	while (why == NULL) {
		if (redisReaderGetReply(r->reader, &reply) != REDIS_OK)
			return "what comes is no reply of a redis server";
		if (reply == NULL)
			break;
		r->unparsed = 0;
		if (r->reply.text.failed)
			why = "out of memory";
		else if (r->n_setup > 0)
			why = take_setup_reply(r);
		else if (c->first == NULL || !c->first->sent)
			why = "a reply to nothing";
		else
			take_reply(r, c->first);
	}
	return r->unparsed > REPLY_MAX ? "a reply is too long" : why;
}

static void
put_write(struct conn *c, struct slice verb, struct slice key,
    struct slice value)
{
	const char *word[] = { verb.ptr, key.ptr, value.ptr };
	const size_t len[] = { verb.len, key.len, value.len };

	put_command(c, 3, word, len);
}

static bool
redis_send(struct conn *c, struct call *call)
{
	const struct run *run = call->x->run;
	const struct strings *args = &run->spec->args;
	const char *ping = "PING";

	if (rule_spec_is_probe(run->spec))
		put_command(c, 1, &ping, NULL);
	else
		put_write(c, strings_get(args, 1), strings_get(args, 2),
		    run->payload != NULL
			? slice_of(run->payload, run->payload_len)
			: slice_str(run->job));
	return true;
}

static const struct pool_ops redis_ops = {
	.name = "redis",
	.port = 6379,
	.tls_port = 6379,
	.tls_scheme = "rediss",
	.conn_size = sizeof(struct redis),
	.init = redis_init,
	.fini = redis_fini,
	.opened = redis_opened,
	.input = redis_input,
	.send = redis_send,
};

static int
redis_start(struct execution *x)
{
	return pool_start(&x->executor->redis, &redis_ops, x, 0);
}

static void
redis_stop(struct execution *x, bool force)
{
	(void)force;
	pool_stop(x);
}

static void
redis_close(struct executor *ex)
{
	pool_free(ex->redis);
	ex->redis = NULL;
}

const struct runner_ops runner_redis = {
	.start = redis_start,
	.stop = redis_stop,
	.close = redis_close,
};
