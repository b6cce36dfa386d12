#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "execution.h"
#include "json.h"
#include "login.h"
#include "runner.h"

/*
 * http <GET|POST|PUT|DELETE> <url>: one request on libcurl's multi interface,
 * driven by the processor's loop; and the probe http <GET|HEAD> <url>.
 * Decisions:
 *
 *  - Its status code decides: 2xx is success, unless `success` lists codes.
 *    A redirect is not followed, whatever it leads to: its code counts. To a
 *    probe it says that somebody is there: success.
 *  - The body goes to the standard output of the run. After BODY_MAX bytes it
 *    is cut, a note on standard error says so, and the code decides still.
 *  - Certificates and host names are checked. SSL_CERT_FILE and SSL_CERT_DIR
 *    name other authorities, as they do for all that uses OpenSSL. No other
 *    variable has a say: no proxy, no .netrc.
 *  - Names are resolved on a thread of libcurl's own. One that still waits
 *    for an answer when its run is stopped is left to itself.
 *  - A kept connection that turns out to be closed is opened again, once for
 *    each run: delivery is at least once.
 *
 * Everything is made by the first run: a server without webhooks has none.
 */
#define BODY_MAX ((uint64_t)16 << 20)
#define LIMITS_MAX 10 /* of the network limit, for all of a transfer */
#define IDLE_MAX 256L /* kept connections, to all hosts together */

struct http {
	struct executor *executor;
	CURLM *multi;
	ev_timer timer;
	struct curl_slist *headers;
	struct transfer *spare; /* at most as many as ever ran at once */
};

/* One run, and afterwards the memory of the next. */
struct transfer {
	struct transfer *next;
	struct http *http;
	struct execution *x;
	CURL *easy;
	struct buf sent; /* lives as long as curl reads from it */
	struct buf url;
	uint64_t received;
	bool cut;
	char error[CURL_ERROR_SIZE];
};

/* The end of a run. */

static void
transfer_free(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	buf_free(&t->sent);
	buf_free(&t->url);
	free(t);
}

static void
transfer_put_back(struct transfer *t)
{
	t->next = t->http->spare;
	t->http->spare = t;
}

static bool
is_success(const struct rule_spec *spec, int code)
{
	const struct strings *codes = &spec->text[OPTION_success];

	if (rule_spec_is_probe(spec))
		return code >= 200 && code <= 399;
	if (codes->n == 0)
		return code >= 200 && code <= 299;
	return rule_codes_match(strings_get(codes, 0), (unsigned)code);
}

static void
note_cut(const struct transfer *t)
{
	static const char note[] = "the body was cut after 16 MiB\n";

	output_add(&t->x->run->output[OUTPUT_STDERR], note, sizeof(note) - 1,
	    t->http->executor->max_output);
}

static void
explain(struct transfer *t, CURLcode rc)
{
	const char *what =
	    t->error[0] != '\0' ? t->error : curl_easy_strerror(rc);
	long error = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
	if (rc == CURLE_COULDNT_CONNECT)
		run_could_not_begin(t->x->run, (int)error);
	if (rc == CURLE_COULDNT_CONNECT && error != 0)
		(void)run_explain(t->x->run, "%.128s: %s", what,
		    strerrordesc_np((int)error));
	else
		(void)run_explain(t->x->run, "%s", what);
}

/* Fill exit and reason. True: success. */
static bool
judge(struct transfer *t, CURLcode rc)
{
	struct run *run = t->x->run;
	long code = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
	if (code >= 200 && code <= 999)
		run->exit = (int)code;
	if (rc == CURLE_WRITE_ERROR && t->cut) {
		note_cut(t);
		rc = CURLE_OK;
	}
	if (rc != CURLE_OK) {
		explain(t, rc);
		return false;
	}
	run->answered = true;
	if (is_success(run->spec, (int)code))
		return true;
	(void)run_explain(run, "HTTP %ld%s", code,
	    code >= 300 && code <= 399 ? ", redirects are not followed" : "");
	return false;
}

static void
finish(struct transfer *t, CURLcode rc)
{
	struct execution *x = t->x;
	bool success = judge(t, rc);

	(void)curl_multi_remove_handle(t->http->multi, t->easy);
	transfer_put_back(t);
	execution_end(x, success);
}

/* The loop's side of the multi interface. */

static void
act(struct http *h, curl_socket_t fd, int events)
{
	struct transfer *t;
	CURLMsg *message;
	int n;

	(void)curl_multi_socket_action(h->multi, fd, events, &n);
	while ((message = curl_multi_info_read(h->multi, &n)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
		    (char **)&t);
		finish(t, message->data.result);
	}
}

static void
on_socket_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	act(w->data, w->fd,
	    (revents & EV_READ ? CURL_CSELECT_IN : 0) |
		(revents & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
on_time(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	act(w->data, CURL_SOCKET_TIMEOUT, 0);
}

static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
	struct http *h = arg;
	ev_io *w = socket;

	(void)easy;
	if (w != NULL)
		ev_io_stop(h->executor->loop, w);
	if (what == CURL_POLL_REMOVE) {
		free(w);
		return 0;
	}
	if (w == NULL) {
		if ((w = malloc(sizeof(*w))) == NULL)
			return -1;
		(void)curl_multi_assign(h->multi, fd, w);
	}
	ev_io_init(w, on_socket_ready, fd,
	    (what & CURL_POLL_IN ? EV_READ : 0) |
		(what & CURL_POLL_OUT ? EV_WRITE : 0));
	w->data = h;
	ev_io_start(h->executor->loop, w);
	return 0;
}

static int
watch_time(CURLM *multi, long after_ms, void *arg)
{
	struct http *h = arg;

	(void)multi;
	ev_timer_stop(h->executor->loop, &h->timer);
	if (after_ms < 0)
		return 0;
	ev_timer_set(&h->timer, (double)after_ms / 1e3, 0.);
	ev_timer_start(h->executor->loop, &h->timer);
	return 0;
}

static void
http_free(struct http *h)
{
	struct transfer *t;

	while ((t = h->spare) != NULL) {
		h->spare = t->next;
		transfer_free(t);
	}
	(void)curl_multi_cleanup(h->multi);
	ev_timer_stop(h->executor->loop, &h->timer);
	curl_slist_free_all(h->headers);
	free(h);
	curl_global_cleanup();
}

static int
add_headers(struct http *h)
{
	static const char *const header[] = { "Content-Type: application/json",
		"Expect:" };
	struct curl_slist *list;
	size_t i;

	for (i = 0; i < sizeof(header) / sizeof(header[0]); i++) {
		list = curl_slist_append(h->headers, header[i]);
		if (list == NULL)
			return -1;
		h->headers = list;
	}
	return 0;
}

static struct http *
http_new(struct executor *ex)
{
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	if ((h = calloc(1, sizeof(*h))) == NULL) {
		curl_global_cleanup();
		return NULL;
	}
	h->executor = ex;
	ev_init(&h->timer, on_time);
	h->timer.data = h;
	h->multi = curl_multi_init();
	if (h->multi == NULL || add_headers(h) == -1) {
		http_free(h);
		return NULL;
	}
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION,
	    watch_socket);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, watch_time);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, IDLE_MAX);
	return h;
}

static void
http_close(struct executor *ex)
{
	if (ex->http != NULL)
		http_free(ex->http);
	ex->http = NULL;
}

/* The beginning of a run. */

static size_t
on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)size; /* is 1 */
	output_add(&t->x->run->output[OUTPUT_STDOUT], bytes, n,
	    t->http->executor->max_output);
	t->received += n;
	t->cut = t->received > BODY_MAX;
	return t->cut ? 0 : n;
}

static struct transfer *
transfer_take(struct http *h)
{
	struct transfer *t = h->spare;

	if (t != NULL) {
		h->spare = t->next;
		curl_easy_reset(t->easy);
		buf_clear(&t->sent);
		buf_clear(&t->url);
		t->received = 0;
		t->cut = false;
		t->error[0] = '\0';
		return t;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->http = h;
	if ((t->easy = curl_easy_init()) == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

static void
put_body(struct buf *out, const struct run *run)
{
	buf_add_str(out, "{\"job_id\":");
	json_put_string(out, slice_str(run->job));
	buf_add_str(out, ",\"execution\":");
	buf_add_i64(out, run->due_ns);
	buf_add_str(out, ",\"attempt\":");
	buf_add_u64(out, run->attempt);
	buf_add_str(out, ",\"payload\":");
	if (run->payload == NULL)
		buf_add_str(out, "null");
	else
		json_put_string(out, slice_of(run->payload, run->payload_len));
	buf_add_byte(out, '}');
}

/* User and password go past curl's own reading of URLs, so that no message of
 * curl's can hold them. */
static int
set_url(struct transfer *t, struct run *run)
{
	struct slice text = strings_get(&run->spec->args, 1);
	const char *at, *why;
	struct login login;
	struct url url;
	struct err e;

	if (url_split(text, &url, &e) == -1)
		return run_explain(run, "%s", e.msg);
	at = url.host.ptr[-1] == '[' ? url.host.ptr - 1 : url.host.ptr;
	buf_add_slice(&t->url, url.scheme);
	buf_add_str(&t->url, "://");
	buf_add(&t->url, at, (size_t)(text.ptr + text.len - at));
	buf_add_byte(&t->url, '\0');
	if (t->url.failed)
		return run_explain(run, "out of memory");
	if (login_parse(&login, url.user_info, &why) == -1)
		return run_explain(run, "%s", why);
	(void)curl_easy_setopt(t->easy, CURLOPT_URL, t->url.ptr);
	(void)curl_easy_setopt(t->easy, CURLOPT_USERNAME, login.user);
	(void)curl_easy_setopt(t->easy, CURLOPT_PASSWORD, login.password);
	login_free(&login);
	return 0;
}

static int
set_method(struct transfer *t, struct run *run)
{
	struct slice method = strings_get(&run->spec->args, 0);
	CURL *easy = t->easy;

	if (slice_eq(method, slice_str("HEAD"))) {
		(void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return 0;
	}
	(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.ptr);
	if (!slice_eq(method, slice_str("POST")) &&
	    !slice_eq(method, slice_str("PUT")))
		return 0;
	put_body(&t->sent, run);
	if (t->sent.failed)
		return run_explain(run, "out of memory");
	(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)t->sent.len);
	(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->sent.ptr);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->http->headers);
	return 0;
}

/* A rule with a timeout has that as its only limit. */
static void
set_limits(CURL *easy, const struct run *run, int64_t limit_ns)
{
	int64_t limit_ms = limit_ns / 1000000;

	if (run->spec->number[OPTION_timeout] > 0) {
		/* 0 would be curl's own five minutes. */
		(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
		    (long)INT_MAX);
		return;
	}
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)limit_ms);
	(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
	    (long)((limit_ms + 999) / 1000));
	/* A byte now and then is progress; for a day it is none. */
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
	    (long)(limit_ms * LIMITS_MAX));
}

static void
set_tls(CURL *easy)
{
	const char *file = getenv("SSL_CERT_FILE");
	const char *directory = getenv("SSL_CERT_DIR");

	/* Verification is curl's default. */
	if (file != NULL)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, file);
	if (directory != NULL)
		(void)curl_easy_setopt(easy, CURLOPT_CAPATH, directory);
}

static void
set_rest(struct transfer *t)
{
	CURL *easy = t->easy;

	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "tickd/" TICKD_VERSION);
	/* Do not wait for a thread that still resolves a name. */
	(void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}

static int
http_start(struct execution *x)
{
	struct executor *ex = x->executor;
	struct transfer *t;

	if (ex->http == NULL && (ex->http = http_new(ex)) == NULL)
		return run_explain(x->run, "out of memory");
	if ((t = transfer_take(ex->http)) == NULL)
		return run_explain(x->run, "out of memory");
	t->x = x;
	if (set_url(t, x->run) == -1 || set_method(t, x->run) == -1) {
		transfer_put_back(t);
		return -1;
	}
	set_limits(t->easy, x->run, ex->network_limit_ns);
	set_tls(t->easy);
	set_rest(t);
	if (curl_multi_add_handle(ex->http->multi, t->easy) != CURLM_OK) {
		transfer_put_back(t);
		return run_explain(x->run, "out of memory");
	}
	x->own = t;
	return 0;
}

static void
http_stop(struct execution *x, bool force)
{
	struct transfer *t = x->own;

	(void)force;
	(void)curl_multi_remove_handle(t->http->multi, t->easy);
	transfer_put_back(t);
	execution_end(x, false);
}

const struct runner_ops runner_http = {
	.start = http_start,
	.stop = http_stop,
	.close = http_close,
};
