#include "login.h"

#include <string.h>

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that the two digits at s stand for; -1: they do not. */
static int
decode_pair(struct slice s)
{
	int high, low;

	if (s.len < 2)
		return -1;
	high = hex_value(s.ptr[0]);
	low = hex_value(s.ptr[1]);
	return high == -1 || low == -1 ? -1 : high * 16 + low;
}

char *
percent_decode(struct slice s, const char **why)
{
	char *text = malloc(s.len + 1);
	size_t i, n = 0;
	int c;

	*why = "out of memory";
	if (text == NULL)
		return NULL;
	for (i = 0; i < s.len; i++) {
		c = (unsigned char)s.ptr[i];
		if (c == '%') {
			c = decode_pair(slice_of(s.ptr + i + 1, s.len - i - 1));
			i += 2;
		}
		if (c <= 0) {
			*why = "its url is not percent-encoded as it should";
			explicit_bzero(text, n);
			free(text);
			return NULL;
		}
		text[n++] = (char)c;
	}
	text[n] = '\0';
	return text;
}

int
login_parse(struct login *l, struct slice user_info, const char **why)
{
	const char *colon = NULL;
	size_t len = user_info.len;

	*l = (struct login){ 0 };
	if (len == 0)
		return 0;
	if ((colon = memchr(user_info.ptr, ':', len)) != NULL)
		len = (size_t)(colon - user_info.ptr);
	l->user = percent_decode(slice_of(user_info.ptr, len), why);
	if (l->user == NULL)
		return -1;
	if (colon == NULL)
		return 0;
	l->password =
	    percent_decode(slice_of(colon + 1, user_info.len - len - 1), why);
	if (l->password != NULL)
		return 0;
	login_free(l);
	return -1;
}

static void
wipe(char *text)
{
	if (text == NULL)
		return;
	explicit_bzero(text, strlen(text));
	free(text);
}

void
login_free(struct login *l)
{
	wipe(l->user);
	wipe(l->password);
	*l = (struct login){ 0 };
}
