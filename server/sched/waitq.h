/*
 * A queue in the order of a key: a leftist heap whose nodes are part of what
 * waits, so that nothing is allocated and nothing can fail. Adding and
 * removing are O(log n), however many there are. One thread.
 */
#ifndef SCHED_WAITQ_H
#define SCHED_WAITQ_H

#include <stddef.h>
#include <stdint.h>

struct waitq_node {
	struct waitq *queue; /* NULL: in none; the other fields mean nothing */
	struct waitq_node *parent, *left, *right;
	int64_t key;
	uint64_t tie; /* among equal keys the smaller comes first */
	unsigned rank;
};

struct waitq {
	struct waitq_node *first; /* NULL: empty */
	size_t n;
};

/* The node must not be in a queue. */
void waitq_add(struct waitq *q, struct waitq_node *node, int64_t key,
    uint64_t tie);
/* Nothing happens when the node is in no queue. */
void waitq_remove(struct waitq_node *node);

#endif
