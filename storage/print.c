#include "print.h"

#include <stdio.h>

#include "duration.h"
#include "going.h"
#include "history.h"
#include "request.h"
#include "token.h"
#include "utf8.h"

/* A line of RULE OPTIONS goes on in another one when it is so long, so that
 * a server takes it. */
#define OPTIONS_LINE_MAX 32768u

/* The flags of a TRIGGER; an image does not tell. */
/* In flags: whether RUN ordered it is not known. */
#define MANUAL_UNKNOWN (RECORD_TRIGGER_FLAGS + 1)

/* --- JSON --- */

static bool
is_plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void
put_escape(struct buf *out, char c)
{
	if (c == '"' || c == '\\') {
		buf_add_byte(out, '\\');
		buf_add_byte(out, c);
	} else {
		buf_addf(out, "\\u%04x", (unsigned)(unsigned char)c);
	}
}

/* Bytes that are no UTF-8 become the characters of their number. */
static void
put_string(struct buf *out, struct slice s)
{
	size_t i = 0, n;

	buf_add_byte(out, '"');
	while (i < s.len) {
		for (n = 0; i + n < s.len && is_plain(s.ptr[i + n]); n++)
			;
		buf_add(out, s.ptr + i, n);
		i += n;
		if (i == s.len)
			break;
		n = utf8_sequence(slice_of(s.ptr + i, s.len - i));
		if (n > 1) {
			buf_add(out, s.ptr + i, n);
			i += n;
		} else {
			put_escape(out, s.ptr[i++]);
		}
	}
	buf_add_byte(out, '"');
}

static void
put_key(struct buf *out, const char *key)
{
	buf_add(out, ",\"", 2);
	buf_add_str(out, key);
	buf_add(out, "\":", 2);
}

static void
json_text(struct buf *out, const char *key, struct slice s)
{
	put_key(out, key);
	put_string(out, s);
}

static void
json_i64(struct buf *out, const char *key, int64_t v)
{
	put_key(out, key);
	buf_add_i64(out, v);
}

static void
json_u64(struct buf *out, const char *key, uint64_t v)
{
	put_key(out, key);
	buf_add_u64(out, v);
}

static void
json_flag(struct buf *out, const char *key, bool v)
{
	put_key(out, key);
	buf_add_str(out, v ? "true" : "false");
}

/* Begin an object. seq 0: it has no number. */
static void
json_begin(struct buf *out, enum record_type type, uint64_t seq,
    struct slice id)
{
	buf_add_str(out, "{\"type\":\"");
	buf_add_str(out, record_type_name(type));
	buf_add_byte(out, '"');
	if (seq != 0)
		json_u64(out, "seq", seq);
	json_text(out, "identifier", id);
}

static void
json_end(struct buf *out)
{
	buf_add(out, "}\n", 2);
}

/* --- text --- */

/* Begin a line with its command and the job or rule it is about. */
static void
text_begin(struct buf *out, const struct print *p, uint64_t seq,
    const char *command, struct slice id)
{
	if (p->all) {
		if (seq == 0)
			buf_add_byte(out, '-');
		else
			buf_add_u64(out, seq);
		buf_add_byte(out, ' ');
	}
	buf_add_str(out, command);
	buf_add_byte(out, ' ');
	token_quote(out, id);
}

static void
text_word(struct buf *out, const char *keyword, struct slice word)
{
	buf_add_str(out, keyword);
	token_quote(out, word);
}

static void
text_i64(struct buf *out, const char *keyword, int64_t v)
{
	buf_add_str(out, keyword);
	buf_add_i64(out, v);
}

static void
text_u64(struct buf *out, const char *keyword, uint64_t v)
{
	buf_add_str(out, keyword);
	buf_add_u64(out, v);
}

static void
text_duration(struct buf *out, const char *keyword, int64_t ns)
{
	buf_add_str(out, keyword);
	duration_put(out, ns);
}

/* --- jobs --- */

static void
set_text(struct buf *out, const struct print *p, uint64_t seq,
    const struct record_set *s)
{
	text_begin(out, p, seq, "SET", s->job);
	text_i64(out, " ", s->due_ns);
	if (s->every_ns != 0)
		text_duration(out, " EVERY ", s->every_ns);
	if (s->cron.ptr != NULL)
		text_word(out, " CRON ", s->cron);
	if (s->zone.ptr != NULL)
		text_word(out, " TZ ", s->zone);
	if (s->until_ns != 0)
		text_i64(out, " UNTIL ", s->until_ns);
	if (s->jitter_ns != 0)
		text_duration(out, " JITTER ", s->jitter_ns);
	if (s->payload.ptr != NULL)
		text_word(out, " PAYLOAD ", s->payload);
	buf_add_byte(out, '\n');
}

static void
set_json(struct buf *out, uint64_t seq, const struct record_set *s,
    enum job_status status)
{
	json_begin(out, RECORD_JOB_SET, seq, s->job);
	json_i64(out, "execution", s->due_ns);
	json_text(out, "status", slice_str(job_status_word(status)));
	if (s->every_ns != 0)
		json_i64(out, "every_ns", s->every_ns);
	if (s->cron.ptr != NULL)
		json_text(out, "cron", s->cron);
	if (s->zone.ptr != NULL)
		json_text(out, "timezone", s->zone);
	if (s->until_ns != 0)
		json_i64(out, "until_ns", s->until_ns);
	if (s->jitter_ns != 0)
		json_i64(out, "jitter_ns", s->jitter_ns);
	if (s->payload.ptr != NULL)
		json_text(out, "payload", s->payload);
	json_end(out);
}

static void
put_set(struct buf *out, const struct print *p, uint64_t seq,
    const struct record_set *s, enum job_status status)
{
	if (p->json)
		set_json(out, seq, s, status);
	else
		set_text(out, p, seq, s);
}

void
print_job(struct buf *out, const struct print *p, const struct record_set *s,
    enum job_status status)
{
	if (p->ended || status == JOB_PLANNED || status == JOB_TRIGGERED)
		put_set(out, p, 0, s, status);
}

/* A record that holds a name and nothing else behind `skip` bytes. */
static bool
get_name(const struct record *r, size_t skip, struct slice *name)
{
	struct record_reader in;

	record_read(&in, r->payload);
	while (skip-- > 0)
		(void)record_get_u8(&in);
	*name = record_get_name(&in);
	return record_done(&in) && name->len > 0;
}

static bool
put_removed(struct buf *out, const struct print *p, const struct record *r,
    const char *command)
{
	struct slice name;

	if (!get_name(r, 0, &name))
		return false;
	if (p->json) {
		json_begin(out, r->type, r->seq, name);
		json_end(out);
	} else {
		text_begin(out, p, r->seq, command, name);
		buf_add_byte(out, '\n');
	}
	return true;
}

/* --- runs --- */

static const char *
outcome_word(const struct print *p, unsigned outcome)
{
	return p->outcome == NULL ? NULL : p->outcome(outcome);
}

static void
finish_text(struct buf *out, const struct print *p, const struct record_run *r)
{
	const char *word = outcome_word(p, r->outcome);

	if (word != NULL)
		text_word(out, " ", slice_str(word));
	else
		text_u64(out, " ", r->outcome);
	if (r->exit == RECORD_EXIT_NONE)
		buf_add_str(out, " -");
	else
		text_i64(out, " ", r->exit);
	text_i64(out, " ", r->ended_ns);
	if (r->flags & RECORD_FINISH_RETRY)
		text_i64(out, " RETRY ", r->next_due_ns);
	else if (r->next_due_ns != 0)
		text_i64(out, " NEXT ", r->next_due_ns);
	if (r->flags & RECORD_FINISH_ORPHAN)
		buf_add_str(out, " ORPHAN");
	if (r->flags & RECORD_FINISH_SILENT)
		buf_add_str(out, " SILENT");
	if (r->flags & RECORD_FINISH_CRASH)
		buf_add_str(out, " CRASH");
	if (r->reason.len > 0)
		text_word(out, " REASON ", r->reason);
}

static void
trigger_text(struct buf *out, const struct record_run *r)
{
	if (r->flags & MANUAL_UNKNOWN)
		buf_add_str(out, " -");
	else if (r->flags & RECORD_TRIGGER_MANUAL)
		buf_add_str(out, " manual");
	else
		buf_add_str(out, " due");
	if (r->flags & RECORD_TRIGGER_BESIDE) {
		text_i64(out, " AT ", r->due_ns);
		text_i64(out, " PLAN ", r->next_due_ns);
	}
	buf_add_byte(out, '\n');
}

static void
stop_text(struct buf *out, const struct print *p, const struct record_run *r)
{
	const char *word = outcome_word(p, r->outcome);

	if (word != NULL)
		text_word(out, " ", slice_str(word));
	else
		text_u64(out, " ", r->outcome);
	buf_add_byte(out, '\n');
}

static void
run_text(struct buf *out, const struct print *p, enum record_type type,
    uint64_t seq, const struct record_run *r)
{
	text_begin(out, p, seq,
	    type == RECORD_JOB_TRIGGER	   ? "TRIGGER"
		: type == RECORD_JOB_START ? "START"
		: type == RECORD_JOB_STOP  ? "STOP"
					   : "FINISH",
	    r->job);
	text_u64(out, " ", r->execution_id);
	if (type == RECORD_JOB_TRIGGER) {
		trigger_text(out, r);
		return;
	}
	if (type == RECORD_JOB_STOP) {
		stop_text(out, p, r);
		return;
	}
	text_u64(out, " ", r->attempt);
	text_word(out, " ", r->rule.len > 0 ? r->rule : slice_str("-"));
	text_i64(out, " ", r->started_ns);
	if (type == RECORD_JOB_FINISH)
		finish_text(out, p, r);
	buf_add_byte(out, '\n');
}

static void
outcome_json(struct buf *out, const struct print *p, const struct record_run *r)
{
	const char *word = outcome_word(p, r->outcome);

	if (word != NULL)
		json_text(out, "outcome", slice_str(word));
	else
		json_u64(out, "outcome", r->outcome);
}

static void
finish_json(struct buf *out, const struct print *p, const struct record_run *r)
{
	json_i64(out, "ended_ns", r->ended_ns);
	outcome_json(out, p, r);
	if (r->exit != RECORD_EXIT_NONE)
		json_i64(out, "exit", r->exit);
	if (r->next_due_ns != 0)
		json_i64(out, "next_execution", r->next_due_ns);
	json_flag(out, "retry", (r->flags & RECORD_FINISH_RETRY) != 0);
	json_flag(out, "orphan", (r->flags & RECORD_FINISH_ORPHAN) != 0);
	json_flag(out, "silent", (r->flags & RECORD_FINISH_SILENT) != 0);
	if (r->flags & RECORD_FINISH_CRASH)
		json_flag(out, "crash", true);
	if (r->reason.len > 0)
		json_text(out, "reason", r->reason);
}

static void
run_json(struct buf *out, const struct print *p, enum record_type type,
    uint64_t seq, const struct record_run *r)
{
	json_begin(out, type, seq, r->job);
	json_u64(out, "execution_id", r->execution_id);
	if (type == RECORD_JOB_TRIGGER) {
		if (!(r->flags & MANUAL_UNKNOWN))
			json_flag(out, "manual",
			    (r->flags & RECORD_TRIGGER_MANUAL) != 0);
		if (r->flags & RECORD_TRIGGER_BESIDE) {
			json_i64(out, "execution", r->due_ns);
			json_i64(out, "next_execution", r->next_due_ns);
		}
		json_end(out);
		return;
	}
	if (type == RECORD_JOB_STOP) {
		outcome_json(out, p, r);
		json_end(out);
		return;
	}
	json_u64(out, "attempt", r->attempt);
	if (r->rule.len > 0)
		json_text(out, "rule", r->rule);
	json_i64(out, "started_ns", r->started_ns);
	if (type == RECORD_JOB_FINISH)
		finish_json(out, p, r);
	json_end(out);
}

static void
put_run(struct buf *out, const struct print *p, enum record_type type,
    uint64_t seq, const struct record_run *r)
{
	if (p->json)
		run_json(out, p, type, seq, r);
	else
		run_text(out, p, type, seq, r);
}

/* --- rules --- */

/* A RULE_SET payload; the readers stand before the first word of each list. */
struct rule_view {
	bool paused;
	struct slice id, pattern;
	unsigned n_words, n_options; /* the runner counts as a word */
	struct record_reader words, options;
};

static bool
view_rule(struct slice payload, struct rule_view *v)
{
	struct record_reader in;

	record_read(&in, payload);
	v->paused = record_get_u8(&in) != 0;
	v->id = record_get_name(&in);
	v->pattern = record_get_name(&in);
	v->n_words = record_get_u16(&in);
	v->words = in;
	for (unsigned i = 0; i < v->n_words && !in.bad; i++)
		(void)record_get_text(&in);
	v->n_options = record_get_u16(&in);
	v->options = in;
	for (unsigned i = 0; i < v->n_options && !in.bad; i++)
		(void)record_get_text(&in);
	return record_done(&in) && v->id.len > 0 && v->n_words > 0;
}

static void
options_text(struct buf *out, const struct print *p, uint64_t seq,
    struct rule_view *v)
{
	size_t start = 0;

	for (unsigned i = 0; i < v->n_options; i++) {
		if (i == 0 || out->len - start > OPTIONS_LINE_MAX) {
			if (i > 0)
				buf_add_byte(out, '\n');
			start = out->len;
			text_begin(out, p, seq, "RULE OPTIONS", v->id);
		}
		text_word(out, " ", record_get_text(&v->options));
	}
	if (v->n_options > 0)
		buf_add_byte(out, '\n');
}

static void
rule_text(struct buf *out, const struct print *p, uint64_t seq,
    struct rule_view *v)
{
	text_begin(out, p, seq, "RULE SET", v->id);
	text_word(out, " ", v->pattern);
	for (unsigned i = 0; i < v->n_words; i++)
		text_word(out, " ", record_get_text(&v->words));
	buf_add_byte(out, '\n');
	options_text(out, p, seq, v);
	if (v->paused) {
		text_begin(out, p, seq, "RULE PAUSE", v->id);
		buf_add_byte(out, '\n');
	}
}

static void
json_list(struct buf *out, const char *key, struct record_reader *in,
    unsigned n)
{
	put_key(out, key);
	buf_add_byte(out, '[');
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			buf_add_byte(out, ',');
		put_string(out, record_get_text(in));
	}
	buf_add_byte(out, ']');
}

static void
rule_json(struct buf *out, uint64_t seq, struct rule_view *v)
{
	json_begin(out, RECORD_RULE_SET, seq, v->id);
	json_text(out, "pattern", v->pattern);
	json_text(out, "runner", record_get_text(&v->words));
	json_list(out, "arguments", &v->words, v->n_words - 1);
	json_list(out, "options", &v->options, v->n_options);
	json_flag(out, "paused", v->paused);
	json_end(out);
}

static bool
put_rule(struct buf *out, const struct print *p, uint64_t seq,
    struct slice payload)
{
	struct rule_view v;

	if (!view_rule(payload, &v))
		return false;
	if (p->json)
		rule_json(out, seq, &v);
	else
		rule_text(out, p, seq, &v);
	return true;
}

bool
print_rule(struct buf *out, const struct print *p, struct slice payload)
{
	return put_rule(out, p, 0, payload);
}

static bool
put_pause(struct buf *out, const struct print *p, const struct record *r)
{
	struct slice name;
	bool paused;

	if (!get_name(r, 1, &name))
		return false;
	paused = r->payload.ptr[0] != 0;
	if (p->json) {
		json_begin(out, r->type, r->seq, name);
		json_flag(out, "paused", paused);
		json_end(out);
	} else {
		text_begin(out, p, r->seq,
		    paused ? "RULE PAUSE" : "RULE RESUME", name);
		buf_add_byte(out, '\n');
	}
	return true;
}

/* --- entries --- */

static void
entry_text(struct buf *out, const struct print *p, enum record_type type,
    uint64_t seq, const struct record_entry *entry)
{
	const char *verb = type == RECORD_ENTRY_SET ? "SET" : "REMOVE";
	const char *command = entry_kind_command(entry->kind);
	char words[64];

	if (command != NULL)
		(void)snprintf(words, sizeof(words), "%s %s", command, verb);
	else
		(void)snprintf(words, sizeof(words), "ENTRY %s %s", verb,
		    entry_kind_word(entry->kind));
	text_begin(out, p, seq, words, entry->id);
	if (type == RECORD_ENTRY_SET) {
		buf_add_byte(out, ' ');
		if (command != NULL)
			buf_add_slice(out, entry->value);
		else
			token_quote(out, entry->value);
	}
	buf_add_byte(out, '\n');
}

static void
entry_json(struct buf *out, enum record_type type, uint64_t seq,
    const struct record_entry *entry)
{
	json_begin(out, type, seq, entry->id);
	json_text(out, "kind", slice_str(entry_kind_word(entry->kind)));
	if (type == RECORD_ENTRY_SET)
		json_text(out, "value", entry->value);
	json_end(out);
}

static void
put_entry(struct buf *out, const struct print *p, enum record_type type,
    uint64_t seq, const struct record_entry *entry)
{
	if (p->json)
		entry_json(out, type, seq, entry);
	else
		entry_text(out, p, type, seq, entry);
}

void
print_entry_left(struct buf *out, const struct print *p,
    const struct record_entry *entry)
{
	if ((p->json && !p->settings) ||
	    entry_kind_command(entry->kind) != NULL)
		put_entry(out, p, RECORD_ENTRY_SET, 0, entry);
}

/* An ENTRY_* payload. */
static bool
put_change(struct buf *out, const struct print *p, enum record_type type,
    uint64_t seq, struct slice payload)
{
	struct record_entry entry;
	struct err ignored;

	if (record_get_entry(type, payload, &entry, &ignored) == -1)
		return false;
	if (p->all)
		put_entry(out, p, type, seq, &entry);
	return true;
}

bool
print_record(struct buf *out, const struct print *p, const struct record *r)
{
	struct record_set set;
	struct record_run run;

	switch (r->type) {
	case RECORD_JOB_SET:
		if (!record_get_set(r->payload, &set))
			return false;
		put_set(out, p, r->seq, &set, JOB_PLANNED);
		return true;
	case RECORD_JOB_REMOVE:
		return put_removed(out, p, r, "REMOVE");
	case RECORD_JOB_TRIGGER:
	case RECORD_JOB_START:
	case RECORD_JOB_FINISH:
	case RECORD_JOB_STOP:
		if (!record_get_run(r->type, r->payload, &run))
			return false;
		if (p->all)
			put_run(out, p, r->type, r->seq, &run);
		return true;
	case RECORD_RULE_SET:
		return put_rule(out, p, r->seq, r->payload);
	case RECORD_RULE_REMOVE:
		return put_removed(out, p, r, "REMOVERULE");
	case RECORD_RULE_PAUSE:
		return put_pause(out, p, r);
	case RECORD_ENTRY_SET:
	case RECORD_ENTRY_REMOVE:
		return put_change(out, p, r->type, r->seq, r->payload);
	default:
		return false;
	}
}

static void
print_end(struct buf *out, const struct print *p, const struct record_run *run)
{
	if (run->flags & (RECORD_FINISH_ORPHAN | RECORD_FINISH_RETRY) ||
	    run->next_due_ns != 0)
		return;
	if (p->json) {
		json_begin(out, RECORD_JOB_REMOVE, 0, run->job);
		json_end(out);
	} else {
		text_begin(out, p, 0, "REMOVE", run->job);
		buf_add_byte(out, '\n');
	}
}

void
print_removal(struct buf *out, const struct print *p, const struct record *r)
{
	struct record_entry entry;
	struct record_run run;
	struct err ignored;

	if (r->type == RECORD_JOB_REMOVE || r->type == RECORD_RULE_REMOVE ||
	    r->type == RECORD_RULE_PAUSE)
		(void)print_record(out, p, r);
	else if (r->type == RECORD_JOB_FINISH &&
	    record_get_run(r->type, r->payload, &run))
		print_end(out, p, &run);
	else if (r->type == RECORD_ENTRY_REMOVE &&
	    record_get_entry(r->type, r->payload, &entry, &ignored) == 0 &&
	    entry_kind_command(entry.kind) != NULL)
		put_entry(out, p, r->type, 0, &entry);
}

/* The runs of a job's history, the oldest first. */
static bool
put_history(struct buf *out, const struct print *p, struct slice job,
    struct slice history)
{
	struct record_run run[HISTORY_RUNS_MAX];
	struct record_reader in;
	size_t n = 0;

	record_read(&in, history);
	while (n < HISTORY_RUNS_MAX && history_next(&in, &run[n]))
		n++;
	if (!record_done(&in))
		return false;
	while (n-- > 0) {
		run[n].job = job;
		put_run(out, p, RECORD_JOB_FINISH, 0, &run[n]);
	}
	return true;
}

/* Runs that go on beside the job's own. */
static bool
put_going(struct buf *out, const struct print *p, struct slice job,
    struct slice going)
{
	struct record_reader in;
	struct going g;

	record_read(&in, going);
	while (going_next(&in, &g)) {
		struct record_run run = { .job = job,
			.execution_id = g.execution_id,
			.attempt = g.attempt,
			.started_ns = g.started_ns,
			.outcome = g.stop };

		if (g.flags & GOING_RUNNING)
			put_run(out, p, RECORD_JOB_START, 0, &run);
		if (g.stop != 0)
			put_run(out, p, RECORD_JOB_STOP, 0, &run);
	}
	return record_done(&in);
}

bool
print_entry(struct buf *out, const struct print *p,
    const struct image_entry *entry)
{
	struct record_run run = { .job = entry->set.job,
		.execution_id = entry->run.execution_id,
		.attempt = entry->run.attempt,
		.started_ns = entry->run.started_ns };
	size_t start = out->len;

	if (entry->kind == IMAGE_RULES)
		return put_rule(out, p, 0, entry->payload);
	if (entry->kind == IMAGE_ENTRIES)
		return put_change(out, p, RECORD_ENTRY_SET, 0, entry->payload);
	put_set(out, p, 0, &entry->set, job_phase_status(entry->run.phase));
	if (!p->all)
		return true;
	if (!put_history(out, p, entry->set.job, entry->history) ||
	    !put_going(out, p, entry->set.job, entry->going)) {
		out->len = start;
		return false;
	}
	run.flags = MANUAL_UNKNOWN;
	if (entry->run.run_due_ns != 0)
		run.flags |= RECORD_TRIGGER_BESIDE;
	run.due_ns = entry->run.run_due_ns;
	run.next_due_ns = entry->run.due_ns;
	if (entry->run.phase == PHASE_QUEUED ||
	    entry->run.phase == PHASE_RUNNING)
		put_run(out, p, RECORD_JOB_TRIGGER, 0, &run);
	if (entry->run.phase == PHASE_RUNNING)
		put_run(out, p, RECORD_JOB_START, 0, &run);
	run.outcome = entry->run.stop;
	if (run.outcome != 0)
		put_run(out, p, RECORD_JOB_STOP, 0, &run);
	return true;
}
