#include "request.h"

#include <string.h>

#include "duration.h"
#include "rule_spec.h"
#include "tstamp.h"

/* Of a line, in a message. */
#define LINE_SHOWN_MAX 64

static const char *const status_words[JOB_STATUS_COUNT] = {
	[JOB_PLANNED] = "planned",
	[JOB_TRIGGERED] = "triggered",
	[JOB_EXECUTED] = "executed",
	[JOB_FAILED] = "failed",
};

const char *
job_status_word(enum job_status s)
{
	return status_words[s];
}

int
job_status_parse(struct slice s)
{
	int i;

	for (i = 0; i < JOB_STATUS_COUNT; i++) {
		if (slice_eq(s, slice_str(status_words[i])))
			return i;
	}
	return -1;
}

/* --- the id, the command and the number of arguments --- */

static int
check_id(struct slice id, struct err *e)
{
	if (token_is_request_id(id))
		return 0;
	if (id.len > REQUEST_ID_MAX)
		return err_set(e, ERR_TOO_LONG,
		    "the request id is longer than %d bytes", REQUEST_ID_MAX);
	return err_quote(e, ERR_SYNTAX, id, "invalid request id");
}

/*
 * No command was found. Where the first word is one, the id is what the line
 * lacks, and the message shows how the line would be right.
 */
static void
explain_id(const struct request *r, struct err *e)
{
	char line[LINE_SHOWN_MAX];
	struct err ignored;
	size_t taken, n = 0;

	if (command_find(r->words, r->n_words, &taken, &ignored) == NULL)
		return;
	line[n++] = '1';
	for (size_t i = 0; i < r->n_words; i++) {
		struct slice w = r->words[i];

		if (n + 1 + w.len > sizeof(line))
			break;
		line[n++] = ' ';
		memcpy(line + n, w.ptr, w.len);
		n += w.len;
	}
	(void)err_quote(e, e->code, slice_of(line, n),
	    "a line begins with a request id, as in");
}

/* Find id and command in the words of *r. What was found stays in *r. */
static int
identify(struct request *r, struct err *e)
{
	const struct command *command;
	size_t at = 0;
	size_t taken;

	if (r->n_words != 0 && token_is_word(r->words[0], "AUTH")) {
		r->id.len = 0;
	} else if (r->n_words != 0) {
		if (check_id(r->words[0], e) == -1)
			return -1;
		r->id = r->words[0];
		at = 1;
	}
	command = command_find(r->words + at, r->n_words - at, &taken, e);
	if (command == NULL) {
		if (at == 1)
			explain_id(r, e);
		return -1;
	}
	r->command = command;
	r->args = r->words + at + taken;
	r->n_args = r->n_words - at - taken;
	return 0;
}

int
request_begin(char *line, size_t n, struct tokens *t, struct request *r,
    struct err *e)
{
	struct err ignored;
	int split;

	*r = (struct request){ .id = { .ptr = "-", .len = 1 } };
	if (n > 0 && line[n - 1] == '\r')
		n--;
	split = token_split(line, n, t, e);
	if (split == 0 && t->n == 0)
		return 1;
	r->words = t->word;
	r->n_words = t->n;
	if (split == -1) {
		(void)identify(r, &ignored);
		return -1;
	}
	if (identify(r, e) == -1)
		return -1;
	if (r->n_args < r->command->min_args ||
	    (r->command->max_args != ARGS_ANY &&
		r->n_args > r->command->max_args))
		return err_set(e, ERR_SYNTAX, "wrong number of arguments: %s",
		    r->command->usage);
	return 0;
}

/* --- options: keywords in any order, each at most once --- */

enum {
	SET_NX,
	SET_XX,
	SET_MATCHED,
	SET_EVERY,
	SET_CRON,
	SET_TZ,
	SET_UNTIL,
	SET_JITTER,
	SET_PAYLOAD,
	SET_KEYWORDS
};

static const char *const set_keywords[SET_KEYWORDS] = { "NX", "XX", "MATCHED",
	"EVERY", "CRON", "TZ", "UNTIL", "JITTER", "PAYLOAD" };

enum { QUERY_STATUS, QUERY_AFTER, QUERY_LIMIT, QUERY_KEYWORDS };

static const char *const query_keywords[QUERY_KEYWORDS] = { "STATUS", "AFTER",
	"LIMIT" };

enum { HEALTH_HISTORY_DAYS, HEALTH_HISTORY_STEP, HEALTH_HISTORY_KEYWORDS };

static const char *const health_history_keywords[HEALTH_HISTORY_KEYWORDS] = {
	"DAYS", "STEP"
};

/* Take one option: its place in `keywords`, or -1. *seen has a bit for each
 * that was taken before. */
static int
take_keyword(struct slice word, const char *const *keywords, int n,
    unsigned *seen, struct err *e)
{
	int i = 0;

	while (i < n && !token_is_word(word, keywords[i]))
		i++;
	if (i == n)
		return err_quote(e, ERR_INVALID, word, "unknown option");
	if ((*seen & 1u << i) != 0)
		return err_set(e, ERR_INVALID, "%s is given twice",
		    keywords[i]);
	*seen |= 1u << i;
	return i;
}

static int
no_value(const char *keyword, struct err *e)
{
	return err_set(e, ERR_SYNTAX, "%s needs a value", keyword);
}

/* The value of one SET option from words[0..n). Returns how many words it
 * took, or -1. */
static int
read_set_option(struct request_set *s, int keyword, const struct slice *words,
    size_t n, int64_t now_ns, struct err *e)
{
	if (keyword == SET_NX || keyword == SET_XX || keyword == SET_MATCHED) {
		s->nx |= keyword == SET_NX;
		s->xx |= keyword == SET_XX;
		s->matched |= keyword == SET_MATCHED;
		return 0;
	}
	if (n == 0)
		return no_value(set_keywords[keyword], e);
	switch (keyword) {
	case SET_EVERY:
		if (duration_parse(words[0], &s->every_ns, e) == -1)
			return -1;
		return 1;
	case SET_JITTER:
		if (duration_parse(words[0], &s->jitter_ns, e) == -1)
			return -1;
		return 1;
	case SET_UNTIL:
		return tstamp_parse(words, n, now_ns, &s->until_ns, e);
	case SET_CRON:
		s->cron = words[0];
		return 1;
	case SET_TZ:
		s->zone = words[0];
		return 1;
	default:
		s->payload = words[0];
		return 1;
	}
}

/* What holds between the options of SET. */
static int
check_set(const struct request_set *s, unsigned seen, struct err *e)
{
	bool every = (seen & 1u << SET_EVERY) != 0;
	bool cron = (seen & 1u << SET_CRON) != 0;
	bool until = (seen & 1u << SET_UNTIL) != 0;
	bool jitter = (seen & 1u << SET_JITTER) != 0;

	if (s->nx && s->xx)
		return err_set(e, ERR_INVALID, "NX and XX exclude each other");
	if (every && cron)
		return err_set(e, ERR_INVALID,
		    "EVERY and CRON exclude each other");
	if (every && s->every_ns == 0)
		return err_set(e, ERR_INVALID, "EVERY must be above 0");
	if (s->zone.ptr != NULL && !cron)
		return err_set(e, ERR_INVALID, "TZ needs CRON");
	if (s->due_is_cron && !cron)
		return err_set(e, ERR_INVALID, "cron as the time needs CRON");
	if ((until || jitter) && !every && !cron)
		return err_set(e, ERR_INVALID, "%s needs EVERY or CRON",
		    until ? "UNTIL" : "JITTER");
	if (until && s->until_ns == 0)
		return err_set(e, ERR_INVALID, "UNTIL must be above 0");
	if (s->payload.len > PAYLOAD_MAX)
		return err_set(e, ERR_TOO_LONG,
		    "the payload is longer than %d bytes", PAYLOAD_MAX);
	return 0;
}

static int
read_set(struct request *r, int64_t now_ns, struct err *e)
{
	struct request_set *s = &r->u.set;
	unsigned seen = 0;
	int keyword;
	int took = 1; /* words of what was read last */
	size_t i;

	s->job = r->args[0];
	if (!token_is_identifier(s->job, "job", e))
		return -1;
	s->due_is_cron = slice_eq(r->args[1], slice_str("cron"));
	if (!s->due_is_cron)
		took = tstamp_parse(r->args + 1, r->n_args - 1, now_ns,
		    &s->due_ns, e);
	if (took == -1)
		return -1;
	for (i = 1 + (size_t)took; i < r->n_args; i += 1 + (size_t)took) {
		keyword = take_keyword(r->args[i], set_keywords, SET_KEYWORDS,
		    &seen, e);
		if (keyword == -1)
			return -1;
		took = read_set_option(s, keyword, r->args + i + 1,
		    r->n_args - i - 1, now_ns, e);
		if (took == -1)
			return -1;
	}
	return check_set(s, seen, e);
}

static int
read_limit(struct slice value, uint64_t *limit, struct err *e)
{
	if (token_u64(value, UINT64_MAX, limit) == -1)
		return err_quote(e, ERR_INVALID, value, "invalid limit");
	return 0;
}

static int
read_query_option(struct request_query *q, int keyword, struct slice value,
    struct err *e)
{
	switch (keyword) {
	case QUERY_STATUS:
		if ((q->status = job_status_parse(value)) == -1)
			return err_quote(e, ERR_INVALID, value,
			    "unknown status");
		return 0;
	case QUERY_AFTER:
		q->after = value;
		return token_is_identifier(value, "job", e) ? 0 : -1;
	default:
		return read_limit(value, &q->limit, e);
	}
}

static int
read_query(struct request *r, struct err *e)
{
	struct request_query *q = &r->u.query;
	unsigned seen = 0;
	size_t i;
	int keyword;

	q->prefix = slice_str("");
	q->status = -1;
	q->limit = NO_LIMIT;
	if (r->n_args == 0)
		return 0;
	q->prefix = r->args[0];
	if (!token_is_prefix(q->prefix, "prefix", e))
		return -1;
	for (i = 1; i < r->n_args; i += 2) {
		keyword = take_keyword(r->args[i], query_keywords,
		    QUERY_KEYWORDS, &seen, e);
		if (keyword == -1)
			return -1;
		if (i + 1 == r->n_args)
			return no_value(query_keywords[keyword], e);
		if (read_query_option(q, keyword, r->args[i + 1], e) == -1)
			return -1;
	}
	return 0;
}

static int
read_history(struct request *r, struct err *e)
{
	struct request_history *h = &r->u.history;

	h->job = r->args[0];
	h->limit = NO_LIMIT;
	if (!token_is_identifier(h->job, "job", e))
		return -1;
	if (r->n_args == 1)
		return 0;
	if (!token_is_word(r->args[1], "LIMIT"))
		return err_quote(e, ERR_INVALID, r->args[1], "unknown option");
	if (r->n_args == 2)
		return no_value("LIMIT", e);
	return read_limit(r->args[2], &h->limit, e);
}

static int
read_cancel(struct request *r, struct err *e)
{
	r->u.cancel.job = r->args[0];
	r->u.cancel.force = r->n_args == 2;
	if (r->n_args == 2 && !token_is_word(r->args[1], "FORCE"))
		return err_quote(e, ERR_INVALID, r->args[1], "unknown option");
	return token_is_identifier(r->args[0], "job", e) ? 0 : -1;
}

static int
read_output(struct request *r, struct err *e)
{
	struct request_output *o = &r->u.output;

	o->job = r->args[0];
	o->execution_id = 0;
	if (r->n_args == 2 &&
	    token_u64(r->args[1], UINT64_MAX, &o->execution_id) == -1)
		return err_quote(e, ERR_INVALID, r->args[1],
		    "invalid execution id");
	return token_is_identifier(o->job, "job", e) ? 0 : -1;
}

/* The highest code that a `success` option may hold is an HTTP status. */
#define EXIT_MAX 999

static int
read_done(struct request *r, struct err *e)
{
	struct request_done *d = &r->u.done;
	uint64_t exit;

	if (token_u64(r->args[0], UINT64_MAX, &d->execution_id) == -1)
		return err_quote(e, ERR_INVALID, r->args[0],
		    "invalid execution id");
	if (token_u64(r->args[1], EXIT_MAX, &exit) == -1)
		return err_quote(e, ERR_INVALID, r->args[1],
		    "invalid exit status");
	d->exit = (int)exit;
	d->output = r->n_args == 3 ? r->args[2] : slice_str("");
	return 0;
}

static int
read_agent(struct request *r, struct err *e)
{
	struct request_agent *a = &r->u.agent;

	a->force = r->n_args == 2;
	if (token_u64(r->args[0], UINT64_MAX, &a->session_id) == -1)
		return err_quote(e, ERR_INVALID, r->args[0],
		    "invalid session id");
	if (a->force && !token_is_word(r->args[1], "FORCE"))
		return err_quote(e, ERR_INVALID, r->args[1], "unknown option");
	return 0;
}

/* Only here: a log may hold what was not looked at so closely. */
static int
keep_checked(struct rule_spec **spec, struct err *e)
{
	if (*spec == NULL)
		return -1;
	if (rule_spec_check_url(*spec, e) == 0)
		return 0;
	rule_spec_unref(*spec);
	*spec = NULL;
	return -1;
}

static int
read_rule_set(struct request *r, struct err *e)
{
	struct request_rule_set *s = &r->u.rule_set;

	s->rule = r->args[0];
	s->pattern = r->args[1];
	if (!token_is_identifier(s->rule, "rule", e) ||
	    !token_is_prefix(s->pattern, "pattern", e))
		return -1;
	s->spec = rule_spec_parse(r->args + 2, r->n_args - 2, e);
	return keep_checked(&s->spec, e);
}

static int
read_history_source(struct request_health_history *h, struct slice word,
    struct err *e)
{
	static const char *const words[HISTORY_SOURCE_END] = {
		[HISTORY_AGENT] = "agent",
		[HISTORY_INTEGRATION] = "integration",
		[HISTORY_SYSTEM] = "system",
	};

	for (int i = HISTORY_AGENT; i < HISTORY_SOURCE_END; i++) {
		if (!slice_eq(word, slice_str(words[i])))
			continue;
		h->source = (enum history_source)i;
		if (h->source == HISTORY_SYSTEM &&
		    !slice_eq(h->id, slice_str("-")))
			return err_quote(e, ERR_INVALID, h->id,
			    "the system has the id - and not");
		return token_is_identifier(h->id, words[i], e) ? 0 : -1;
	}
	return err_quote(e, ERR_INVALID, word,
	    "a source is agent, integration or system and not");
}

static int
read_history_option(struct request_health_history *h, int keyword,
    struct slice value, struct err *e)
{
	uint64_t days;

	if (keyword == HEALTH_HISTORY_DAYS) {
		if (token_u64(value, HISTORY_DAYS_MAX, &days) == -1 ||
		    days == 0)
			return err_quote(e, ERR_INVALID, value,
			    "days are 1 to %d and not", HISTORY_DAYS_MAX);
		h->days = (unsigned)days;
		return 0;
	}
	h->by_hour = slice_eq(value, slice_str("hour"));
	if (!h->by_hour && !slice_eq(value, slice_str("day")))
		return err_quote(e, ERR_INVALID, value,
		    "a step is hour or day and not");
	return 0;
}

static int
read_health_history(struct request *r, struct err *e)
{
	struct request_health_history *h = &r->u.health_history;
	unsigned seen = 0;
	int keyword;

	h->id = r->args[1];
	h->days = 30;
	h->by_hour = false;
	if (read_history_source(h, r->args[0], e) == -1)
		return -1;
	for (size_t i = 2; i < r->n_args; i += 2) {
		keyword = take_keyword(r->args[i], health_history_keywords,
		    HEALTH_HISTORY_KEYWORDS, &seen, e);
		if (keyword == -1)
			return -1;
		if (i + 1 == r->n_args)
			return no_value(health_history_keywords[keyword], e);
		if (read_history_option(h, keyword, r->args[i + 1], e) == -1)
			return -1;
	}
	return 0;
}

static const char *const topic_words[WATCH_TOPIC_COUNT] = {
	[WATCH_JOBS] = "jobs",
	[WATCH_EXECUTIONS] = "executions",
	[WATCH_ALERTS] = "alerts",
	[WATCH_BREAKERS] = "breakers",
	[WATCH_HEALTH] = "health",
};

const char *
watch_topic_word(enum watch_topic topic)
{
	return topic_words[topic];
}

static int
read_watch(struct request *r, struct err *e)
{
	struct request_watch *w = &r->u.watch;
	int topic = 0;

	while (topic < WATCH_TOPIC_COUNT &&
	    !slice_eq(r->args[0], slice_str(topic_words[topic])))
		topic++;
	if (topic == WATCH_TOPIC_COUNT)
		return err_quote(e, ERR_INVALID, r->args[0], "unknown topic");
	w->topic = (enum watch_topic)topic;
	w->prefix = r->n_args == 2 ? r->args[1] : slice_str("");
	return token_is_prefix(w->prefix, "prefix", e) ? 0 : -1;
}

static int
read_integration_set(struct request *r, struct err *e)
{
	struct request_integration_set *s = &r->u.integration_set;

	s->integration = r->args[0];
	if (!token_is_identifier(s->integration, "integration", e))
		return -1;
	s->probe = rule_spec_parse_probe(r->args + 1, r->n_args - 1, e);
	return keep_checked(&s->probe, e);
}

static int
read_alert_list(struct request *r, struct err *e)
{
	r->u.all = r->n_args == 1;
	if (r->n_args == 1 && !token_is_word(r->args[0], "ALL"))
		return err_quote(e, ERR_INVALID, r->args[0], "unknown option");
	return 0;
}

static int
read_alert_ack(struct request *r, struct err *e)
{
	if (token_u64(r->args[0], UINT64_MAX, &r->u.number) == -1)
		return err_quote(e, ERR_INVALID, r->args[0],
		    "invalid alert id");
	return 0;
}

static int
read_name(struct request *r, const char *what, struct err *e)
{
	r->u.name = r->args[0];
	return token_is_identifier(r->u.name, what, e) ? 0 : -1;
}

int
request_args(struct request *r, int64_t now_ns, struct err *e)
{
	switch (r->command->id) {
	case CMD_SET:
		return read_set(r, now_ns, e);
	case CMD_QUERY:
		return read_query(r, e);
	case CMD_HISTORY:
		return read_history(r, e);
	case CMD_CANCEL:
		return read_cancel(r, e);
	case CMD_OUTPUT:
		return read_output(r, e);
	case CMD_RULE_SET:
		return read_rule_set(r, e);
	case CMD_INTEGRATION_SET:
		return read_integration_set(r, e);
	case CMD_ALERT_LIST:
		return read_alert_list(r, e);
	case CMD_ALERT_ACK:
		return read_alert_ack(r, e);
	case CMD_HEALTH_HISTORY:
		return read_health_history(r, e);
	case CMD_WATCH:
		return read_watch(r, e);
	case CMD_DONE:
		return read_done(r, e);
	case CMD_AGENT_GET:
	case CMD_AGENT_STOP:
		return read_agent(r, e);
	case CMD_GET:
	case CMD_INFO:
	case CMD_REMOVE:
	case CMD_RUN:
		return read_name(r, "job", e);
	case CMD_RULE_GET:
	case CMD_RULE_OPTIONS:
	case CMD_RULE_ENVIRONMENT:
	case CMD_RULE_PAUSE:
	case CMD_RULE_RESUME:
	case CMD_REMOVERULE:
	case CMD_HEALTH_AGENT:
	case CMD_AGENT_ATTACH:
		return read_name(r, "rule", e);
	case CMD_HEALTH_INTEGRATION:
	case CMD_INTEGRATION_REMOVE:
		return read_name(r, "integration", e);
	case CMD_EXECUTIONS:
	case CMD_LISTRULES:
		if (r->n_args == 0)
			return 0;
		r->u.text = r->args[0];
		return token_is_prefix(r->u.text, "prefix", e) ? 0 : -1;
	case CMD_AUTH:
	case CMD_PING:
	case CMD_BACKUP:
	case CMD_BREAKER_GET:
	case CMD_BREAKER_OPEN:
	case CMD_BREAKER_RESET:
	case CMD_UNWATCH:
		if (r->n_args != 0)
			r->u.text = r->args[0];
		return 0;
	default:
		return 0;
	}
}

void
request_clear(struct request *r)
{
	struct rule_spec **spec;

	if (r->command == NULL)
		return;
	if (r->command->id == CMD_RULE_SET)
		spec = &r->u.rule_set.spec;
	else if (r->command->id == CMD_INTEGRATION_SET)
		spec = &r->u.integration_set.probe;
	else
		return;
	rule_spec_unref(*spec);
	*spec = NULL;
}

/* --- raw lines --- */

static bool
ends_in(struct slice s, const char *end)
{
	size_t n = strlen(end);

	return s.len >= n && memcmp(s.ptr + s.len - n, end, n) == 0;
}

bool
request_ends_http(struct slice end)
{
	if (end.len != 0 && end.ptr[end.len - 1] == '\r')
		end.len--;
	return ends_in(end, "HTTP/1.0") || ends_in(end, "HTTP/1.1");
}

bool
request_is_http(struct slice line)
{
	return slice_has_prefix(line, slice_str("Host:")) ||
	    request_ends_http(line);
}

struct slice
request_id_of(struct slice head)
{
	size_t from = 0;
	struct slice id;

	while (from < head.len &&
	    (head.ptr[from] == ' ' || head.ptr[from] == '\t'))
		from++;
	id = slice_of(head.ptr + from, 0);
	while (from + id.len < head.len && id.ptr[id.len] != ' ' &&
	    id.ptr[id.len] != '\t')
		id.len++;
	if (token_is_word(id, "AUTH"))
		id.len = 0; /* the bare form: its replies carry no id */
	else if (!token_is_request_id(id))
		id = slice_str("-");
	return id;
}
