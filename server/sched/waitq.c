/*
 * Each node comes before its children. Its rank is the length of the way
 * down its right children, and the rank of a left child is never below that
 * of the right one: so that way is never longer than log2(n + 1), and two
 * heaps are merged along it.
 */
#include "waitq.h"

#include <assert.h>
#include <stdbool.h>

static unsigned
rank(const struct waitq_node *node)
{
	return node == NULL ? 0 : node->rank;
}

static bool
before(const struct waitq_node *a, const struct waitq_node *b)
{
	return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

/* Put the children the right way round. False when the rank stays. */
static bool
settle(struct waitq_node *node)
{
	struct waitq_node *left = node->left;
	unsigned old = node->rank;

	if (rank(left) < rank(node->right)) {
		node->left = node->right;
		node->right = left;
	}
	node->rank = rank(node->right) + 1;
	return node->rank != old;
}

static struct waitq_node *
merge(struct waitq_node *a, struct waitq_node *b)
{
	struct waitq_node *first = a;

	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	if (before(b, a)) {
		first = b;
		b = a;
	}
	first->right = merge(first->right, b);
	first->right->parent = first;
	(void)settle(first);
	return first;
}

void
waitq_add(struct waitq *q, struct waitq_node *node, int64_t key, uint64_t tie)
{
	assert(node->queue == NULL);
	*node = (struct waitq_node){
		.queue = q,
		.key = key,
		.tie = tie,
		.rank = 1,
	};
	q->first = merge(q->first, node);
	q->first->parent = NULL;
	q->n++;
}

void
waitq_remove(struct waitq_node *node)
{
	struct waitq_node *rest, *parent = node->parent;
	struct waitq *q = node->queue;

	if (q == NULL)
		return;
	node->queue = NULL;
	q->n--;
	rest = merge(node->left, node->right);
	if (rest != NULL)
		rest->parent = parent;
	if (parent == NULL)
		q->first = rest;
	else if (parent->left == node)
		parent->left = rest;
	else
		parent->right = rest;
	while (parent != NULL && settle(parent))
		parent = parent->parent;
}
