/* The queue by key against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "prng.h"
#include "waitq.h"

#define N 500

static struct waitq_node node[N];

static struct waitq_node *
smallest(void)
{
	struct waitq_node *least = NULL;

	for (size_t i = 0; i < N; i++) {
		if (node[i].queue == NULL)
			continue;
		if (least == NULL || node[i].key < least->key ||
		    (node[i].key == least->key && node[i].tie < least->tie))
			least = &node[i];
	}
	return least;
}

/* Children come later than their parent, the left is never the lower, and
 * the way down the right is logarithmic. Returns how many there are. */
static size_t
check(const struct waitq_node *n, const struct waitq_node *parent)
{
	if (n == NULL)
		return 0;
	assert_ptr_equal(n->parent, parent);
	assert_true(parent == NULL || n->key >= parent->key);
	assert_int_equal(n->rank, n->right == NULL ? 1 : n->right->rank + 1);
	assert_true(n->right == NULL ||
	    (n->left != NULL && n->left->rank >= n->right->rank));
	return 1 + check(n->left, n) + check(n->right, n);
}

static void
like_an_array(void **state)
{
	struct prng prng = { 11 };
	struct waitq q = { 0 };
	size_t n = 0;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		struct waitq_node *any = &node[prng_below(&prng, N)];

		if (any->queue == NULL) {
			waitq_add(&q, any, (int64_t)prng_below(&prng, 100),
			    (uint64_t)step);
			n++;
		} else {
			waitq_remove(step % 3 == 0 ? q.first : any);
			n--;
		}
		assert_int_equal(q.n, n);
		assert_ptr_equal(q.first, smallest());
		if (step % 64 == 0)
			assert_int_equal(check(q.first, NULL), n);
	}
	waitq_remove(&(struct waitq_node){ 0 });
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_an_array),
	};

	return cmocka_run_group_tests_name("waitq", tests, NULL, NULL);
}
