#include "header.h"

#include <string.h>

#include "files.h"
#include "os.h"

#define MAGIC_LEN ((size_t)8)

_Static_assert(LOG_HEADER_LEN == IMAGE_HEADER_LEN, "read as one");

static int
decode(struct header *h, const unsigned char bytes[LOG_HEADER_LEN],
    struct err *e)
{
	if (memcmp(bytes, IMAGE_MAGIC, MAGIC_LEN) == 0) {
		h->kind = HEADER_IMAGE;
		return image_header_decode(bytes, &h->image, e);
	}
	h->kind = HEADER_LOG;
	return log_header_decode(bytes, &h->log, e);
}

/* Whether turning one bit over makes it valid. The checksum leaves no choice:
 * any two headers that it holds for differ in more than two bits. */
static bool
mend(struct header *h, unsigned char bytes[LOG_HEADER_LEN])
{
	struct err ignored;

	for (unsigned bit = 0; bit < LOG_HEADER_LEN * 8; bit++) {
		unsigned char mask = (unsigned char)(1u << bit % 8);

		bytes[bit / 8] ^= mask;
		if (decode(h, bytes, &ignored) == 0)
			return true;
		bytes[bit / 8] ^= mask;
	}
	return false;
}

static ssize_t
read_bytes(int fd, unsigned char bytes[LOG_HEADER_LEN], off_t *size,
    struct err *e)
{
	ssize_t n = os_read_full(fd, bytes, LOG_HEADER_LEN, 0);
	struct stat st;

	if (n == -1 || os->fstat(fd, &st) == -1)
		return err_sys(e, ERR_STORAGE, "read");
	*size = st.st_size;
	return n;
}

/* Whether the first n bytes are those of a header, or zeros. */
static bool
may_become(const unsigned char *bytes, size_t n)
{
	static const unsigned char zeros[MAGIC_LEN];

	if (n > MAGIC_LEN)
		n = MAGIC_LEN;
	return memcmp(bytes, LOG_MAGIC, n) == 0 ||
	    memcmp(bytes, IMAGE_MAGIC, n) == 0 || memcmp(bytes, zeros, n) == 0;
}

static int
stranger(struct err *e)
{
	return err_set(e, ERR_INVALID, "neither a log of tickd nor an image");
}

int
header_read_fd(struct header *h, int fd, struct err *e)
{
	unsigned char bytes[LOG_HEADER_LEN] = { 0 };
	ssize_t n;

	memset(h, 0, sizeof(*h));
	if ((n = read_bytes(fd, bytes, &h->size, e)) == -1)
		return -1;
	h->kind = HEADER_NONE;
	if (n < (ssize_t)LOG_HEADER_LEN)
		return may_become(bytes, (size_t)n) ? 0 : stranger(e);
	if (decode(h, bytes, e) == 0)
		return 0;
	h->mended = mend(h, bytes);
	if (h->mended)
		return 0;
	if (!may_become(bytes, MAGIC_LEN))
		return stranger(e);
	return decode(h, bytes, e); /* fails again: the message is wanted */
}

int
header_read(struct header *h, const char *path, struct err *e)
{
	int fd = files_open_one(path, e);
	int rc;

	if (fd == -1)
		return -1;
	rc = header_read_fd(h, fd, e);
	(void)os->close(fd); /* only read */
	return rc;
}

const unsigned char *
header_log_id(const struct header *h)
{
	return h->kind == HEADER_IMAGE ? h->image.log_id : h->log.log_id;
}
