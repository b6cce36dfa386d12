/* The client that waits for records of the scheduler, for one or for several:
 * its answer comes with the last, and is a failure if one of them was refused.
 */
#include "sched_internal.h"

#include <stdlib.h>
#include <string.h>

struct requester *
requester_new(struct sched *s, const struct store_waiter *w, const char *why)
{
	struct requester *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	if (why != NULL && (r->why = strdup(why)) == NULL) {
		free(r);
		return NULL;
	}
	r->waiter = *w;
	memcpy(r->note, w->note.ptr, w->note.len);
	r->waiter.note.ptr = r->note;
	r->next = s->requesters;
	r->link = &s->requesters;
	if (r->next != NULL)
		r->next->link = &r->next;
	s->requesters = r;
	return r;
}

static void
requester_free(struct requester *r)
{
	*r->link = r->next;
	if (r->next != NULL)
		r->next->link = r->link;
	free(r->why);
	free(r);
}

void
requesters_fini(struct sched *s)
{
	struct requester *r, *next;

	for (r = s->requesters; r != NULL; r = next) {
		next = r->next;
		free(r->why);
		free(r);
	}
	s->requesters = NULL;
}

void
requester_tell(struct requester *r, const struct err *e)
{
	if (e != NULL && !r->failed) {
		r->failed = true;
		r->err = *e;
	}
	if (--r->n_waits > 0 || !r->sealed)
		return;
	r->waiter.done(r->waiter.arg, r->waiter.note,
	    r->failed ? &r->err : NULL);
	requester_free(r);
}

int
requester_seal(struct requester *r, int rc, struct err *e)
{
	r->sealed = true;
	if (rc == -1 && !r->failed) {
		r->failed = true;
		r->err = *e;
	}
	if (r->n_waits > 0)
		return 1;
	if ((rc = r->failed ? -1 : 0) == -1)
		*e = r->err;
	requester_free(r);
	return rc;
}
