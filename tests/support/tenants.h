/*
 * Two tenants on one server, who must not learn of each other. There are three
 * servers: on one there is only tenant a; on another also b, who calls the
 * same endpoint and fails there; and on the third a's clients had all of the
 * server when they came and began to watch, and were narrowed by RELOAD.
 */
#ifndef SUPPORT_TENANTS_H
#define SUPPORT_TENANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon.h"
#include "peer.h"
#include "request.h"
#include "wire.h"

#define T_2100 "4102444800000000000"

enum world_kind { ALONE, SHARED, NARROWED, N_WORLDS };

struct world {
	enum world_kind kind;
	struct daemon d;
	struct wire root, operator, reader;	/* the latter two of a */
	struct wire watcher[WATCH_TOPIC_COUNT]; /* likewise */
	struct wire workers[2];			/* of a, of b */
	/* What cases name: a's own, and what is b's or does not exist. */
	uint64_t session, other_session, alert, other_alert;
};

extern struct world worlds[N_WORLDS];
extern struct peer peer; /* the endpoint that both call */

/* For the group of tests. */
int tenants_setup(void **state);
int tenants_teardown(void **state);

/* Write auth_file, with the namespace that a's clients have. */
void world_tokens(const struct world *w, const char *namespace);
bool world_has_b(const struct world *w);
void world_open(struct wire *wire, const struct world *w, const char *secret);
/* Ask again until a row of the list has the text in it. */
void until_row(struct wire *wire, const char *request, const char *text);

#endif
