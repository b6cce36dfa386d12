/*
 * Records and entries of an image as text, each line a request of the
 * protocol without its id, or as JSON, one object a line. tickd(8) describes
 * both.
 */
#ifndef STORAGE_PRINT_H
#define STORAGE_PRINT_H

#include <stdbool.h>

#include "buf.h"
#include "image.h"
#include "jobs.h"
#include "record.h"
#include "slice.h"

struct print {
	bool json;
	/* Runs and entries too; and in text every line begins with the number
	 * of its record, `-` for what comes from an image. */
	bool all;
	/* Of what stands: jobs that have ended too, and of the entries only
	 * those that a request sets. */
	bool ended, settings;
	/* The word for a run's outcome; NULL: unknown. */
	const char *(*outcome)(unsigned outcome);
};

/* Append the record, or nothing when it is not wanted. False: its content
 * makes no sense, and nothing was appended. */
bool print_record(struct buf *out, const struct print *p,
    const struct record *r);

/* Append the record if something is gone by it: removed, or a job that has
 * ended. As a request that removes it. */
void print_removal(struct buf *out, const struct print *p,
    const struct record *r);

/* A rule, job or entry of an image as the records that would lead to it. False
 * as above. */
bool print_entry(struct buf *out, const struct print *p,
    const struct image_entry *entry);

/* A job, unless it has ended and that is not wanted, or rule as it stands. */
void print_job(struct buf *out, const struct print *p,
    const struct record_set *s, enum job_status status);
bool print_rule(struct buf *out, const struct print *p, struct slice payload);
/* An entry as it stands; in text only one that a request sets. */
void print_entry_left(struct buf *out, const struct print *p,
    const struct record_entry *entry);

#endif
