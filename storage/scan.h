/*
 * Reading a log file from its header to its end, record by record, in
 * constant memory: recovery, `tickd dump` and `tickd check` go through here. A
 * server may be appending to it meanwhile.
 */
#ifndef STORAGE_SCAN_H
#define STORAGE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "record.h"

enum scan_result {
	SCAN_RECORD,  /* *r is the next record */
	SCAN_END,     /* the file ends behind the last record */
	SCAN_ZEROS,   /* only zeros follow: space written ahead */
	SCAN_TORN,    /* the rest is the tail of a group never acknowledged */
	SCAN_DAMAGED, /* a record that was durable is not valid any more */
	SCAN_FAILED   /* it cannot be read; see the error */
};

struct scan {
	int fd;
	off_t size;
	struct log_header header;
	uint32_t seed;
	off_t at;    /* offset of the record given last, or the end */
	off_t next;  /* where the one after it begins */
	bool marked; /* at the end: a mark says that all is durable */
	uint64_t next_seq;
	off_t proof;	      /* SCAN_DAMAGED: a later record, valid */
	unsigned char *bytes; /* owned: a window of the file */
	off_t window_at;
	size_t window_len;
};

/*
 * Open the file and read its header. 0; or -1 with ERR_INVALID (no log, or a
 * damaged header) or ERR_STORAGE; or 1 when the file is the begin of a header
 * and no more: then nothing is open, and s->size is its length.
 */
int scan_open(struct scan *s, const char *path, struct err *e);
/* As scan_open with a header that is known to be right, whatever the file has
 * in its place. */
int scan_open_as(struct scan *s, const char *path, const struct log_header *h,
    struct err *e);
/* As scan_open_as of an open file, which is closed with the scan, or on
 * failure. h may be NULL. */
int scan_open_fd(struct scan *s, int fd, const struct log_header *h,
    struct err *e);
void scan_close(struct scan *s);

/*
 * The next record; its payload is valid until the next call. Marks are not
 * given. After anything but SCAN_RECORD, s->at says how far the valid part
 * reaches, and *e what follows there.
 */
enum scan_result scan_next(struct scan *s, struct record *r, struct err *e);

/* Go on with record seq at offset `at`, in the file as it is now. */
void scan_seek(struct scan *s, off_t at, uint64_t seq);

/*
 * After SCAN_DAMAGED: the next valid record behind the damage. 1 and it lies
 * at s->at; 0 when there is none; -1 when the file cannot be read.
 */
int scan_behind(struct scan *s, struct record *r, struct err *e);

#endif
