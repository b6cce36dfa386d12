/* Who is told what, in which order, and what is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub.h"

#define NEVER_OVER INT64_C(1000000000)

/* A subscriber that keeps what it was told. */
struct listener {
	struct subscriber sub; /* first */
	char told[256];
	uint64_t n_told, n_lost[HUB_TOPICS];
};

static const char root[] = "root", team[] = "team";
static struct hub *hub;

static void
tell(struct subscriber *sub, unsigned topic, struct slice subject,
    struct slice row)
{
	struct listener *l = (struct listener *)(void *)sub;
	size_t n = strlen(l->told);

	l->n_told++;
	if (n < sizeof(l->told) - 32)
		(void)snprintf(l->told + n, sizeof(l->told) - n, "%u%.*s=%.*s ",
		    topic, (int)subject.len, subject.ptr, (int)row.len,
		    row.ptr);
}

static void
lost(struct subscriber *sub, unsigned topic, uint64_t n)
{
	((struct listener *)(void *)sub)->n_lost[topic] += n;
}

static const struct hub_ops ops = { .tell = tell, .lost = lost };

static int
setup(void **state)
{
	(void)state;
	hub = hub_new(&ops);
	return hub == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	hub_free(hub);
	return 0;
}

static void
join(struct listener *l, const char *who)
{
	memset(l, 0, sizeof(*l));
	assert_int_equal(hub_subscribe(hub, &l->sub, who), 0);
}

static void
leave(struct listener *l)
{
	hub_unsubscribe(hub, &l->sub);
}

/* Root sees everything, a team what begins with its name. */
static bool
visible(const void *who, const void *what)
{
	return who == root || strncmp(what, who, strlen(who)) == 0;
}

static void
publish(unsigned topic, const char *subject, const char *row)
{
	hub_publish(hub, topic, slice_str(subject), slice_str(row), visible,
	    subject);
}

static void
run(void)
{
	while (hub_run(hub, NEVER_OVER))
		;
}

static void
all_are_told_in_order(void **state)
{
	struct listener a, b;

	(void)state;
	join(&a, root);
	publish(0, "x", "1");
	join(&b, root);
	publish(3, "y", "2");
	publish(0, "x", "3");
	assert_string_equal(a.told, ""); /* publishing tells nobody */
	run();
	assert_string_equal(a.told, "0x=1 3y=2 0x=3 ");
	assert_string_equal(b.told, "3y=2 0x=3 ");
	run();
	assert_int_equal(a.n_told, 3);
	leave(&a);
	publish(1, "z", "4");
	run();
	assert_string_equal(b.told, "3y=2 0x=3 1z=4 ");
	leave(&b);
}

static void
who_may_not_see_is_not_told(void **state)
{
	struct listener r, t;

	(void)state;
	join(&r, root);
	join(&t, team);
	publish(0, "team.a", "1");
	publish(0, "other", "2");
	publish(0, "team.b", "3");
	run();
	assert_string_equal(r.told, "0team.a=1 0other=2 0team.b=3 ");
	assert_string_equal(t.told, "0team.a=1 0team.b=3 ");
	leave(&r);
	leave(&t);
}

/* What a viewer may not see is not counted as lost to it either. */
static void
the_slow_lose_what_they_could_see(void **state)
{
	struct listener r, t;

	(void)state;
	join(&r, root);
	join(&t, team);
	for (unsigned i = 0; i < HUB_EVENTS + 100; i++)
		publish(i % 2, i % 4 == 0 ? "team.x" : "other", "row");
	run();
	assert_int_equal(r.n_told, HUB_EVENTS);
	assert_int_equal(r.n_lost[0], 50);
	assert_int_equal(r.n_lost[1], 50);
	assert_int_equal(t.n_told, HUB_EVENTS / 4);
	assert_int_equal(t.n_lost[0], 25);
	assert_int_equal(t.n_lost[1], 0);
	leave(&r);
	leave(&t);
}

static void
memory_is_bounded(void **state)
{
	static char row[100000];
	struct listener r;
	size_t kept;

	(void)state;
	memset(row, 'x', sizeof(row) - 1);
	join(&r, root);
	for (unsigned i = 0; i < 1000; i++)
		publish(0, "s", row);
	kept = (size_t)(hub->head - hub->first);
	assert_in_range(kept, 1, HUB_BYTES / sizeof(row));
	run();
	assert_int_equal(r.n_told, kept);
	assert_int_equal(r.n_told + r.n_lost[0], 1000);
	leave(&r);
	assert_int_equal(hub->bytes, 0); /* nobody is left to hear of it */
}

/* A viewer that comes later, in the place of one that went, is not shown what
 * that one could see, nor told that it has lost it. */
static void
a_place_is_used_again(void **state)
{
	struct listener r, t;

	(void)state;
	join(&r, root);
	join(&t, team);
	publish(0, "team.old", "1");
	leave(&t);
	join(&t, team);
	publish(0, "team.new", "2");
	for (unsigned i = 0; i < HUB_EVENTS; i++)
		publish(1, "other", "row");
	run();
	assert_int_equal(t.n_told, 0);
	assert_int_equal(t.n_lost[0], 1);
	assert_int_equal(r.n_lost[0], 2);
	leave(&r);
	leave(&t);
}

static void
another_token_loses_the_rest(void **state)
{
	struct listener l;

	(void)state;
	join(&l, root);
	publish(0, "team.a", "1");
	run();
	publish(0, "team.b", "2");
	publish(2, "other", "3");
	assert_int_equal(hub_change_viewer(hub, &l.sub, team), 0);
	assert_true(hub_has_viewer(hub, team));
	assert_false(hub_has_viewer(hub, root));
	publish(0, "other", "4");
	publish(0, "team.c", "5");
	run();
	assert_string_equal(l.told, "0team.a=1 0team.c=5 ");
	assert_int_equal(l.n_lost[0], 1);
	assert_int_equal(l.n_lost[2], 1);
	leave(&l);
}

/* A slice ends when its time is over, and the next goes on from there. */
static void
told_in_slices(void **state)
{
	static struct listener l[50];
	unsigned n_slices = 0;

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		join(&l[i], root);
	for (unsigned i = 0; i < 100; i++)
		publish(0, "s", "row");
	for (bool more = true; more; n_slices++)
		more = hub_run(hub, 0);
	assert_true(n_slices > 50);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(l[i].n_told, 100);
		leave(&l[i]);
	}
}

static void
one_can_be_settled_alone(void **state)
{
	struct listener a, b;

	(void)state;
	join(&a, root);
	join(&b, root);
	for (unsigned i = 0; i < 1000; i++)
		publish(0, "s", "row");
	hub_settle(hub, &a.sub);
	assert_int_equal(a.n_told, 1000);
	assert_int_equal(b.n_told, 0);
	run();
	assert_int_equal(a.n_told, 1000);
	assert_int_equal(b.n_told, 1000);
	leave(&a);
	leave(&b);
}

static void
what_has_no_memory_is_lost(void **state)
{
	struct listener r, t;

	(void)state;
	join(&r, root);
	join(&t, team);
	hub_lose(hub, 4, visible, "other");
	assert_int_equal(r.n_lost[4], 1);
	assert_int_equal(t.n_lost[4], 0);
	leave(&r);
	leave(&t);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_are_told_in_order),
		CASE(who_may_not_see_is_not_told),
		CASE(the_slow_lose_what_they_could_see),
		CASE(memory_is_bounded),
		CASE(a_place_is_used_again),
		CASE(another_token_loses_the_rest),
		CASE(told_in_slices),
		CASE(one_can_be_settled_alone),
		CASE(what_has_no_memory_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
