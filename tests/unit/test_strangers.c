#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "strangers.h"

#define S INT64_C(1000000000)

static struct strangers strangers;
static int64_t now_ns;

static int
fresh(void **state)
{
	(void)state;
	memset(&strangers, 0, sizeof(strangers));
	now_ns = 1000 * S;
	return 0;
}

static struct stranger_verdict
fail_from(const char *address)
{
	struct sockaddr_storage peer = { 0 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		memcpy(&peer, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		memcpy(&peer, &v6, sizeof(v6));
	else
		peer.ss_family = AF_UNIX;
	return strangers_failed(&strangers, &peer, now_ns);
}

static void
test_burst_then_rate(void **state)
{
	(void)state;
	for (int i = 0; i < STRANGER_BURST; i++)
		assert_int_equal(fail_from("10.0.0.1").delay_ns, 0);
	assert_int_equal(fail_from("10.0.0.1").delay_ns, S / STRANGER_RATE);
	assert_int_equal(fail_from("10.0.0.1").delay_ns, 2 * S / STRANGER_RATE);
	now_ns += 2 * S / STRANGER_RATE; /* both have been answered */
	assert_int_equal(fail_from("10.0.0.1").delay_ns, S / STRANGER_RATE);
	now_ns += 60 * S;
	assert_int_equal(fail_from("10.0.0.1").delay_ns, 0);
}

static void
test_delay_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < 10000; i++)
		assert_in_range(fail_from("10.0.0.1").delay_ns, 0,
		    STRANGER_DELAY_MAX_NS);
	assert_int_equal(fail_from("10.0.0.1").delay_ns, STRANGER_DELAY_MAX_NS);
	now_ns += STRANGER_DELAY_MAX_NS + STRANGER_BURST * S / STRANGER_RATE;
	assert_int_equal(fail_from("10.0.0.1").delay_ns, 0);
}

static void
test_addresses_are_apart(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * STRANGER_BURST; i++)
		(void)fail_from("2001:db8::1");
	assert_true(fail_from("2001:db8::1").delay_ns > 0);
	assert_true(fail_from("2001:db8::ffff:2").delay_ns > 0);
	assert_int_equal(fail_from("2001:db8:0:1::1").delay_ns, 0);
	assert_int_equal(fail_from("10.0.0.1").delay_ns, 0);
	assert_int_equal(fail_from("unix").delay_ns, 0);
}

static void
test_log_once_a_second(void **state)
{
	(void)state;
	assert_int_equal(fail_from("10.0.0.1").n_log, 1);
	assert_int_equal(fail_from("10.0.0.1").n_log, 0);
	assert_int_equal(fail_from("10.0.0.2").n_log, 1);
	now_ns += S - 1;
	assert_int_equal(fail_from("10.0.0.1").n_log, 0);
	now_ns += 1;
	assert_int_equal(fail_from("10.0.0.1").n_log, 3);
	assert_int_equal(fail_from("10.0.0.1").n_log, 0);
}

static void
test_many_addresses(void **state)
{
	struct sockaddr_storage peer = { 0 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	(void)state;
	for (uint32_t i = 1; i <= 100000; i++) {
		v4.sin_addr.s_addr = i;
		memcpy(&peer, &v4, sizeof(v4));
		now_ns += 1000;
		assert_int_equal(
		    strangers_failed(&strangers, &peer, now_ns).delay_ns, 0);
	}
	for (int i = 0; i < STRANGER_BURST; i++)
		(void)strangers_failed(&strangers, &peer, now_ns);
	assert_true(strangers_failed(&strangers, &peer, now_ns).delay_ns > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_burst_then_rate, fresh),
		cmocka_unit_test_setup(test_delay_is_bounded, fresh),
		cmocka_unit_test_setup(test_addresses_are_apart, fresh),
		cmocka_unit_test_setup(test_log_once_a_second, fresh),
		cmocka_unit_test_setup(test_many_addresses, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
