/*
 * What can isolate a run: which of it works on this machine, and the words
 * that start a command in it.
 */
#ifndef EXEC_SANDBOX_H
#define EXEC_SANDBOX_H

#include <ev.h>
#include <stdbool.h>

#include "child.h"
#include "err.h"
#include "rule_spec.h"
#include "words.h"

#define SANDBOX_DETAIL_MAX 160
#define SANDBOX_KATA_WHY "starts container images only, and a rule has none"

enum sandbox_state {
	SANDBOX_MISSING,
	SANDBOX_TRIED, /* is being tried */
	SANDBOX_WORKS,
	SANDBOX_FAILS
};

struct sandboxes;

struct sandbox {
	enum sandbox_state state;
	char *path;			 /* owned; NULL: not installed */
	char detail[SANDBOX_DETAIL_MAX]; /* path and version, or why not */

	/* While it is tried. */
	struct sandboxes *all;
	struct child child;
	struct output output[OUTPUT_STREAMS];
	ev_timer limit;
};

struct sandboxes {
	struct ev_loop *loop;
	struct sandbox of[SANDBOX_KATA + 1]; /* its address must not change */
};

/*
 * Main thread. Look for them in PATH and try each that is there, once at the
 * start; the loop brings what comes of it. Before connections are opened.
 */
void sandboxes_find(struct sandboxes *s, struct ev_loop *loop);

/* Ends what is being tried. A zeroed struct is allowed. */
void sandboxes_free(struct sandboxes *s);

/* Whether one is still being tried, by a child of this thread. */
bool sandboxes_trying(const struct sandboxes *s);

/* 0 when a rule may use it, or -1 with ERR_INVALID. One that is still being
 * tried may be used. */
int sandbox_check(const struct sandboxes *s, int sandbox, struct err *e);

/* "bwrap" ... as rules have it. */
const char *sandbox_word(int sandbox);

/*
 * Add to argv, which is empty, what runs the words behind it as spec says:
 * nothing without a sandbox. What it adds belongs to the spec or to nobody.
 * Returns how such a run hears SIGTERM. Any thread.
 */
enum child_term sandbox_enter(struct words *argv, const struct rule_spec *spec);

#endif
