#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "scrypt.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The vectors of RFC 7914, section 12, and one of our own. */
#define RFC_1024                                                             \
	"$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2" \
	"Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA"
#define RFC_16384                                                            \
	"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o" \
	"+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
#define OF_EMPTY                            \
	"$scrypt$ln=4,r=1,p=1$c2FsdHNhbHQ$" \
	"9Qs5LmSpRWONGR2EZKl+WsZsmD06t32uZSPYetifRvw"

static void
test_vectors(void **state)
{
	static const struct {
		const char *hash;
		const char *secret;
		bool same;
	} cases[] = {
		{ RFC_1024, "password", true },
		{ RFC_1024 "==", "password", true },
		{ RFC_1024, "Password", false },
		{ RFC_1024, "", false },
		{ RFC_16384, "pleaseletmein", true },
		{ RFC_16384, "pleaseletmein ", false },
		{ OF_EMPTY, "", true },
		{ OF_EMPTY "=", "", true },
		{ OF_EMPTY, "x", false },
	};
	struct scrypt s;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(cases); i++) {
		assert_int_equal(scrypt_parse(slice_str(cases[i].hash), &s, &e),
		    0);
		assert_int_equal(scrypt_verify(&s, slice_str(cases[i].secret)),
		    cases[i].same);
	}
	assert_true(scrypt_verify(&s, slice_of(NULL, 0)));
}

static void
test_parts(void **state)
{
	struct scrypt s;
	struct err e;

	(void)state;
	assert_int_equal(scrypt_parse(slice_str(RFC_16384), &s, &e), 0);
	assert_int_equal(s.n, 16384);
	assert_int_equal(s.r, 8);
	assert_int_equal(s.p, 1);
	assert_int_equal(s.salt_len, 14);
	assert_memory_equal(s.salt, "SodiumChloride", 14);
	assert_int_equal(s.hash_len, 64);
}

#define START "$scrypt$ln=15,r=8,p=1$"
#define SALT "c2FsdHNhbHQ$"
#define BYTES_16 "AAAAAAAAAAAAAAAAAAAAAA"
#define BYTES_48 \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void
test_limits(void **state)
{
	struct scrypt s;
	struct err e;

	(void)state;
	assert_int_equal(scrypt_parse(slice_str(START SALT BYTES_16), &s, &e),
	    0);
	assert_int_equal(s.hash_len, 16);
	assert_int_equal(
	    scrypt_parse(slice_str(START BYTES_48 "$" BYTES_48 BYTES_16), &s,
		&e),
	    0);
	assert_int_equal(s.hash_len, SCRYPT_BYTES_MAX);
	assert_int_equal(
	    scrypt_parse(slice_str("$scrypt$ln=18,r=8,p=16$" SALT BYTES_16), &s,
		&e),
	    0);
}

static void
test_refuse(void **state)
{
	static const char *const texts[] = {
		"",
		"sesame",
		"$scrypt$",
		"$scrypt$$$",
		"$SCRYPT$ln=15,r=8,p=1$" SALT BYTES_16,
		"$scrypt$ln=15,r=8$" SALT BYTES_16,
		"$scrypt$r=8,ln=15,p=1$" SALT BYTES_16,
		"$scrypt$ln=15,r=8,p=1,x=1$" SALT BYTES_16,
		"$scrypt$ln=,r=8,p=1$" SALT BYTES_16,
		"$scrypt$ln=0,r=8,p=1$" SALT BYTES_16,
		"$scrypt$ln=15,r=0,p=1$" SALT BYTES_16,
		"$scrypt$ln=15,r=8,p=0$" SALT BYTES_16,
		"$scrypt$ln=15,r=8,p=17$" SALT BYTES_16,
		"$scrypt$ln=19,r=8,p=1$" SALT BYTES_16, /* 512 MiB */
		"$scrypt$ln=25,r=1,p=1$" SALT BYTES_16,
		"$scrypt$ln=63,r=1024,p=1$" SALT BYTES_16,
		"$scrypt$ln=99999999999999999999,r=8,p=1$" SALT BYTES_16,
		"$scrypt$ln=-1,r=8,p=1$" SALT BYTES_16,
		START,
		START "$" BYTES_16,
		START SALT,
		START SALT "AAAA",
		START SALT "AAAAAAAAAAAAAAAAAAAAA", /* 4n + 1 digits */
		START SALT "AAAAAAAAAAAAAAAAAAAA!!",
		START SALT "AAAAAAAAAAAAAAAAAAAA-_",
		START SALT BYTES_16 "$",
		START SALT BYTES_48 BYTES_16 "A",
		START SALT BYTES_48 BYTES_48,
		START BYTES_48 BYTES_48 "$" BYTES_16,
		START SALT BYTES_16 " ",
	};
	struct scrypt s;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(texts); i++) {
		assert_int_equal(scrypt_parse(slice_str(texts[i]), &s, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_memory_equal(e.msg, "not $scrypt$", 12);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
