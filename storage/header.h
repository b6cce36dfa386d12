/* What a file beside a log is, by its first bytes: for the offline tools. */
#ifndef STORAGE_HEADER_H
#define STORAGE_HEADER_H

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"
#include "image.h"
#include "record.h"

enum header_kind {
	HEADER_LOG,
	HEADER_IMAGE,
	HEADER_NONE /* shorter than a header: a creation that never ended */
};

struct header {
	enum header_kind kind;
	bool mended;		   /* one bit in the file is wrong */
	off_t size;		   /* of the file */
	struct log_header log;	   /* HEADER_LOG */
	struct image_header image; /* HEADER_IMAGE */
};

/*
 * Read the header of the file. One wrong bit is found by trying them all: the
 * header is right again, and mended tells. 0; or -1 with ERR_INVALID (neither
 * a log nor an image, or damaged beyond that), ERR_NOT_FOUND or ERR_STORAGE.
 */
int header_read(struct header *h, const char *path, struct err *e);
/* Of an open file; where it stands in it does not matter. */
int header_read_fd(struct header *h, int fd, struct err *e);

/* The id of the log that it belongs to. */
const unsigned char *header_log_id(const struct header *h);

#endif
