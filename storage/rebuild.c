/*
 * One buffer goes to and fro. In it stand entries, each: u8 kind; of a rule or
 * an entry, its payload as a text; of a job, a SET record's payload as a text,
 * then struct job_run as it is in memory, and the history and the runs that go
 * on as texts.
 */
#include "rebuild.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rebuild {
	pthread_t thread;
	struct image_header header;
	char path[PATH_MAX]; /* of the image to come */
	void (*wake)(void *arg);
	void *wake_arg;

	pthread_mutex_t mutex;
	pthread_cond_t given;
	enum { WANTED, GIVEN, ENDED } turn; /* whose the rest is */
	bool last, stop;
	struct buf entries;
	bool failed;
	struct err err;
	off_t bytes;
};

void
rebuild_put(struct buf *out, const struct image_entry *entry)
{
	struct buf set = { 0 };

	buf_add_byte(out, (char)entry->kind);
	if (entry->kind != IMAGE_JOBS) {
		record_put_text(out, entry->payload);
		return;
	}
	record_put_set(&set, &entry->set);
	if (set.failed) {
		out->failed = true;
		buf_free(&set);
		return;
	}
	record_put_text(out,
	    slice_of(set.ptr + RECORD_HEADER_LEN, set.len - RECORD_HEADER_LEN));
	buf_free(&set);
	buf_add(out, &entry->run, sizeof(entry->run));
	record_put_text(out, entry->history);
	record_put_text(out, entry->going);
}

static bool
get_job(struct record_reader *in, struct image_entry *entry)
{
	if (!record_get_set(record_get_text(in), &entry->set) || in->bad ||
	    in->left < sizeof(entry->run))
		return false;
	memcpy(&entry->run, in->p, sizeof(entry->run));
	in->p += sizeof(entry->run);
	in->left -= sizeof(entry->run);
	entry->history = record_get_text(in);
	entry->going = record_get_text(in);
	return !in->bad;
}

static int
add_entries(struct rebuild *r, struct image_writer *w, struct err *e)
{
	struct record_reader in;

	if (r->entries.failed)
		return err_nomem(e);
	record_read(&in, buf_slice(&r->entries));
	while (in.left > 0) {
		struct image_entry entry = { 0 };

		entry.kind = (enum image_kind)record_get_u8(&in);
		if (entry.kind != IMAGE_JOBS)
			entry.payload = record_get_text(&in);
		else if (!get_job(&in, &entry))
			return err_set(e, ERR_INTERNAL, "an entry is cut");
		if (image_add(w, &entry, e) == -1)
			return -1;
	}
	return 0;
}

/* Ask for more and wait for it: false when all is to end. */
static bool
await_more(struct rebuild *r)
{
	bool stop;

	(void)pthread_mutex_lock(&r->mutex);
	r->turn = WANTED;
	(void)pthread_mutex_unlock(&r->mutex);
	r->wake(r->wake_arg);
	(void)pthread_mutex_lock(&r->mutex);
	while (r->turn != GIVEN && !r->stop)
		(void)pthread_cond_wait(&r->given, &r->mutex);
	stop = r->stop;
	(void)pthread_mutex_unlock(&r->mutex);
	return !stop;
}

static int
write_image(struct rebuild *r, struct err *e)
{
	struct image_writer *w = image_create(r->path, &r->header, e);
	int rc = 0;

	if (w == NULL)
		return -1;
	while (rc == 0 && !r->last) {
		if (!await_more(r))
			rc = err_set(e, ERR_UNAVAILABLE, "stopped");
		else
			rc = add_entries(r, w, e);
		buf_clear(&r->entries);
	}
	if (rc == 0)
		return image_finish(w, r->header.last_execution_id, &r->bytes,
		    e);
	image_abandon(w);
	return -1;
}

static void *
run(void *arg)
{
	struct rebuild *r = arg;

	r->failed = write_image(r, &r->err) == -1;
	(void)pthread_mutex_lock(&r->mutex);
	r->turn = ENDED;
	(void)pthread_mutex_unlock(&r->mutex);
	r->wake(r->wake_arg);
	return NULL;
}

static void
rebuild_free(struct rebuild *r)
{
	(void)pthread_mutex_destroy(&r->mutex);
	(void)pthread_cond_destroy(&r->given);
	buf_free(&r->entries);
	free(r);
}

struct rebuild *
rebuild_start(const char *path, const struct image_header *h,
    void (*wake)(void *arg), void *wake_arg, struct err *e)
{
	struct rebuild *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	/* Neither can fail here. */
	(void)pthread_mutex_init(&r->mutex, NULL);
	(void)pthread_cond_init(&r->given, NULL);
	r->header = *h;
	r->turn = GIVEN; /* nothing is wanted before the file is there */
	r->wake = wake;
	r->wake_arg = wake_arg;
	if (snprintf(r->path, PATH_MAX, "%s.base.tmp", path) >= PATH_MAX)
		(void)err_set(e, ERR_STORAGE, "path too long: %s", path);
	else if ((rc = pthread_create(&r->thread, NULL, run, r)) != 0)
		(void)err_set(e, ERR_LIMIT, "cannot start a thread: %s",
		    strerror(rc));
	else
		return r;
	rebuild_free(r);
	return NULL;
}

struct buf *
rebuild_buffer(struct rebuild *r)
{
	bool wanted;

	(void)pthread_mutex_lock(&r->mutex);
	wanted = r->turn == WANTED;
	(void)pthread_mutex_unlock(&r->mutex);
	return wanted ? &r->entries : NULL;
}

void
rebuild_give(struct rebuild *r, bool last)
{
	(void)pthread_mutex_lock(&r->mutex);
	r->last = last;
	r->turn = GIVEN;
	(void)pthread_cond_signal(&r->given);
	(void)pthread_mutex_unlock(&r->mutex);
}

int
rebuild_poll(struct rebuild **r, off_t *bytes, struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&(*r)->mutex);
	rc = (*r)->turn == ENDED;
	(void)pthread_mutex_unlock(&(*r)->mutex);
	if (rc == 0)
		return 0;
	(void)pthread_join((*r)->thread, NULL);
	*bytes = (*r)->bytes;
	if ((*r)->failed) {
		*e = (*r)->err;
		rc = -1;
	}
	rebuild_free(*r);
	*r = NULL;
	return rc;
}

void
rebuild_stop(struct rebuild *r)
{
	if (r == NULL)
		return;
	(void)pthread_mutex_lock(&r->mutex);
	r->stop = true;
	(void)pthread_cond_signal(&r->given);
	(void)pthread_mutex_unlock(&r->mutex);
	(void)pthread_join(r->thread, NULL);
	rebuild_free(r);
}
