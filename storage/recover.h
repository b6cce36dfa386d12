/* Reading the log back at start; and, for whoever changes nothing, finding
 * out what a start would say. */
#ifndef STORAGE_RECOVER_H
#define STORAGE_RECOVER_H

#include "files.h"
#include "image.h"
#include "store.h"
#include "wal.h"

/* Whom recovery tells what it finds, in order: the entries of the image, then
 * records. They make sense by verify.h, but for records with more than a name,
 * which the target decodes and refuses with ERR_INVALID. 0, or -1 with *e.
 * NULL: do not tell. */
struct recover_target {
	void *arg;
	int (*image)(void *arg, const struct image_entry *entry, struct err *e);
	int (*record)(void *arg, const struct record *r, struct err *e);
};

/* Why a start is refused. */
enum recover_wrong {
	RECOVER_SOUND,	 /* it is not */
	RECOVER_FAILED,	 /* a file cannot be read, or is none */
	RECOVER_USELESS, /* nothing in the file can be read, or it has the name
			  * of another */
	RECOVER_DAMAGED, /* a bit of its header, a block, or all from `end` on
			  */
	RECOVER_FOREIGN, /* it belongs to another log */
	RECOVER_GAP,	 /* it begins behind the record awaited */
	RECOVER_ORDER,	 /* what should come before it goes on beyond it */
	RECOVER_MISSING	 /* there is no active segment, and there was one */
};

/* How a start goes on. */
enum recover_next {
	RECOVER_GO_ON,	/* in the active segment, from `end` on */
	RECOVER_BEGIN,	/* one */
	RECOVER_SWITCH, /* `<path>.new` takes the name: a switch was cut off */
	RECOVER_ADOPT	/* the image there becomes the log's; begin one */
};

struct recover_found {
	enum recover_wrong wrong;
	enum log_part part; /* that is */
	enum recover_next next;
	bool has_id; /* the header has the log's id */
	struct log_header
	    header;	    /* of the active segment, or the one to begin */
	off_t end;	    /* of a segment: how far it is valid */
	uint64_t next_seq;  /* all records before it were told */
	uint64_t scan_seq;  /* the number of the next record */
	uint64_t old_limit; /* the first record of `<path>.old` superseded; 0:
			     * it was not looked at */
	bool precedes;	    /* an image or a segment that is sound is in front
			     * of the part */
};

/*
 * Read the image and the segments of the log at path, and tell the target.
 * Nothing is changed. 0; or -1 with *e, which names the file, and
 * found->wrong.
 */
int recover_look(const char *path, const struct recover_target *target,
    struct store_recovery *out, struct recover_found *found, struct err *e);

/* Make a new active segment behind what was found. 0 or -1. */
int recover_begin(const char *path, bool sync, struct recover_found *found,
    struct wal *w, struct err *e);

/*
 * Look, and when all is sound cut off a torn tail and leave *w ready for the
 * next record; a log that does not exist is created. An image that stands at
 * path itself (a BACKUP) becomes the log's image. 0, or -1 with *fault and *e,
 * and nothing lost.
 */
int recover(const char *path, bool sync, const struct recover_target *target,
    struct wal *w, struct store_recovery *out, enum store_fault *fault,
    struct err *e);

#endif
