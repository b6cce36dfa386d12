/*
 * One pass over the text, a line at a time. The comment is cut off a value
 * while it is scanned, so that `#` and `;` inside quotes stay:
 *
 *     value   = quoted | list | bare
 *     quoted  = '"' with escapes \" \\ \n \r \t '"'  or  "'" verbatim "'"
 *     list    = '[' (quoted | bare) ',' ... ']'        on one line
 *     bare    = up to a blank followed by '#' or ';'
 *
 * Why not inih: as built by distributions it tells no line numbers, takes an
 * indented line for a continuation, cuts lines at 200 bytes and section names
 * at 50 without a word, reports no empty section, and takes `;` inside quotes
 * for a comment. A token of the auth file must not change its name that way.
 */
#include "ini.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_comment(char c)
{
	return c == '#' || c == ';';
}

static struct slice
skip(struct slice s, size_t n)
{
	return slice_of(s.ptr + n, s.len - n);
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.ptr[0]))
		s = skip(s, 1);
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

int
ini_error(const struct ini *in, struct err *e, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap); /* cut off when too long */
	va_end(ap);
	return err_set(e, ERR_INVALID, "%s:%u: %s", in->file, in->line, msg);
}

/* The length of the quoted text s begins with, quotes included; 0 when it is
 * not closed. */
static size_t
quoted_len(struct slice s)
{
	char quote = s.ptr[0];
	size_t i;

	for (i = 1; i < s.len; i++) {
		if (s.ptr[i] == quote)
			return i + 1;
		if (s.ptr[i] == '\\' && quote == '"')
			i++;
	}
	return 0;
}

/* As quoted_len, for a list. */
static size_t
list_len(struct slice s)
{
	size_t i = 1;
	size_t n;

	while (i < s.len) {
		if (s.ptr[i] == ']')
			return i + 1;
		n = 1;
		if (s.ptr[i] == '"' || s.ptr[i] == '\'')
			n = quoted_len(skip(s, i));
		if (n == 0)
			return 0;
		i += n;
	}
	return 0;
}

static size_t
bare_len(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (is_comment(s.ptr[i]) && (i == 0 || is_blank(s.ptr[i - 1])))
			break;
	}
	return i;
}

/* Set in->value from what follows the '='. */
static int
parse_value(struct ini *in, struct slice s, struct err *e)
{
	struct slice after;
	size_t n;

	s = trim(s);
	if (s.len == 0 || strchr("\"'[", s.ptr[0]) == NULL) {
		in->value = trim(slice_of(s.ptr, bare_len(s)));
		return INI_PAIR;
	}
	n = s.ptr[0] == '[' ? list_len(s) : quoted_len(s);
	if (n == 0)
		return ini_error(in, e, "%.*s: no closing %s on this line",
		    (int)in->key.len, in->key.ptr,
		    s.ptr[0] == '[' ? "bracket" : "quote");
	after = trim(skip(s, n));
	if (after.len > 0 && !is_comment(after.ptr[0]))
		return ini_error(in, e, "%.*s: text after the value",
		    (int)in->key.len, in->key.ptr);
	in->value = slice_of(s.ptr, n);
	return INI_PAIR;
}

static int
parse_pair(struct ini *in, struct slice line, struct err *e)
{
	const char *equals = memchr(line.ptr, '=', line.len);

	if (equals == NULL)
		return ini_error(in, e, "neither a section nor key = value");
	in->key = trim(slice_of(line.ptr, (size_t)(equals - line.ptr)));
	if (in->key.len == 0)
		return ini_error(in, e, "no key before the =");
	return parse_value(in, skip(line, (size_t)(equals - line.ptr) + 1), e);
}

static int
parse_section(struct ini *in, struct slice line, struct err *e)
{
	const char *close = memchr(line.ptr, ']', line.len);
	struct slice after;

	if (close == NULL)
		return ini_error(in, e, "section without a closing bracket");
	in->section =
	    trim(slice_of(line.ptr + 1, (size_t)(close - line.ptr) - 1));
	if (in->section.len == 0)
		return ini_error(in, e, "section without a name");
	after = trim(skip(line, (size_t)(close - line.ptr) + 1));
	if (after.len > 0 && !is_comment(after.ptr[0]))
		return ini_error(in, e, "text after the section");
	return INI_SECTION;
}

static struct slice
next_line(struct ini *in)
{
	const char *newline = memchr(in->rest.ptr, '\n', in->rest.len);
	struct slice line = in->rest;

	if (newline != NULL)
		line.len = (size_t)(newline - line.ptr);
	in->rest = skip(in->rest, line.len + (newline != NULL));
	in->line++;
	return line;
}

int
ini_next(struct ini *in, struct err *e)
{
	static const char bom[] = "\xEF\xBB\xBF";
	struct slice line;

	if (in->line == 0 && slice_has_prefix(in->rest, slice_str(bom)))
		in->rest = skip(in->rest, strlen(bom));
	while (in->rest.len > 0) {
		line = next_line(in);
		if (line.len > INI_LINE_MAX)
			return ini_error(in, e, "line over %zu bytes",
			    INI_LINE_MAX);
		if (memchr(line.ptr, '\0', line.len) != NULL)
			return ini_error(in, e, "NUL byte");
		line = trim(line);
		if (line.len == 0 || is_comment(line.ptr[0]))
			continue;
		if (line.ptr[0] == '[')
			return parse_section(in, line, e);
		return parse_pair(in, line, e);
	}
	return INI_END;
}

static int
unescape(struct slice s, struct buf *out, struct err *e)
{
	static const char letters[] = "\"\\nrt";
	static const char bytes[] = "\"\\\n\r\t";
	const char *known;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.ptr[i] != '\\') {
			buf_add_byte(out, s.ptr[i]);
			continue;
		}
		i++; /* a quoted text never ends in a lone backslash */
		known = memchr(letters, s.ptr[i], sizeof(letters) - 1);
		if (known == NULL)
			return err_set(e, ERR_INVALID,
			    "escape other than \\\" \\\\ \\n \\r \\t");
		buf_add_byte(out, bytes[known - letters]);
	}
	return 0;
}

int
ini_string(struct slice raw, struct buf *out, struct err *e)
{
	/* Room for all of it at once: growing would leave copies of secrets. */
	(void)buf_reserve(out, raw.len + 1);
	if (raw.len == 0)
		return out->failed ? err_nomem(e) : 0;
	if (memchr(raw.ptr, '\0', raw.len) != NULL)
		return err_set(e, ERR_INVALID, "NUL byte");
	if (raw.ptr[0] != '"' && raw.ptr[0] != '\'') {
		buf_add_slice(out, raw);
	} else {
		if (quoted_len(raw) != raw.len)
			return err_set(e, ERR_INVALID, "unbalanced quotes");
		raw = slice_of(raw.ptr + 1, raw.len - 2);
		if (raw.ptr[-1] == '\'')
			buf_add_slice(out, raw);
		else if (unescape(raw, out, e) == -1)
			return -1;
	}
	return out->failed ? err_nomem(e) : 0;
}

/* The length of the first item of a list's inside. */
static size_t
item_len(struct slice s)
{
	const char *comma;

	if (s.ptr[0] == '"' || s.ptr[0] == '\'')
		return quoted_len(s);
	comma = memchr(s.ptr, ',', s.len);
	return comma == NULL ? s.len : (size_t)(comma - s.ptr);
}

/* Take one item, and the comma after it, off the inside of a list. */
static int
take_item(struct slice *s, struct buf *scratch, struct strings *out,
    struct err *e)
{
	size_t n = item_len(*s);

	if (n == 0)
		return err_set(e, ERR_INVALID,
		    s->ptr[0] == ',' ? "empty item in the list"
				     : "unbalanced quotes");
	buf_clear(scratch);
	if (ini_string(trim(slice_of(s->ptr, n)), scratch, e) == -1 ||
	    strings_add(out, buf_slice(scratch), e) == -1)
		return -1;
	*s = trim(skip(*s, n));
	if (s->len == 0)
		return 0;
	if (s->ptr[0] != ',')
		return err_set(e, ERR_INVALID, "no comma between items");
	*s = trim(skip(*s, 1)); /* one after the last item is allowed */
	return 0;
}

static int
take_items(struct slice s, struct strings *out, struct err *e)
{
	struct buf scratch = { 0 };
	int r = 0;

	s = trim(s);
	while (r == 0 && s.len > 0)
		r = take_item(&s, &scratch, out, e);
	buf_free(&scratch);
	return r;
}

int
ini_list(struct slice raw, struct strings *out, struct err *e)
{
	struct buf text = { 0 };
	int r;

	if (raw.len > 0 && raw.ptr[0] == '[') {
		if (list_len(raw) != raw.len)
			return err_set(e, ERR_INVALID, "unbalanced brackets");
		return take_items(slice_of(raw.ptr + 1, raw.len - 2), out, e);
	}
	r = ini_string(raw, &text, e);
	if (r == 0)
		r = take_items(buf_slice(&text), out, e);
	buf_free(&text);
	return r;
}

/* Fill out with up to INI_FILE_MAX bytes; more is an error. */
static int
read_all(int fd, const char *path, struct buf *out, struct err *e)
{
	char *room = buf_reserve(out, INI_FILE_MAX + 1);
	ssize_t n;

	if (room == NULL)
		return err_nomem(e);
	while (out->len <= INI_FILE_MAX) {
		n = read(fd, out->ptr + out->len, INI_FILE_MAX + 1 - out->len);
		if (n == 0)
			return 0;
		if (n > 0)
			out->len += (size_t)n;
		else if (errno != EINTR)
			return err_sys(e, ERR_INVALID, "read %s", path);
	}
	return err_set(e, ERR_INVALID, "%s: larger than %zu bytes", path,
	    INI_FILE_MAX);
}

int
ini_read_file(const char *path, struct buf *out, mode_t *mode, struct err *e)
{
	struct stat st;
	int fd;
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_INVALID,
		    "open %s", path);
	if (fstat(fd, &st) == -1) {
		r = err_sys(e, ERR_INVALID, "stat %s", path);
	} else {
		*mode = st.st_mode;
		r = read_all(fd, path, out, e);
	}
	(void)close(fd); /* only read from */
	return r;
}
