/*
 * What happens is published once, and subscribers are told each at its own
 * pace, in the order in which it happened. Publishing costs the same however
 * many there are; telling them is done in slices, so that nobody waits for it.
 *
 * The last events are kept, HUB_EVENTS of them at most and HUB_BYTES. A
 * subscriber that has not been told by then loses them and is told how many.
 *
 * Who may see an event is decided when it is published, once for each viewer:
 * all subscribers with the same token.
 *
 * Main thread.
 */
#ifndef EVENTS_HUB_H
#define EVENTS_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

#define HUB_TOPICS 8u
#define HUB_EVENTS 16384u /* a power of two */
#define HUB_BYTES ((size_t)8 << 20)

struct event;

/* Subscribers who see the same. */
struct viewer {
	struct viewer *next; /* in the hub */
	unsigned index;	     /* of its bit in events */
	unsigned refs;
	const void *who; /* the caller's */
	uint64_t since;	 /* events before are none of its business */
	/* Of each topic: how many events it could see were published, and
	 * have been forgotten. */
	uint64_t published[HUB_TOPICS];
	uint64_t forgotten[HUB_TOPICS];
};

/* Part of the caller's. */
struct subscriber {
	struct viewer *viewer;
	struct subscriber *prev, *next; /* in the ring of all */
	uint64_t at;			/* the event to be told next */
	/* Of each topic: events before that one that its viewer sees. */
	uint64_t passed[HUB_TOPICS];
};

struct hub_ops {
	/* Tell it what its viewer may see. */
	void (*tell)(struct subscriber *s, unsigned topic, struct slice subject,
	    struct slice row);
	/* It has lost so many events of the topic. */
	void (*lost)(struct subscriber *s, unsigned topic, uint64_t n);
};

struct hub {
	struct event *event[HUB_EVENTS]; /* owned; by number */
	uint64_t first, head; /* numbers of those kept, and of the next */
	size_t bytes;
	struct subscriber *turn; /* who is told next */
	size_t n;		 /* subscribers */
	size_t n_told;		 /* in a row that had nothing left to be told */
	struct viewer *viewers;	 /* owned */
	unsigned n_bits;	 /* indices below are or were in use */
	const struct hub_ops *ops;
};

struct hub *hub_new(const struct hub_ops *ops); /* NULL: no memory */
/* When nobody subscribes any more. */
void hub_free(struct hub *h);

/* From now on, as a viewer `who`. 0, or -1: no memory. */
int hub_subscribe(struct hub *h, struct subscriber *s, const void *who);
void hub_unsubscribe(struct hub *h, struct subscriber *s);
/* As another viewer; what it was not told yet is lost to it. 0, or -1: no
 * memory, and it is unsubscribed. */
int hub_change_viewer(struct hub *h, struct subscriber *s, const void *who);

/* Whether anybody subscribes as `who`. */
bool hub_has_viewer(const struct hub *h, const void *who);

/* Publish a row. `visible` says of each viewer whether it may see what the row
 * is about. */
typedef bool hub_visible_cb(const void *who, const void *what);
void hub_publish(struct hub *h, unsigned topic, struct slice subject,
    struct slice row, hub_visible_cb *visible, const void *what);
/* There is no memory for the row: who would have been told has lost it. */
void hub_lose(struct hub *h, unsigned topic, hub_visible_cb *visible,
    const void *what);

/* Tell subscribers for about so long; true: there is more to tell. */
bool hub_run(struct hub *h, int64_t for_us);
/* Tell this one all it has not been told yet. */
void hub_settle(struct hub *h, struct subscriber *s);

#endif
