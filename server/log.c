/*
 * A line is built in a fixed array and goes out in one write(2). Room for the
 * end is kept back, so a line is well formed however long its fields are: a
 * field that does not fit is left out and `truncated` says so.
 *
 * Values come from clients, children and files. Nothing in them may start a
 * line, end a quote, steer a terminal or break the JSON: control bytes (C1
 * ones too) and bytes that are not UTF-8 are escaped.
 */
#include "log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tstamp.h"
#include "utf8.h"

#define TAIL_JSON ",\"truncated\":true}\n"
#define TAIL_LOGFMT " truncated=true\n"
#define TAIL_MAX sizeof(TAIL_JSON)

#define PRIORITY_LEN 3u /* of "<3>" */

struct line {
	char *ptr;
	size_t len;
	size_t cap;
	bool full; /* something did not fit */
	enum log_format format;
};

static atomic_int max_level = LOG_LEVEL_INFO;
static atomic_int out_format = LOG_LOGFMT;
static atomic_int out_fd = STDERR_FILENO;
static atomic_bool prefixed;

static void
put(struct line *l, const char *bytes, size_t n)
{
	if (n > l->cap - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->ptr + l->len, bytes, n);
	l->len += n;
}

static void
put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* At least `width` digits. */
static void
put_u64(struct line *l, uint64_t v, size_t width)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0 || sizeof(digits) - n < width);
	put(l, digits + n, sizeof(digits) - n);
}

static void
put_i64(struct line *l, int64_t v)
{
	uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	if (v < 0)
		put_str(l, "-");
	put_u64(l, magnitude, 1);
}

/* Nanoseconds as milliseconds with three places. */
static void
put_ms(struct line *l, int64_t ns)
{
	uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

	if (ns < 0)
		put_str(l, "-");
	put_u64(l, magnitude / (uint64_t)NS_PER_MS, 1);
	put_str(l, ".");
	put_u64(l, magnitude % (uint64_t)NS_PER_MS / 1000, 3);
}

/* RFC 3339 in UTC with milliseconds, always as wide. */
static void
put_time(struct line *l, int64_t ns)
{
	uint64_t seconds = ns < 0 ? 0 : (uint64_t)(ns / NS_PER_S);
	uint64_t ms = ns < 0 ? 0 : (uint64_t)(ns % NS_PER_S / NS_PER_MS);
	int64_t year;
	unsigned month;
	unsigned day;

	tstamp_civil_from_days((int64_t)(seconds / 86400), &year, &month, &day);
	put_u64(l, (uint64_t)year, 4);
	put_str(l, "-");
	put_u64(l, month, 2);
	put_str(l, "-");
	put_u64(l, day, 2);
	put_str(l, "T");
	put_u64(l, seconds % 86400 / 3600, 2);
	put_str(l, ":");
	put_u64(l, seconds % 3600 / 60, 2);
	put_str(l, ":");
	put_u64(l, seconds % 60, 2);
	put_str(l, ".");
	put_u64(l, ms, 3);
	put_str(l, "Z");
}

/* Whether the sequence of n bytes at s goes out as it is. */
static bool
is_plain(const unsigned char *s, size_t n)
{
	if (n == 1)
		return s[0] >= 0x20 && s[0] != 0x7F && s[0] != '"' &&
		    s[0] != '\\';
	return n > 1 && !(s[0] == 0xC2 && s[1] < 0xA0); /* U+0080..U+009F */
}

/* What stands for a byte that is not plain: 6 bytes at most, terminated. */
static void
escape(char out[8], enum log_format format, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = "\"\"\\\\\nn\rr\tt";
	size_t i;
	size_t n = 0;

	out[n++] = '\\';
	for (i = 0; i + 1 < sizeof(letters); i += 2) {
		if ((unsigned char)letters[i] == byte) {
			out[n++] = letters[i + 1];
			out[n] = '\0';
			return;
		}
	}
	out[n++] = format == LOG_JSON ? 'u' : 'x';
	if (format == LOG_JSON) {
		out[n++] = '0';
		out[n++] = '0';
	}
	out[n++] = hex[byte >> 4];
	out[n++] = hex[byte & 0xF];
	out[n] = '\0';
}

/* Put the character that p, of n > 0 bytes, begins with. Its length. */
static size_t
put_char(struct line *l, const unsigned char *p, size_t n)
{
	size_t len = utf8_sequence(slice_of((const char *)p, n));
	char out[8];

	if (is_plain(p, len)) {
		put(l, (const char *)p, len);
		return len;
	}
	if (len == 0 && l->format == LOG_JSON) {
		put_str(l, "\\ufffd"); /* JSON has characters, not bytes */
		return 1;
	}
	/* The second byte of U+0080..U+009F is the number of the character. */
	escape(out, l->format, len == 2 ? p[1] : p[0]);
	put_str(l, out);
	return len == 0 ? 1 : len;
}

/* Put s between quotes, cut off at LOG_VALUE_MAX bytes of output. */
static void
put_quoted(struct line *l, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t end = l->len + LOG_VALUE_MAX;
	size_t i = 0;

	put_str(l, "\"");
	while (i < s.len && l->len + 10 < end)
		i += put_char(l, p + i, s.len - i);
	put_str(l, i < s.len ? "...\"" : "\"");
}

/* Whether logfmt shows s without quotes. */
static bool
is_bare(struct slice s)
{
	size_t i;

	if (s.len == 0 || s.len > LOG_VALUE_MAX)
		return false;
	for (i = 0; i < s.len; i++) {
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' ||
		    strchr("\"\\=", s.ptr[i]) != NULL)
			return false;
	}
	return true;
}

static void
put_value(struct line *l, const struct log_field *f)
{
	switch (f->kind) {
	case LOG_KIND_TEXT:
		if (l->format == LOG_LOGFMT && is_bare(f->v.text))
			put(l, f->v.text.ptr, f->v.text.len);
		else
			put_quoted(l, f->v.text);
		break;
	case LOG_KIND_U64:
		put_u64(l, f->v.u64, 1);
		break;
	case LOG_KIND_I64:
		put_i64(l, f->v.i64);
		break;
	case LOG_KIND_BOOL:
		put_str(l, f->v.yes ? "true" : "false");
		break;
	case LOG_KIND_MS:
		put_ms(l, f->v.i64);
		break;
	case LOG_KIND_END:
		break;
	}
}

/* Put ` key=` or `,"key":`. */
static void
put_key(struct line *l, const char *key)
{
	put_str(l, l->format == LOG_JSON ? ",\"" : " ");
	put_str(l, key);
	put_str(l, l->format == LOG_JSON ? "\":" : "=");
}

/* The whole field, or nothing of it. */
static void
put_field(struct line *l, const struct log_field *f)
{
	size_t start = l->len;
	bool was_full = l->full;

	l->full = false;
	put_key(l, f->key);
	put_value(l, f);
	if (l->full)
		l->len = start;
	l->full |= was_full;
}

static void
put_head(struct line *l, enum log_level level, int64_t now_ns,
    const char *event)
{
	static const char *const words[] = { "off", "error", "warn", "info",
		"debug", "trace" };
	bool json = l->format == LOG_JSON;

	put_str(l, json ? "{\"time\":\"" : "time=");
	put_time(l, now_ns);
	put_str(l, json ? "\",\"level\":\"" : " level=");
	put_str(l, words[level]);
	put_str(l, json ? "\"" : "");
	put_field(l, &LOG_STR("event", event));
}

size_t
log_format(char out[LOG_LINE_MAX], enum log_format format, enum log_level level,
    int64_t now_ns, const char *event, const struct log_field *fields)
{
	struct line l = { .ptr = out,
		.cap = LOG_LINE_MAX - TAIL_MAX,
		.format = format };
	const struct log_field *f;

	put_head(&l, level, now_ns, event);
	for (f = fields; f->kind != LOG_KIND_END; f++)
		put_field(&l, f);
	l.cap = LOG_LINE_MAX;
	if (format == LOG_JSON)
		put_str(&l, l.full ? TAIL_JSON : "}\n");
	else
		put_str(&l, l.full ? TAIL_LOGFMT : "\n");
	return l.len;
}

void
log_setup(enum log_level level, enum log_format format, int fd)
{
	atomic_store(&max_level, (int)level);
	atomic_store(&out_format, (int)format);
	atomic_store(&out_fd, fd);
}

void
log_prefix(bool wanted)
{
	atomic_store(&prefixed, wanted);
}

/* The priority of a line as syslog(3) counts it, in the form `<3>`. Its
 * length. */
static size_t
put_priority(char out[PRIORITY_LEN], enum log_level level)
{
	static const char *const priorities[] = {
		[LOG_LEVEL_OFF] = "<6>",
		[LOG_LEVEL_ERROR] = "<3>",
		[LOG_LEVEL_WARN] = "<4>",
		[LOG_LEVEL_INFO] = "<6>",
		[LOG_LEVEL_DEBUG] = "<7>",
		[LOG_LEVEL_TRACE] = "<7>",
	};

	if (!atomic_load_explicit(&prefixed, memory_order_relaxed))
		return 0;
	memcpy(out, priorities[level], PRIORITY_LEN);
	return PRIORITY_LEN;
}

bool
log_enabled(enum log_level level)
{
	return (int)level <=
	    atomic_load_explicit(&max_level, memory_order_relaxed);
}

void
log_event(enum log_level level, const char *event,
    const struct log_field *fields)
{
	char line[PRIORITY_LEN + LOG_LINE_MAX];
	int saved = errno;
	struct timespec now;
	size_t n;
	ssize_t written;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	n = put_priority(line, level);
	n += log_format(line + n, (enum log_format)atomic_load(&out_format),
	    level, (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec, event, fields);
	do {
		written = write(atomic_load(&out_fd), line, n);
	} while (written == -1 && errno == EINTR);
	/* A full pipe, a closed one, a full disk: the line is lost, and there
	 * is nowhere to say so. */
	errno = saved;
}

struct log_field
log_errno(int errnum)
{
	static _Thread_local char text[128];

	/* The GNU form: the text, which may be elsewhere than in `text`. */
	return LOG_STR("error", strerror_r(errnum, text, sizeof(text)));
}
