/*
 * A compression: the log writer begins a new segment (switching), then a
 * thread folds the earlier one into the image (compress), then, for a backup,
 * copies that. A segment that is there already, left by a failure or by the
 * last server, is folded first.
 */
#include "store_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"

#define COMPRESS_AGAIN_NS 1000000000 /* after one that failed */

static void
backup_free(struct backup *b)
{
	if (b == NULL)
		return;
	free(b->path);
	free(b);
}

static void
end_backup(struct store *s, off_t bytes, const struct err *e)
{
	struct backup *b = s->backup;

	s->backup = NULL;
	b->done(b->arg, slice_of(b->note, b->note_len), bytes, e);
	backup_free(b);
}

static void
enter(struct store *s, enum store_compression state)
{
	struct store_stats *stats = &s->stats;

	stats->compression = state;
	if (state == COMPRESSION_RUNNING) {
		s->compression_began_ns = os->mono_ns();
	} else {
		s->compression_ended_ns = os->mono_ns();
		stats->compression_ns =
		    s->compression_ended_ns - s->compression_began_ns;
		stats->compression_ended_ns = os->wall_ns();
	}
	if (s->options.compression != NULL)
		s->options.compression(s->options.arg, stats);
}

static void
compression_failed(struct store *s, const struct err *e)
{
	memcpy(s->stats.compression_error, e->msg,
	    sizeof(s->stats.compression_error));
	enter(s, COMPRESSION_FAILURE);
	if (s->backup != NULL)
		end_backup(s, 0, e);
}

/* Fold the earlier segment, which exists. */
static void
start_fold(struct store *s)
{
	const char *backup = NULL;
	struct err e;

	/* With more to fold after this, a backup would lack the newest. */
	if (s->backup != NULL && !s->compress_again) {
		backup = s->backup->path;
		s->backup->begun = true;
	}
	s->compress = compress_start(s->path, s->first_seq, backup,
	    s->options.wake, s->options.arg, &e);
	if (s->compress == NULL)
		compression_failed(s, &e);
}

void
compression_start(struct store *s)
{
	if (s->compress != NULL || s->switching || s->rebuilding) {
		s->compress_again = true;
		return;
	}
	enter(s, COMPRESSION_RUNNING);
	s->compress_again = s->unfolded && s->backup != NULL;
	if (s->unfolded) {
		start_fold(s);
		return;
	}
	s->switching = true;
	commit_order(s->commit, ORDER_SWITCH);
}

int
store_compress(struct store *s, struct err *e)
{
	if (!s->has_log)
		return err_set(e, ERR_CONFLICT,
		    "there is no logfile: persistence is memory");
	compression_start(s);
	return 0;
}

/* Whether a path is one of those that the log itself uses. */
static bool
is_own_file(const struct store *s, const char *path)
{
	static const char *const suffix[] = { "", ".old", ".new", ".base",
		".base.tmp", ".lock", ".displaced" };
	size_t n = strlen(s->path);
	char *real = store_resolve(path);
	bool own = false;

	for (size_t i = 0; i < sizeof(suffix) / sizeof(*suffix); i++)
		own |= real != NULL && strncmp(real, s->path, n) == 0 &&
		    strcmp(real + n, suffix[i]) == 0;
	free(real);
	return own;
}

int
store_backup(struct store *s, const char *path, store_backup_cb *done,
    void *arg, struct slice note, struct err *e)
{
	struct backup *b;

	if (s->has_log && s->backup != NULL)
		return err_set(e, ERR_CONFLICT, "another backup is running");
	if (s->has_log && is_own_file(s, path))
		return err_set(e, ERR_INVALID, "the log itself uses %s", path);
	if (s->has_log && (b = calloc(1, sizeof(*b))) != NULL) {
		assert(note.len < OP_NOTE_MAX);
		b->done = done;
		b->arg = arg;
		b->note_len = (uint8_t)note.len;
		memcpy(b->note, note.ptr, note.len);
		if ((b->path = strdup(path)) != NULL) {
			s->backup = b;
			return store_compress(s, e);
		}
		free(b);
	}
	return s->has_log ? err_nomem(e) : store_compress(s, e);
}

static void
end_compression(struct store *s, struct compress_result *r)
{
	bool served = s->backup != NULL && s->backup->begun;

	if (r->failed) {
		if (r->err.code == ERR_NOT_FOUND)
			rebuild_order(s);
		compression_failed(s, &r->err);
	} else {
		s->unfolded = false;
		s->stats.compression_error[0] = '\0';
		s->stats.fold = r->fold;
		s->stats.image_bytes = r->fold.image_bytes;
		atomic_store(&s->wal.has_image, true);
		enter(s, COMPRESSION_SUCCESS);
		if (served)
			end_backup(s, r->backup_bytes,
			    r->backup_failed ? &r->backup_err : NULL);
	}
	free(r->backup);
	if (s->compress_again && !r->failed) {
		s->compress_again = false;
		compression_start(s);
	}
}

void
compression_poll(struct store *s)
{
	struct compress_result result;
	struct err e;
	struct wal_state wal;
	int rc;

	if (s->switching &&
	    (rc = commit_ended(s->commit, ORDER_SWITCH, &wal, &e)) != 0) {
		s->switching = false;
		if (rc == 1) {
			s->switches++;
			s->first_seq = wal.first_seq;
			s->stats.log_bytes = wal.bytes;
			s->unfolded = true;
			start_fold(s);
		} else {
			rebuild_note(s, &wal, e.msg);
			compression_failed(s, &e);
		}
	}
	if (compress_poll(&s->compress, &result))
		end_compression(s, &result);
}

/* The log may wait for a compression to go on elsewhere, and the last one has
 * failed with what made the log fail. */
static void
compress_again(struct store *s)
{
	if (s->unfolded && s->compress == NULL && !s->switching &&
	    os->mono_ns() - s->compression_ended_ns >= COMPRESS_AGAIN_NS)
		compression_start(s);
}

void
compression_follow(struct store *s, const struct wal_state *wal, bool failed)
{
	if (failed)
		compress_again(s);
	if (!s->has_log || s->switching || wal->switches <= s->switches)
		return;
	/* The log went on in a new file after a failed sync. */
	s->switches = wal->switches;
	s->first_seq = wal->first_seq;
	s->unfolded = true;
	compression_start(s);
}

void
compression_stop(struct store *s)
{
	compress_stop(s->compress);
	s->compress = NULL;
	backup_free(s->backup);
	s->backup = NULL;
}
