#include "scrypt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "token.h"

#define LN_MAX 24
#define R_MAX 1024
#define P_MAX 16

static struct slice
skip(struct slice s, size_t n)
{
	return slice_of(s.ptr + n, s.len - n);
}

static int
bad(const char *what, struct err *e)
{
	/* The text itself is near enough to a secret to stay out of logs. */
	return err_set(e, ERR_INVALID,
	    "not $scrypt$ln=..,r=..,p=..$salt$hash: %s", what);
}

/* Take what comes before `end` off *s, and `end` too; all of it when `end` is
 * not there. */
static struct slice
take_until(struct slice *s, char end)
{
	const char *p = memchr(s->ptr, end, s->len);
	struct slice part = *s;

	if (p != NULL)
		part.len = (size_t)(p - s->ptr);
	*s = skip(*s, part.len + (p != NULL));
	return part;
}

/* `name=number` */
static int
parse_cost(struct slice s, const char *name, uint64_t max, uint64_t *n)
{
	struct slice found = take_until(&s, '=');

	if (!slice_eq(found, slice_str(name)) || token_u64(s, max, n) == -1 ||
	    *n == 0)
		return -1;
	return 0;
}

static int
parse_costs(struct slice s, struct scrypt *out)
{
	uint64_t ln;
	uint64_t r;
	uint64_t p;

	if (parse_cost(take_until(&s, ','), "ln", LN_MAX, &ln) == -1 ||
	    parse_cost(take_until(&s, ','), "r", R_MAX, &r) == -1 ||
	    parse_cost(s, "p", P_MAX, &p) == -1)
		return -1;
	out->n = UINT64_C(1) << ln;
	out->r = (uint32_t)r;
	out->p = (uint32_t)p;
	return 128 * out->n * out->r <= SCRYPT_MEMORY_MAX ? 0 : -1;
}

static int
base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = memchr(digits, c, sizeof(digits) - 1);

	return p == NULL ? -1 : (int)(p - digits);
}

/* Base64, padded or not, of 1..SCRYPT_BYTES_MAX bytes. */
static int
parse_base64(struct slice s, unsigned char out[SCRYPT_BYTES_MAX], size_t *len)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t i;
	int digit;

	while (s.len > 0 && s.ptr[s.len - 1] == '=')
		s.len--;
	if (s.len % 4 == 1 || s.len / 4 * 3 + s.len % 4 > SCRYPT_BYTES_MAX + 1)
		return -1;
	*len = 0;
	for (i = 0; i < s.len; i++) {
		digit = base64_digit(s.ptr[i]);
		if (digit == -1)
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		n_bits += 6;
		if (n_bits >= 8) {
			if (*len == SCRYPT_BYTES_MAX)
				return -1;
			n_bits -= 8;
			out[(*len)++] = (unsigned char)(bits >> n_bits);
		}
	}
	return *len > 0 ? 0 : -1;
}

int
scrypt_parse(struct slice text, struct scrypt *s, struct err *e)
{
	static const char start[] = "$scrypt$";

	memset(s, 0, sizeof(*s));
	if (!slice_has_prefix(text, slice_str(start)))
		return bad("another start", e);
	text = skip(text, strlen(start));
	if (parse_costs(take_until(&text, '$'), s) == -1)
		return bad("bad cost, or one above 256 MiB", e);
	if (parse_base64(take_until(&text, '$'), s->salt, &s->salt_len) == -1)
		return bad("bad salt", e);
	if (parse_base64(text, s->hash, &s->hash_len) == -1 || s->hash_len < 16)
		return bad("bad hash", e);
	return 0;
}

bool
scrypt_verify(const struct scrypt *s, struct slice secret)
{
	unsigned char hash[SCRYPT_BYTES_MAX];
	bool same;

	/* The limit counts some buffers more than the parse did. */
	if (EVP_PBE_scrypt(secret.len == 0 ? "" : secret.ptr, secret.len,
		s->salt, s->salt_len, s->n, s->r, s->p, SCRYPT_MEMORY_MAX * 2,
		hash, s->hash_len) != 1)
		return false;
	same = CRYPTO_memcmp(hash, s->hash, s->hash_len) == 0;
	OPENSSL_cleanse(hash, sizeof(hash));
	return same;
}
