#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "frame.h"
#include "prng.h"
#include "tstamp.h"

static const uint32_t rates[] = { 1, 2, 3, 7, 60, 512, 1000, 1024, 44100,
	65535 };

#define N_RATES (sizeof(rates) / sizeof(rates[0]))

/* What the three functions promise of a time. */
static void
check(int64_t ns, uint32_t rate)
{
	int64_t frame = frame_of(ns, rate);
	int64_t after = frame_after(ns, rate);

	assert_true(frame_start(frame, rate) <= ns);
	assert_true(frame_start(frame + 1, rate) > ns);
	assert_true(frame_start(after, rate) >= ns);
	assert_true(frame_start(after - 1, rate) < ns);
	assert_int_equal(frame_of(frame_start(frame, rate), rate), frame);
	assert_int_equal(frame_after(frame_start(frame, rate), rate), frame);
}

static void
frames_cut_time_without_a_gap(void **state)
{
	struct prng p = { 1 };

	(void)state;
	for (size_t i = 0; i < N_RATES; i++) {
		for (unsigned k = 0; k < 3000; k++) {
			int64_t ns = (int64_t)prng_next(&p) * NS_PER_S / 2 +
			    prng_below(&p, 1000000000);

			check(ns, rates[i]);
		}
	}
}

static void
the_edges_of_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_RATES; i++) {
		for (int64_t f = 1; f < 3000; f++) {
			int64_t at = frame_start(f, rates[i]);

			for (int64_t d = -1; d <= 1; d++)
				check(at + d, rates[i]);
		}
	}
}

static void
a_second_has_as_many_as_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_RATES; i++) {
		assert_int_equal(frame_of(NS_PER_S, rates[i]), rates[i]);
		assert_int_equal(frame_of(NS_PER_S - 1, rates[i]),
		    rates[i] - 1);
		assert_int_equal(frame_start(rates[i], rates[i]), NS_PER_S);
	}
}

static void
the_last_time_there_is_has_a_frame(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_RATES; i++)
		check(TSTAMP_MAX_NS, rates[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_cut_time_without_a_gap),
		cmocka_unit_test(the_edges_of_frames),
		cmocka_unit_test(a_second_has_as_many_as_said),
		cmocka_unit_test(the_last_time_there_is_has_a_frame),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
