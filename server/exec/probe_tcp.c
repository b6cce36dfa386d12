#include <stdlib.h>

#include "execution.h"
#include "runner.h"
#include "stream.h"
#include "url.h"

/* tcp <host:port>: a connection can be made. It is closed at once. */
struct attempt {
	struct execution *x;
	char *host;
	struct stream stream;
};

static void
attempt_free(struct attempt *a)
{
	stream_close(&a->stream);
	free(a->host);
	free(a);
}

static void
finish(struct attempt *a, bool success)
{
	struct execution *x = a->x;

	attempt_free(a);
	execution_end(x, success);
}

static void
on_opened(void *arg)
{
	struct attempt *a = arg;

	a->x->run->answered = true;
	finish(a, true);
}

static bool
on_input(void *arg, const char *bytes, size_t n)
{
	(void)arg;
	(void)bytes;
	(void)n;
	return true; /* does not happen: it is closed before */
}

static void
on_broken(void *arg, const char *why)
{
	struct attempt *a = arg;

	(void)run_explain(a->x->run, "%s", why);
	finish(a, false);
}

static struct attempt *
attempt_new(struct execution *x)
{
	struct slice address = strings_get(&x->run->spec->args, 0);
	struct attempt *a = calloc(1, sizeof(*a));
	struct url url;
	struct err e;

	if (a == NULL)
		return NULL;
	if (url_split_address(address, &url, &e) == -1 ||
	    (a->host = slice_dup(url.host)) == NULL) {
		free(a);
		return NULL;
	}
	a->x = x;
	a->stream.loop = x->executor->loop;
	a->stream.host = a->host;
	a->stream.port = url.port;
	a->stream.arg = a;
	a->stream.opened = on_opened;
	a->stream.input = on_input;
	a->stream.broken = on_broken;
	return a;
}

static int
tcp_start(struct execution *x)
{
	struct attempt *a = attempt_new(x);
	char why[STREAM_WHY_MAX];

	if (a == NULL)
		return run_explain(x->run, "out of memory");
	if (stream_open(&a->stream, why) == -1) {
		attempt_free(a);
		return run_explain(x->run, "%s", why);
	}
	x->own = a;
	return 0;
}

static void
tcp_stop(struct execution *x, bool force)
{
	(void)force;
	finish(x->own, false);
}

const struct runner_ops probe_tcp = {
	.start = tcp_start,
	.stop = tcp_stop,
};
