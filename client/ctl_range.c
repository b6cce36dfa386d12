#include "ctl_range.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number at *p, which moves behind it. strtod alone would also take
 * blanks, hexadecimal and names. */
static int
parse_number(const char **p, double *v)
{
	char *end;
	size_t n = strspn(*p, "+-.0123456789eE");

	*v = strtod(*p, &end);
	if (end == *p || (size_t)(end - *p) > n || !isfinite(*v))
		return -1;
	*p = end;
	return 0;
}

int
range_parse(const char *text, struct range *r)
{
	const char *p = text;
	const char *colon = strchr(text, ':');

	*r = (struct range){ 0, INFINITY, *p == '@' };
	if (r->inside)
		p++;
	if (colon != NULL) {
		if (*p == '~') {
			r->start = -INFINITY;
			p++;
		} else if (p != colon && parse_number(&p, &r->start) == -1) {
			return -1;
		}
		if (p++ != colon)
			return -1;
		if (*p == '\0')
			return 0;
	}
	if (parse_number(&p, &r->end) == -1 || *p != '\0')
		return -1;
	return r->start <= r->end ? 0 : -1;
}

bool
range_alerts(const struct range *r, double value)
{
	bool in = value >= r->start && value <= r->end;

	return in == r->inside;
}
