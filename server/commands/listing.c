#include "listing.h"

#include <stdlib.h>

#include "reply.h"

/* Looked at, or written, before others get their turn. */
#define PIECE_LEAVES 2048
#define PIECE_BYTES 65536u

static void
set_from(struct listing *l, struct slice from, bool after)
{
	memcpy(l->from, from.ptr, from.len);
	l->from_len = from.len;
	l->after = after;
}

/* Some rows; true when there are no more. */
static bool
piece(struct conn *c, struct listing *l)
{
	struct slice prefix = slice_of(l->prefix, l->prefix_len);
	struct buf *out = conn_reply(c);
	size_t began = out->len;
	struct radix_walk walk;

	radix_seek(&walk, l->index, slice_of(l->from, l->from_len), l->after);
	for (int i = 0; i < PIECE_LEAVES; i++) {
		uint32_t leaf = radix_step(&walk);
		struct slice id;

		if (leaf == RADIX_NONE)
			return true;
		id = l->id_of(c, leaf);
		if (!slice_has_prefix(id, prefix))
			return true;
		if (l->visible(c, leaf) && !l->row(c, l, leaf))
			return true;
		set_from(l, id, true);
		if (out->len - began >= PIECE_BYTES)
			return false;
	}
	return false;
}

static bool
more(struct conn *c, struct stream *st)
{
	if (!piece(c, (struct listing *)(void *)st))
		return false;
	reply_ok(conn_reply(c), st->id);
	return true;
}

static void
listing_free(struct stream *st)
{
	free(st);
}

struct listing *
listing_new(const struct radix *index, struct slice id, struct slice prefix,
    struct err *e)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	l->index = index;
	l->stream.more = more;
	l->stream.free = listing_free;
	memcpy(l->id, id.ptr, id.len);
	l->stream.id = slice_of(l->id, id.len);
	memcpy(l->prefix, prefix.ptr, prefix.len);
	l->prefix_len = prefix.len;
	set_from(l, prefix, false);
	return l;
}

void
listing_after(struct listing *l, struct slice after)
{
	if (slice_cmp(after, slice_of(l->prefix, l->prefix_len)) >= 0)
		set_from(l, after, true);
}

void
listing_start(struct conn *c, struct listing *l)
{
	conn_stream(c, &l->stream);
}
