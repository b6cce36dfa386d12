#include "crew.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

bool
crew_is_for(const struct rule_spec *spec)
{
	return spec->runner == RUNNER_AGENT;
}

static int
compare(const void *a, const void *b)
{
	const struct crew *x = a, *y = b;

	if (x->starts != y->starts)
		return x->starts ? 1 : -1;
	return strcmp(x->rule, y->rule);
}

static struct crew *
crew_new(const char *rule, bool starts)
{
	size_t n = strlen(rule) + 1;
	struct crew *p = calloc(1, sizeof(*p) + n);

	if (p == NULL)
		return NULL;
	memcpy(p->rule, rule, n);
	p->starts = starts;
	return p;
}

struct crew *
crew_get(struct crews *crews, const char *rule, const struct rule_spec *spec)
{
	struct crew *p = crew_new(rule, spec->args.n > 0), **at;

	if (p == NULL)
		return NULL;
	if ((at = tsearch(p, &crews->tree, compare)) == NULL) {
		free(p);
		return NULL;
	}
	if (*at != p) { /* there is one */
		free(p);
		p = *at;
	} else {
		p->crews = crews;
		p->next = crews->first;
		p->back = &crews->first;
		if (p->next != NULL)
			p->next->back = &p->next;
		crews->first = p;
	}
	p->refs++;
	return p;
}

void
crew_unref(struct crew *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	(void)tdelete(p, &p->crews->tree, compare);
	*p->back = p->next;
	if (p->next != NULL)
		p->next->back = p->back;
	rule_spec_unref(p->spec);
	free(p);
}

void
crew_set_spec(struct crew *p, struct rule_spec *spec)
{
	struct rule_spec *old = p->spec;

	p->spec = spec == NULL ? NULL : rule_spec_ref(spec);
	rule_spec_unref(old);
}

bool
crew_allows(const struct crew *p, int64_t taken, int64_t limit)
{
	if (!p->starts)
		return taken < p->n_serving;
	return taken < p->n_serving + p->crews->spare &&
	    taken + p->n_away < limit;
}
