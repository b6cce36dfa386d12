#include "compress.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Requests go first: as much politeness as nice(1) gives by default. */
#define COMPRESS_NICE 10

struct compress {
	pthread_t thread;
	char *path; /* owned */
	uint64_t limit_seq;
	void (*wake)(void *arg);
	void *wake_arg;
	atomic_bool stop;
	atomic_bool ended;
	struct compress_result result; /* main's once `ended` is true */
};

static void *
run(void *arg)
{
	struct compress *c = arg;
	struct compress_result *r = &c->result;

	/* On Linux this concerns the calling thread alone. */
	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid),
	    COMPRESS_NICE);
	if (c->limit_seq != 0)
		r->failed = fold(c->path, c->limit_seq, &c->stop, &r->fold,
				&r->err) == -1;
	if (r->backup != NULL) {
		r->backup_err = r->err;
		r->backup_failed = r->failed ||
		    fold_copy_image(c->path, r->backup, &r->backup_bytes,
			&r->backup_err) == -1;
	}
	atomic_store(&c->ended, true);
	c->wake(c->wake_arg);
	return NULL;
}

static void
compress_free(struct compress *c)
{
	free(c->path);
	free(c->result.backup);
	free(c);
}

struct compress *
compress_start(const char *path, uint64_t limit_seq, const char *backup,
    void (*wake)(void *arg), void *wake_arg, struct err *e)
{
	struct compress *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL || (c->path = strdup(path)) == NULL ||
	    (backup != NULL && (c->result.backup = strdup(backup)) == NULL)) {
		(void)err_nomem(e);
		goto fail;
	}
	c->limit_seq = limit_seq;
	c->wake = wake;
	c->wake_arg = wake_arg;
	if ((rc = pthread_create(&c->thread, NULL, run, c)) != 0) {
		(void)err_set(e, ERR_LIMIT, "cannot start a thread: %s",
		    strerror(rc));
		goto fail;
	}
	return c;
fail:
	if (c != NULL)
		compress_free(c);
	return NULL;
}

bool
compress_poll(struct compress **c, struct compress_result *result)
{
	if (*c == NULL || !atomic_load(&(*c)->ended))
		return false;
	(void)pthread_join((*c)->thread, NULL);
	*result = (*c)->result;
	(*c)->result.backup = NULL; /* the result's now */
	compress_free(*c);
	*c = NULL;
	return true;
}

void
compress_stop(struct compress *c)
{
	if (c == NULL)
		return;
	atomic_store(&c->stop, true);
	(void)pthread_join(c->thread, NULL);
	compress_free(c);
}
