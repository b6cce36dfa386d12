/*
 * A hashed secret: `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, both in base64
 * without padding. ln is the binary logarithm of scrypt's N. Any thread.
 */
#ifndef NET_SCRYPT_H
#define NET_SCRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

#define SCRYPT_BYTES_MAX 64 /* of salt and of hash */
#define SCRYPT_MEMORY_MAX ((uint64_t)256 * 1024 * 1024)

struct scrypt {
	uint64_t n;
	uint32_t r;
	uint32_t p;
	unsigned char salt[SCRYPT_BYTES_MAX];
	size_t salt_len;
	unsigned char hash[SCRYPT_BYTES_MAX];
	size_t hash_len;
};

/* 0, or -1 with ERR_INVALID: not of that form, or its cost has no bound that
 * a server could bear. */
int scrypt_parse(struct slice text, struct scrypt *s, struct err *e);

/* Whether `secret` is the one hashed. Slow by design (some 50 ms and 32 MiB
 * with the parameters above): never on the main thread. */
bool scrypt_verify(const struct scrypt *s, struct slice secret);

#endif
