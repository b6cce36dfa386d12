#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NOMEM "out of memory"
#define EXCERPT_MAX 64 /* bytes of a quoted word that a message shows */

static const char *const code_words[ERR_CODE_COUNT] = {
	[ERR_SYNTAX] = "syntax",
	[ERR_UNKNOWN_COMMAND] = "unknown_command",
	[ERR_TOO_LONG] = "too_long",
	[ERR_INVALID] = "invalid",
	[ERR_DENIED] = "denied",
	[ERR_NOT_FOUND] = "not_found",
	[ERR_EXISTS] = "exists",
	[ERR_CONFLICT] = "conflict",
	[ERR_LIMIT] = "limit",
	[ERR_STORAGE] = "storage",
	[ERR_UNAVAILABLE] = "unavailable",
	[ERR_INTERNAL] = "internal",
};

const char *
err_word(enum err_code code)
{
	if ((unsigned)code >= ERR_CODE_COUNT)
		return code_words[ERR_INTERNAL]; /* only for the log */
	return code_words[code];
}

int
err_parse(struct slice s)
{
	int i;

	for (i = 0; i < ERR_CODE_COUNT; i++) {
		if (slice_eq(s, slice_str(code_words[i])))
			return i;
	}
	return -1;
}

/* Format the message; returns its length, cut to what fits. */
static size_t format(struct err *e, enum err_code code, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

static size_t
format(struct err *e, enum err_code code, const char *fmt, va_list ap)
{
	int n;

	e->code = code;
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	if (n < 0) {
		e->msg[0] = '\0';
		return 0;
	}
	return (size_t)n < sizeof(e->msg) ? (size_t)n : sizeof(e->msg) - 1;
}

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)format(e, code, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *e, enum err_code code, const char *fmt, ...)
{
	int saved = errno;
	char text[128];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	n = format(e, code, fmt, ap);
	va_end(ap);
	(void)snprintf(e->msg + n, sizeof(e->msg) - n, ": %s",
	    strerror_r(saved, text, sizeof(text)));
	errno = saved;
	return -1;
}

int
err_add(struct err *e, const char *text)
{
	size_t n = strlen(e->msg);

	(void)snprintf(e->msg + n, sizeof(e->msg) - n, "%s", text);
	return -1;
}

int
err_nomem(struct err *e)
{
	return err_set(e, ERR_LIMIT, NOMEM);
}

bool
err_is_nomem(const struct err *e)
{
	return e->code == ERR_LIMIT && strcmp(e->msg, NOMEM) == 0;
}

/* The length of the longest part of s, at most max bytes, that does not end
 * within a UTF-8 sequence. */
static size_t
cut_length(struct slice s, size_t max)
{
	size_t n = max;

	if (s.len <= max)
		return s.len;
	while (n > max - 4 && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* One byte as a quoted word shows it: 1 to 4 bytes and a NUL. */
static int
escape(char out[5], unsigned char c)
{
	if (c == '"' || c == '\\')
		return snprintf(out, 5, "\\%c", c);
	if (c < 0x20 || c == 0x7f)
		return snprintf(out, 5, "\\x%02x", c);
	out[0] = (char)c;
	out[1] = '\0';
	return 1;
}

int
err_quote(struct err *e, enum err_code code, struct slice word, const char *fmt,
    ...)
{
	size_t shown = cut_length(word, EXCERPT_MAX);
	const char *tail = shown < word.len ? "...\"" : "\"";
	char esc[5];
	size_t i, n;
	va_list ap;

	va_start(ap, fmt);
	n = format(e, code, fmt, ap);
	va_end(ap);
	n += (size_t)snprintf(e->msg + n, sizeof(e->msg) - n, " \"");
	for (i = 0; i < shown; i++) {
		int k = escape(esc, (unsigned char)word.ptr[i]);

		/* Keep room for the tail, so that the quote is closed. */
		if (n + (size_t)k + sizeof("...\"") > sizeof(e->msg)) {
			tail = "...\"";
			break;
		}
		memcpy(e->msg + n, esc, (size_t)k);
		n += (size_t)k;
	}
	if (n + strlen(tail) < sizeof(e->msg))
		memcpy(e->msg + n, tail, strlen(tail) + 1);
	return -1;
}
