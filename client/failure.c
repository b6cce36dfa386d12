#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "slice.h"

/* The codes of the wire are those of protocol/err.h, moved up by one. */
_Static_assert(TICK_ERR_SYNTAX == ERR_SYNTAX + 1, "codes out of step");
_Static_assert(TICK_ERR_NOT_FOUND == ERR_NOT_FOUND + 1, "codes out of step");
_Static_assert(TICK_ERR_INTERNAL == ERR_INTERNAL + 1, "codes out of step");
_Static_assert(ERR_INTERNAL + 1 == ERR_CODE_COUNT, "codes missing in tick.h");

int
failure_set(struct failure *f, enum tick_error code, const char *fmt, ...)
{
	va_list ap;

	f->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(f->msg, sizeof(f->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int
failure_sys(struct failure *f, enum tick_error code, int error, const char *fmt,
    ...)
{
	char text[128];
	va_list ap;
	size_t n;

	f->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(f->msg, sizeof(f->msg), fmt, ap);
	va_end(ap);
	n = strlen(f->msg);
	/* strerror is not for threads; this is the GNU strerror_r. */
	(void)snprintf(f->msg + n, sizeof(f->msg) - n, ": %s",
	    strerror_r(error, text, sizeof(text)));
	return -1;
}

void
failure_clear(struct failure *f)
{
	f->code = TICK_OK;
	f->msg[0] = '\0';
}

int
failure_nomem(struct failure *f)
{
	return failure_set(f, TICK_ERR_MEMORY, "out of memory");
}

const char *
failure_word(enum tick_error code)
{
	switch (code) {
	case TICK_OK:
		return "ok";
	case TICK_ERR_USAGE:
		return "usage";
	case TICK_ERR_STOPPED:
		return "stopped";
	case TICK_ERR_ADDRESS:
		return "address";
	case TICK_ERR_CONNECT:
		return "connect";
	case TICK_ERR_TIMEOUT:
		return "timeout";
	case TICK_ERR_CLOSED:
		return "closed";
	case TICK_ERR_IO:
		return "io";
	case TICK_ERR_PROTOCOL:
		return "protocol";
	case TICK_ERR_MEMORY:
		return "memory";
	case TICK_ERR_REPLY_SIZE:
		return "reply_size";
	default:
		if (code >= TICK_ERR_SYNTAX && code <= TICK_ERR_INTERNAL)
			return err_word((enum err_code)((int)code - 1));
		return "other";
	}
}

enum tick_error
failure_code(const char *word, size_t len)
{
	for (int i = 0; i < ERR_CODE_COUNT; i++) {
		if (slice_eq(slice_of(word, len),
			slice_str(err_word((enum err_code)i))))
			return (enum tick_error)(i + 1);
	}
	return TICK_ERR_OTHER;
}
