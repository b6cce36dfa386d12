#include "utf8.h"

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_MAX 4u

/* How long the sequence is that this byte can begin; 0: none. */
static size_t
length_by(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

static bool
continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t
utf8_sequence(struct slice s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s.ptr;
	uint32_t c;
	size_t n;

	if (s.len == 0 || (n = length_by(p[0])) == 0 || s.len < n)
		return 0;
	if (n == 1)
		return 1;
	c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (!continues(s.ptr[i]))
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

size_t
utf8_whole(struct slice s)
{
	size_t n = 1; /* bytes from the last that continues none */

	while (n < s.len && n < SEQUENCE_MAX && continues(s.ptr[s.len - n]))
		n++;
	if (s.len == 0 || length_by((unsigned char)s.ptr[s.len - n]) <= n)
		return s.len;
	return s.len - n;
}

size_t
utf8_remainder(struct slice s)
{
	size_t n = 0;

	while (n < s.len && continues(s.ptr[n]))
		n++;
	return n < SEQUENCE_MAX ? n : 0;
}
