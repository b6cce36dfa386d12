#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include "queue.h"

#define N_ACROSS 1000000u

struct item {
	uint64_t number;
	uint64_t square; /* an item must arrive whole */
};

static struct item
item_of(uint64_t number)
{
	return (struct item){ .number = number, .square = number * number };
}

static void
push(struct queue *q, uint64_t number)
{
	struct item item = item_of(number);

	assert_true(queue_push(q, &item));
}

static void
pop(struct queue *q, uint64_t number)
{
	struct item item;

	assert_true(queue_pop(q, &item));
	assert_int_equal(item.number, number);
	assert_int_equal(item.square, number * number);
}

static void
keeps_order(void **state)
{
	struct queue *q = queue_new(8, sizeof(struct item));
	struct item item;
	uint64_t i, round;

	(void)state;
	assert_non_null(q);
	assert_false(queue_pop(q, &item));
	for (round = 0; round < 100; round++) {
		for (i = 0; i < 5; i++)
			push(q, round * 5 + i);
		for (i = 0; i < 5; i++)
			pop(q, round * 5 + i);
		assert_false(queue_pop(q, &item));
	}
	queue_free(q);
}

static void
refuses_when_full(void **state)
{
	struct queue *q = queue_new(5, sizeof(struct item));
	struct item item = item_of(0);
	uint64_t n = 0, i;

	(void)state;
	assert_non_null(q);
	while (queue_push(q, &item))
		item = item_of(++n);
	assert_in_range(n, 5, 8);
	pop(q, 0);
	push(q, n);
	assert_false(queue_push(q, &item));
	for (i = 1; i <= n; i++)
		pop(q, i);
	assert_false(queue_pop(q, &item));
	queue_free(q);
	queue_free(NULL);
}

static void
holds_one(void **state)
{
	struct queue *q = queue_new(1, sizeof(struct item));
	struct item item = item_of(2);

	(void)state;
	assert_non_null(q);
	push(q, 1);
	assert_false(queue_push(q, &item));
	pop(q, 1);
	push(q, 2);
	pop(q, 2);
	queue_free(q);
}

static void *
send_all(void *arg)
{
	struct item item;
	uint64_t i;

	for (i = 0; i < N_ACROSS; i++) {
		item = item_of(i);
		while (!queue_push(arg, &item))
			(void)sched_yield();
	}
	return NULL;
}

static void
crosses_threads(void **state)
{
	struct queue *q = queue_new(64, sizeof(struct item));
	struct item item;
	pthread_t sender;
	uint64_t i;

	(void)state;
	assert_non_null(q);
	assert_int_equal(pthread_create(&sender, NULL, send_all, q), 0);
	for (i = 0; i < N_ACROSS; i++) {
		while (!queue_pop(q, &item))
			(void)sched_yield();
		if (item.number != i || item.square != i * i)
			fail_msg("item %ju is damaged", (uintmax_t)i);
	}
	assert_int_equal(pthread_join(sender, NULL), 0);
	assert_false(queue_pop(q, &item));
	queue_free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order),
		cmocka_unit_test(refuses_when_full),
		cmocka_unit_test(holds_one),
		cmocka_unit_test(crosses_threads),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
