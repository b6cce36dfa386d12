/* The checksum against zlib's, for every short length and alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "crc.h"
#include "prng.h"

static void
test_known_value(void **state)
{
	(void)state;
	assert_int_equal(crc_add(0, "123456789", 9), 0xcbf43926u);
	assert_int_equal(crc_add(0, "", 0), 0);
}

static void
test_as_zlib(void **state)
{
	unsigned char bytes[1100];
	struct prng random = { 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)prng_next(&random);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n < 1000; n++)
			assert_int_equal(crc_add((uint32_t)n, bytes + from, n),
			    crc32((uLong)n, bytes + from, (uInt)n));
}

static void
test_in_pieces(void **state)
{
	const char text[] = "one, two, three, four, five, six, seven, eight";

	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++)
		assert_int_equal(crc_add(crc_add(0, text, cut), text + cut,
				     sizeof(text) - cut),
		    crc_add(0, text, sizeof(text)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_value),
		cmocka_unit_test(test_as_zlib),
		cmocka_unit_test(test_in_pieces),
	};

	return cmocka_run_group_tests_name("crc", tests, NULL, NULL);
}
