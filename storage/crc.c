/*
 * "Slicing by 8": eight tables take eight bytes a step (Kounavis and Berry,
 * "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation",
 * IEEE Transactions on Computers 57, 2008).
 */
#include "crc.h"

#include <pthread.h>
#include <string.h>
#include <zlib.h>

#define POLYNOMIAL 0xedb88320u /* reflected */
#define LONG 256u	       /* from here on zlib is as quick, or quicker */

static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
fill(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = (c & 1) != 0 ? c >> 1 ^ POLYNOMIAL : c >> 1;
		table[0][i] = c;
	}
	for (int k = 1; k < 8; k++)
		for (uint32_t i = 0; i < 256; i++)
			table[k][i] = table[k - 1][i] >> 8 ^
			    table[0][table[k - 1][i] & 0xff];
}

static uint32_t
le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

uint32_t
crc_add(uint32_t crc, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	if (n >= LONG)
		return (uint32_t)crc32_z(crc, p, n);
	(void)pthread_once(&once, fill);
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint32_t a = le32(p) ^ crc;
		uint32_t b = le32(p + 4);

		crc = table[7][a & 0xff] ^ table[6][a >> 8 & 0xff] ^
		    table[5][a >> 16 & 0xff] ^ table[4][a >> 24] ^
		    table[3][b & 0xff] ^ table[2][b >> 8 & 0xff] ^
		    table[1][b >> 16 & 0xff] ^ table[0][b >> 24];
	}
	for (; n > 0; n--, p++)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
	return ~crc;
}

uint32_t
crc_header(const unsigned char *header, size_t n)
{
	static const unsigned char zero[4];
	uint32_t crc = crc_add(0, header, 12);

	crc = crc_add(crc, zero, sizeof(zero));
	return crc_add(crc, header + 16, n - 16);
}
