/*
 * What the sessions of agent rules can take, as the scheduler sees it: one
 * crew for each rule, kept while the rule, an execution that matched it or a
 * session needs it. The sessions themselves are exec/session.h's, which keeps
 * n_serving, n_away and `spare` true. Main thread.
 */
#ifndef SCHED_CREW_H
#define SCHED_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "rule_spec.h"

struct crews {
	void *tree;	    /* of tsearch */
	struct crew *first; /* all of them */
	int64_t spare;	    /* sessions that may still be added, of any rule */
};

struct crew {
	struct crews *crews;
	struct crew *next, **back;
	unsigned refs;
	bool starts; /* the server starts its sessions, as they are needed */
	/* What the rule is now, a reference; NULL: it is gone, or another
	 * kind of rule. */
	struct rule_spec *spec;
	int64_t n_ready, n_running; /* executions; see sched_internal.h */
	int64_t n_serving;	    /* sessions that are idle, or have a run */
	int64_t n_away; /* sessions that have none, and take none now */
	struct rule_state *rules; /* the scheduler's, that use it */
	struct session *idle;	  /* the sessions', the last used first */
	char rule[];		  /* identifier, terminated */
};

/* Whether runs of such a rule need a session. */
bool crew_is_for(const struct rule_spec *spec);

/* The crew of a rule, with a reference for the caller; made if there is none.
 * NULL: no memory. */
struct crew *crew_get(struct crews *crews, const char *rule,
    const struct rule_spec *spec);
void crew_unref(struct crew *p); /* NULL is allowed */
void crew_set_spec(struct crew *p, struct rule_spec *spec); /* may be NULL */

/* Whether one more run may have a session, when so many are with one or about
 * to be and the rule allows `limit`. */
bool crew_allows(const struct crew *p, int64_t taken, int64_t limit);

#endif
