/*
 * Bytes as an image: whatever they are, reading ends, and what it gives can
 * be verified and printed. The first byte says what the others are:
 *
 *	even	a whole file
 *	odd	the entries of one block, behind a byte for their kind and one
 *		for their number; all around them is valid
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "image.h"
#include "os.h"
#include "print.h"
#include "verify.h"

#define BLOCK_HEADER_LEN 17u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct buf file, text;

static void
put_le(unsigned char *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static void
put_header(void)
{
	unsigned char h[IMAGE_HEADER_LEN] = IMAGE_MAGIC;

	h[8] = 1;
	put_le(h + 12, crc32(0, h, sizeof(h)), 4);
	buf_add(&file, h, sizeof(h));
}

static void
put_block(unsigned kind, unsigned n_entries, const uint8_t *raw, size_t n)
{
	static const unsigned char log_id[LOG_ID_LEN];
	uLongf stored = compressBound((uLong)n);
	unsigned char *p =
	    (unsigned char *)buf_reserve(&file, BLOCK_HEADER_LEN + stored);

	assert(p != NULL);
	if (n == 0)
		stored = 0;
	else
		assert(compress2(p + BLOCK_HEADER_LEN, &stored, raw, (uLong)n,
			   1) == Z_OK);
	put_le(p + 4, stored, 4);
	put_le(p + 8, n, 4);
	put_le(p + 12, n_entries, 4);
	p[16] = (unsigned char)kind;
	put_le(p,
	    crc32(record_seed(log_id), p + 4,
		(uInt)(BLOCK_HEADER_LEN - 4 + stored)),
	    4);
	file.len += BLOCK_HEADER_LEN + stored;
}

static void
use_entry(struct verify_order *order, const struct image_entry *entry)
{
	const struct print all = { .all = true };
	const struct print json = { .json = true };
	struct err e;

	buf_clear(&text);
	(void)print_entry(&text, &all, entry);
	(void)print_entry(&text, &json, entry);
	assert(!text.failed);
	if (verify_entry(order, entry, &e) == 0) {
		assert(text.len > 0 && text.ptr[text.len - 1] == '\n');
		verify_advance(order, entry);
	}
	if (entry->kind == IMAGE_JOBS) {
		assert(entry->set.job.len > 0 && entry->set.job.len <= 255);
		assert((unsigned)entry->run.phase < PHASE_COUNT);
	}
}

/* Read to the end, over all that is damaged. */
static void
read_image(const char *path)
{
	struct verify_order order = { 0 };
	struct image_entry entry;
	struct image_reader *r;
	off_t before = 0;
	uint32_t lost;
	struct err e;
	int rc;

	if ((r = image_open(path, &e)) == NULL) {
		assert(e.code == ERR_INVALID);
		return;
	}
	for (;;) {
		rc = image_next(r, &entry, &e);
		if (rc == 1) {
			use_entry(&order, &entry);
			continue;
		}
		if (rc == 0)
			break;
		assert(e.code == ERR_INVALID && e.msg[0] != '\0');
		if (image_skip(r, &lost, &e) != 1)
			break;
		assert(image_end(r) > before);
		before = image_end(r);
	}
	image_close(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char path[64];
	int fd;

	if (n == 0)
		return 0;
	buf_clear(&file);
	if (bytes[0] % 2 == 0) {
		buf_add(&file, bytes + 1, n - 1);
	} else if (n >= 3) {
		put_header();
		put_block(bytes[1], bytes[2], bytes + 3, n - 3);
		put_block(IMAGE_END, 0, NULL, 0);
	}
	fd = memfd_create("image", MFD_CLOEXEC);
	assert(fd != -1);
	assert(os_write_all(fd, file.ptr, file.len, 0) == 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_image(path);
	(void)close(fd);
	return 0;
}
