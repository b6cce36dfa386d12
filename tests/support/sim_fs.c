/*
 * A file has its present content and the content that is safe, and between
 * the two the list of its operations that are pending. A power cut takes the
 * safe content, makes of it the versions that the pending operations lead
 * through, and picks for every sector one of them.
 */
#include "sim_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "prng.h"

#define SECTOR 512u
#define FILES_MAX 64u /* ever created, not at a time */
#define NAMES_MAX 16u
#define NAME_LEN_MAX 64u
#define FDS_MAX 64u
#define FOLDER FILES_MAX /* what a descriptor of the folder stands for */

enum op_kind {
	OP_WRITE,
	OP_RESIZE,
	OP_CREATE,
	OP_RENAME,
	OP_UNLINK,
	OP_SYNC_DATA,
	OP_SYNC,
	OP_SYNC_FOLDER
};

struct op {
	enum op_kind kind;
	unsigned file;
	size_t at, n; /* of the bytes; RESIZE: n is the new size */
	unsigned char *bytes;
	char from[NAME_LEN_MAX], to[NAME_LEN_MAX];
};

struct ops {
	struct op *op;
	size_t n, cap;
};

struct bytes {
	unsigned char *p;
	size_t n;
};

/* An operation that is not safe yet: its place in the record. */
struct pending {
	size_t *op;
	size_t n, cap;
};

struct file {
	struct bytes now, safe;
	struct pending pending;
	size_t n_sized; /* of the pending, those whose size is safe */
	int lock_fd;	/* -1: none */
};

struct name {
	char text[NAME_LEN_MAX];
	unsigned file;
};

struct names {
	struct name name[NAMES_MAX];
	unsigned n;
};

struct sim_fs {
	enum sim_order order;
	unsigned number;
	struct file file[FILES_MAX];
	unsigned n_files;
	struct names now, safe;
	struct pending pending;	  /* of the names */
	struct ops ops;		  /* the record of what happened here */
	const struct ops *record; /* it, or the one that is played */
	size_t n_done;		  /* operations of it */
	bool frozen;
};

struct fd {
	struct sim_fs *fs; /* NULL: not open */
	unsigned file;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sim_fs *in_use;
static struct fd fds[FDS_MAX];
static int64_t wall, mono;
static unsigned n_made; /* by main alone */

static void
give_up(const char *why)
{
	(void)fprintf(stderr, "sim_fs: %s\n", why);
	abort();
}

static void *
grown(void *p, size_t n)
{
	if ((p = realloc(p, n == 0 ? 1 : n)) == NULL)
		give_up("no memory");
	return p;
}

static void
bytes_resize(struct bytes *b, size_t n)
{
	if (n == b->n)
		return;
	b->p = grown(b->p, n);
	if (n > b->n)
		memset(b->p + b->n, 0, n - b->n);
	b->n = n;
}

static struct bytes
bytes_copy(const struct bytes *b)
{
	struct bytes copy = { grown(NULL, b->n), b->n };

	if (b->n > 0)
		memcpy(copy.p, b->p, b->n);
	return copy;
}

static void
pending_add(struct pending *p, size_t op)
{
	if (p->n == p->cap) {
		p->cap = p->cap * 2 + 8;
		p->op = grown(p->op, p->cap * sizeof(*p->op));
	}
	p->op[p->n++] = op;
}

/* What a WRITE or RESIZE does to a content. */
static void
change_bytes(struct bytes *b, const struct op *op)
{
	if (op->kind == OP_RESIZE) {
		bytes_resize(b, op->n);
		return;
	}
	if (op->at + op->n > b->n)
		bytes_resize(b, op->at + op->n);
	memcpy(b->p + op->at, op->bytes, op->n);
}

/* The name that a path stands for, whatever the folder. */
static const char *
name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static struct name *
find_name(struct names *names, const char *text)
{
	for (unsigned i = 0; i < names->n; i++)
		if (strcmp(names->name[i].text, text) == 0)
			return &names->name[i];
	return NULL;
}

static void
drop_name(struct names *names, const char *text)
{
	struct name *name = find_name(names, text);

	if (name != NULL)
		*name = names->name[--names->n];
}

static void
add_name(struct names *names, const char *text, unsigned file)
{
	struct name *name = &names->name[names->n];

	if (names->n++ == NAMES_MAX)
		give_up("too many names");
	(void)snprintf(name->text, sizeof(name->text), "%s", text);
	name->file = file;
}

/* What a CREATE, RENAME or UNLINK does to the names. */
static void
change_names(struct names *names, const struct op *op)
{
	struct name *name;

	switch (op->kind) {
	case OP_CREATE:
		add_name(names, op->to, op->file);
		break;
	case OP_RENAME:
		drop_name(names, op->to);
		name = find_name(names, op->from);
		(void)snprintf(name->text, sizeof(name->text), "%s", op->to);
		break;
	default:
		drop_name(names, op->from);
	}
}

/* The journal of SIM_ORDERED is on the disk as far as it goes. */
static void
commit_journal(struct sim_fs *fs)
{
	fs->safe = fs->now;
	fs->pending.n = 0;
	for (unsigned i = 0; i < fs->n_files; i++)
		fs->file[i].n_sized = fs->file[i].pending.n;
}

static void
sync_file(struct sim_fs *fs, const struct op *op)
{
	struct file *f = &fs->file[op->file];
	bool journal = op->kind == OP_SYNC || f->now.n != f->safe.n;

	for (size_t i = 0; i < f->pending.n; i++)
		change_bytes(&f->safe, &fs->record->op[f->pending.op[i]]);
	f->pending.n = f->n_sized = 0;
	if (fs->order == SIM_ORDERED && journal)
		commit_journal(fs);
}

/* The next operation of the record. */
static void
perform(struct sim_fs *fs)
{
	size_t i = fs->n_done++;
	const struct op *op = &fs->record->op[i];

	switch (op->kind) {
	case OP_WRITE:
	case OP_RESIZE:
		change_bytes(&fs->file[op->file].now, op);
		pending_add(&fs->file[op->file].pending, i);
		break;
	case OP_CREATE:
		if (op->file >= FILES_MAX)
			give_up("too many files");
		fs->file[op->file].lock_fd = -1;
		fs->n_files = op->file + 1;
		/* FALLTHROUGH */
	case OP_RENAME:
	case OP_UNLINK:
		change_names(&fs->now, op);
		pending_add(&fs->pending, i);
		break;
	case OP_SYNC_DATA:
	case OP_SYNC:
		sync_file(fs, op);
		break;
	case OP_SYNC_FOLDER:
		if (fs->order == SIM_ORDERED)
			commit_journal(fs);
		fs->safe = fs->now;
		fs->pending.n = 0;
	}
}

/* Record an operation and perform it. */
static void
add(struct sim_fs *fs, const struct op *op)
{
	struct ops *ops = &fs->ops;

	if (ops->n == ops->cap) {
		ops->cap = ops->cap * 2 + 64;
		ops->op = grown(ops->op, ops->cap * sizeof(*ops->op));
	}
	ops->op[ops->n++] = *op;
	perform(fs);
}

struct sim_fs *
sim_new(enum sim_order order)
{
	struct sim_fs *fs = calloc(1, sizeof(*fs));

	if (fs == NULL)
		give_up("no memory");
	fs->order = order;
	fs->number = ++n_made;
	fs->record = &fs->ops;
	return fs;
}

void
sim_free(struct sim_fs *fs)
{
	if (fs == NULL)
		return;
	for (unsigned i = 0; i < FILES_MAX; i++) {
		free(fs->file[i].now.p);
		free(fs->file[i].safe.p);
		free(fs->file[i].pending.op);
	}
	for (size_t i = 0; i < fs->ops.n; i++)
		free(fs->ops.op[i].bytes);
	free(fs->ops.op);
	free(fs->pending.op);
	free(fs);
}

void
sim_use(struct sim_fs *fs)
{
	(void)pthread_mutex_lock(&mutex);
	in_use = fs;
	(void)pthread_mutex_unlock(&mutex);
}

void
sim_set_wall(int64_t wall_ns)
{
	(void)pthread_mutex_lock(&mutex);
	wall = wall_ns;
	(void)pthread_mutex_unlock(&mutex);
}

void
sim_kill(struct sim_fs *fs)
{
	(void)pthread_mutex_lock(&mutex);
	for (unsigned i = 0; i < FDS_MAX; i++)
		if (fds[i].fs == fs)
			fds[i].fs = NULL;
	for (unsigned i = 0; i < fs->n_files; i++)
		fs->file[i].lock_fd = -1;
	(void)pthread_mutex_unlock(&mutex);
}

void
sim_freeze(struct sim_fs *fs, bool frozen)
{
	(void)pthread_mutex_lock(&mutex);
	fs->frozen = frozen;
	(void)pthread_mutex_unlock(&mutex);
}

size_t
sim_n_ops(struct sim_fs *fs)
{
	size_t n;

	(void)pthread_mutex_lock(&mutex);
	n = fs->ops.n;
	(void)pthread_mutex_unlock(&mutex);
	return n;
}

bool
sim_play(struct sim_fs *fs, const struct sim_fs *recorded)
{
	fs->record = &recorded->ops;
	if (fs->n_done == recorded->ops.n)
		return false;
	perform(fs);
	return true;
}

/* What a cut leaves of a file. */

struct cut {
	const struct sim_loss *loss;
	enum sim_order order;
	const struct ops *record;
	struct prng prng;
	size_t journal; /* SIM_ORDERED: operations before this one survive */
};

/* A number of 0 .. n: how many of n things in a row survive. */
static size_t
survivors(struct cut *c, size_t n)
{
	switch (c->loss->survival) {
	case SIM_NONE:
		return 0;
	case SIM_ALL:
		return n;
	default:
		return prng_below(&c->prng, (uint32_t)n + 1);
	}
}

/* How many pending operations have left their mark on the size. */
static size_t
sized(struct cut *c, const struct file *f)
{
	size_t n = f->n_sized;

	if (c->order == SIM_STRICT)
		return survivors(c, f->pending.n);
	while (n < f->pending.n && f->pending.op[n] < c->journal)
		n++;
	return n;
}

static void
copy_sector(struct bytes *to, const struct bytes *from, size_t at, size_t n)
{
	size_t have = from->n > at ? from->n - at : 0;

	if (at + n > to->n)
		n = to->n - at;
	if (have > n)
		have = n;
	if (have > 0)
		memcpy(to->p + at, from->p + at, have);
	memset(to->p + at + have, 0, n - have);
}

/* The first sector of a stretch of two that the cut hit in their middle. */
static size_t
torn_sector(struct cut *c, const struct file *f)
{
	size_t first = SIZE_MAX;

	for (size_t i = 0; i < f->pending.n; i++) {
		const struct op *op = &c->record->op[f->pending.op[i]];

		if (op->kind == OP_WRITE && op->at / SECTOR < first)
			first = op->at / SECTOR;
	}
	return first == SIZE_MAX ? first : first + prng_below(&c->prng, 4);
}

static struct bytes
mix(struct cut *c, const struct file *f, const struct bytes *version,
    size_t n_sized)
{
	struct bytes out = { NULL, 0 };
	size_t n = f->pending.n;
	size_t common = survivors(c, n);
	size_t torn = torn_sector(c, f);

	bytes_resize(&out, version[n_sized].n);
	for (size_t s = 0; s * SECTOR < out.n; s++) {
		size_t k = common;
		size_t least = 0;

		if (c->order == SIM_ORDERED && (s + 1) * SECTOR > f->safe.n)
			least = n_sized;
		if (c->loss->survival >= SIM_SECTORS)
			k = survivors(c, n);
		k = k < least ? least : k;
		copy_sector(&out, &version[k], s * SECTOR, SECTOR);
		if (c->loss->survival != SIM_TORN || s < torn || s > torn + 1)
			continue;
		k = survivors(c, n);
		k = k < least ? least : k;
		copy_sector(&out, &version[k], s * SECTOR,
		    prng_below(&c->prng, SECTOR));
	}
	return out;
}

static struct bytes
cut_file(struct cut *c, const struct file *f)
{
	size_t n = f->pending.n;
	struct bytes *version;
	struct bytes out;

	if (n == 0)
		return bytes_copy(&f->safe);
	version = calloc(n + 1, sizeof(*version));
	if (version == NULL)
		give_up("no memory");
	version[0] = bytes_copy(&f->safe);
	for (size_t i = 0; i < n; i++) {
		version[i + 1] = bytes_copy(&version[i]);
		change_bytes(&version[i + 1], &c->record->op[f->pending.op[i]]);
	}
	out = mix(c, f, version, sized(c, f));
	for (size_t i = 0; i <= n; i++)
		free(version[i].p);
	free(version);
	return out;
}

/* How far the journal reached the disk. */
static size_t
journal_end(struct cut *c, size_t n_done)
{
	if (c->loss->survival == SIM_NONE)
		return 0;
	if (c->loss->survival == SIM_ALL)
		return n_done;
	return n_done -
	    prng_below(&c->prng, n_done < 8 ? (uint32_t)n_done + 1 : 9);
}

static struct sim_fs *
power_cut(const struct sim_fs *fs, const struct sim_loss *loss)
{
	struct sim_fs *out = sim_new(fs->order);
	struct cut c = { .loss = loss,
		.order = fs->order,
		.record = fs->record,
		.prng = { loss->seed } };
	size_t n_names = survivors(&c, fs->pending.n);

	c.journal = journal_end(&c, fs->n_done);
	out->safe = fs->safe;
	for (size_t i = 0; i < fs->pending.n; i++)
		if (fs->order == SIM_STRICT ? i < n_names
					    : fs->pending.op[i] < c.journal)
			change_names(&out->safe,
			    &fs->record->op[fs->pending.op[i]]);
	out->now = out->safe;
	out->n_files = fs->n_files;
	for (unsigned i = 0; i < fs->n_files; i++) {
		out->file[i].lock_fd = -1;
		out->file[i].safe = cut_file(&c, &fs->file[i]);
		out->file[i].now = bytes_copy(&out->file[i].safe);
	}
	return out;
}

struct sim_fs *
sim_power_cut(const struct sim_fs *fs, const struct sim_loss *loss)
{
	struct sim_fs *out;

	(void)pthread_mutex_lock(&mutex);
	out = power_cut(fs, loss);
	(void)pthread_mutex_unlock(&mutex);
	return out;
}

/* The place that pending operation `op` has in the clone's record, which
 * holds those that are pending in order. */
static size_t
clone_op(struct sim_fs *to, const size_t *place, size_t op)
{
	for (size_t i = 0; i < to->n_done; i++)
		if (place[i] == op)
			return i;
	give_up("no such operation");
	return 0;
}

static void
clone_pending(struct sim_fs *to, const size_t *place, struct pending *out,
    const struct pending *from)
{
	for (size_t i = 0; i < from->n; i++)
		pending_add(out, clone_op(to, place, from->op[i]));
}

static int
by_number(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* All that is pending, in order. */
static void
pending_all(const struct sim_fs *fs, struct pending *all)
{
	for (size_t i = 0; i < fs->pending.n; i++)
		pending_add(all, fs->pending.op[i]);
	for (unsigned i = 0; i < fs->n_files; i++)
		for (size_t k = 0; k < fs->file[i].pending.n; k++)
			pending_add(all, fs->file[i].pending.op[k]);
	if (all->n > 0)
		qsort(all->op, all->n, sizeof(*all->op), by_number);
}

struct sim_fs *
sim_clone(const struct sim_fs *fs)
{
	struct sim_fs *out = sim_new(fs->order);
	struct pending all = { 0 };

	pending_all(fs, &all);
	out->ops.n = out->ops.cap = out->n_done = all.n;
	out->ops.op = grown(NULL, all.n * sizeof(*out->ops.op));
	for (size_t i = 0; i < all.n; i++) {
		struct op *op = &out->ops.op[i];

		*op = fs->record->op[all.op[i]];
		if (op->bytes == NULL)
			continue;
		op->bytes = grown(NULL, op->n);
		memcpy(op->bytes, fs->record->op[all.op[i]].bytes, op->n);
	}
	out->now = fs->now;
	out->safe = fs->safe;
	clone_pending(out, all.op, &out->pending, &fs->pending);
	out->n_files = fs->n_files;
	for (unsigned i = 0; i < fs->n_files; i++) {
		struct file *f = &out->file[i];

		f->lock_fd = -1;
		f->now = bytes_copy(&fs->file[i].now);
		f->safe = bytes_copy(&fs->file[i].safe);
		f->n_sized = fs->file[i].n_sized;
		clone_pending(out, all.op, &f->pending, &fs->file[i].pending);
	}
	free(all.op);
	return out;
}

const unsigned char *
sim_bytes(const struct sim_fs *fs, const char *name, size_t *n)
{
	for (unsigned i = 0; i < fs->now.n; i++) {
		const struct bytes *b = &fs->file[fs->now.name[i].file].now;

		if (strcmp(fs->now.name[i].text, name) != 0)
			continue;
		*n = b->n;
		return b->p == NULL ? (const unsigned char *)"" : b->p;
	}
	return NULL;
}

void
sim_put(struct sim_fs *fs, const char *name, const void *bytes, size_t n)
{
	struct name *old = find_name(&fs->now, name);
	unsigned file = old != NULL ? old->file : fs->n_files++;
	struct file *f = &fs->file[file];

	if (file >= FILES_MAX)
		give_up("too many files");
	if (old == NULL) {
		add_name(&fs->now, name, file);
		fs->safe = fs->now;
		f->lock_fd = -1;
	}
	f->pending.n = f->n_sized = 0;
	bytes_resize(&f->now, n);
	if (n > 0)
		memcpy(f->now.p, bytes, n);
	free(f->safe.p);
	f->safe = bytes_copy(&f->now);
}

/* The system calls: of paths in the file system in use, of descriptors in
 * that in which they were opened. */

/* Take the mutex; false with errno when the call fails at once. */
static bool
enter(void)
{
	(void)pthread_mutex_lock(&mutex);
	if (!in_use->frozen)
		return true;
	errno = EIO;
	return false;
}

/* The same, and the descriptor, which must be open. */
static bool
enter_fd(int fd, struct fd *out)
{
	(void)pthread_mutex_lock(&mutex);
	if (fd < 0 || fd >= (int)FDS_MAX || fds[fd].fs == NULL)
		give_up("not an open descriptor");
	*out = fds[fd];
	if (!out->fs->frozen)
		return true;
	errno = EIO;
	return false;
}

static int
leave(int rc)
{
	(void)pthread_mutex_unlock(&mutex);
	return rc;
}

static int
fail(int errnum)
{
	errno = errnum;
	return leave(-1);
}

static int
new_fd(unsigned file)
{
	for (unsigned i = 0; i < FDS_MAX; i++) {
		if (fds[i].fs == NULL) {
			fds[i] = (struct fd){ in_use, file };
			return (int)i;
		}
	}
	give_up("too many descriptors");
	return -1;
}

static struct file *
file_of(const struct fd *fd)
{
	if (fd->file == FOLDER)
		give_up("not a descriptor of a file");
	return &fd->fs->file[fd->file];
}

static int
sim_open(const char *path, int flags, mode_t mode)
{
	struct op op = { .kind = OP_CREATE };
	struct name *name;

	(void)mode;
	if (!enter())
		return leave(-1);
	if (flags & O_DIRECTORY)
		return leave(new_fd(FOLDER));
	path = name_of(path);
	name = find_name(&in_use->now, path);
	if (name == NULL && (flags & O_CREAT) == 0)
		return fail(ENOENT);
	if (name != NULL && (flags & O_EXCL) != 0)
		return fail(EEXIST);
	if (name == NULL) {
		op.file = in_use->n_files;
		(void)snprintf(op.to, sizeof(op.to), "%s", path);
		add(in_use, &op);
		return leave(new_fd(op.file));
	}
	op.kind = OP_RESIZE;
	op.file = name->file;
	if ((flags & O_TRUNC) != 0 && in_use->file[op.file].now.n > 0)
		add(in_use, &op);
	return leave(new_fd(op.file));
}

static int
sim_close(int fd)
{
	struct fd d;

	/* After a kill the rest of the process may still clean up. */
	(void)enter_fd(fd, &d);
	if (d.file != FOLDER && file_of(&d)->lock_fd == fd)
		file_of(&d)->lock_fd = -1;
	fds[fd].fs = NULL;
	return leave(0);
}

static ssize_t
sim_pread(int fd, void *buf, size_t n, off_t at)
{
	const struct bytes *b;
	struct fd d;

	if (!enter_fd(fd, &d))
		return leave(-1);
	b = &file_of(&d)->now;
	if ((size_t)at >= b->n)
		return leave(0);
	if (n > b->n - (size_t)at)
		n = b->n - (size_t)at;
	memcpy(buf, b->p + at, n);
	(void)leave(0);
	return (ssize_t)n;
}

static ssize_t
sim_pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	struct op op = { .kind = OP_WRITE, .at = (size_t)at };
	struct fd d;

	if (!enter_fd(fd, &d))
		return leave(-1);
	(void)file_of(&d);
	op.file = d.file;
	for (int i = 0; i < n; i++)
		op.n += v[i].iov_len;
	op.bytes = grown(NULL, op.n);
	for (size_t i = 0, done = 0; i < (size_t)n; i++) {
		memcpy(op.bytes + done, v[i].iov_base, v[i].iov_len);
		done += v[i].iov_len;
	}
	add(d.fs, &op);
	(void)leave(0);
	return (ssize_t)op.n;
}

static int
sim_sync(int fd, enum op_kind kind)
{
	struct op op = { .kind = kind };
	struct fd d;

	if (!enter_fd(fd, &d))
		return leave(-1);
	op.file = d.file;
	if (d.file == FOLDER)
		op.kind = OP_SYNC_FOLDER;
	add(d.fs, &op);
	return leave(0);
}

static int
sim_fdatasync(int fd)
{
	return sim_sync(fd, OP_SYNC_DATA);
}

static int
sim_fsync(int fd)
{
	return sim_sync(fd, OP_SYNC);
}

static int
sim_ftruncate(int fd, off_t len)
{
	struct op op = { .kind = OP_RESIZE, .n = (size_t)len };
	struct fd d;

	if (!enter_fd(fd, &d))
		return leave(-1);
	op.file = d.file;
	if (file_of(&d)->now.n != op.n)
		add(d.fs, &op);
	return leave(0);
}

/* Only what a full disk would refuse: the size stays. */
static int
sim_fallocate(int fd, int mode, off_t at, off_t len)
{
	struct fd d;

	(void)at;
	(void)len;
	if (!enter_fd(fd, &d))
		return leave(-1);
	(void)file_of(&d);
	if (mode != FALLOC_FL_KEEP_SIZE)
		give_up("fallocate would change the size");
	return leave(0);
}

static int
sim_fstat(int fd, struct stat *st)
{
	struct fd d;

	if (!enter_fd(fd, &d))
		return leave(-1);
	memset(st, 0, sizeof(*st));
	st->st_dev = d.fs->number;
	st->st_ino = d.file;
	st->st_mode = S_IFDIR | 0700;
	if (d.file != FOLDER) {
		st->st_mode = S_IFREG | 0600;
		st->st_size = (off_t)file_of(&d)->now.n;
		for (unsigned i = 0; i < d.fs->now.n; i++)
			st->st_nlink += d.fs->now.name[i].file == d.file;
	}
	return leave(0);
}

static int
sim_rename(const char *from, const char *to)
{
	struct op op = { .kind = OP_RENAME };

	if (!enter())
		return leave(-1);
	from = name_of(from);
	to = name_of(to);
	if (find_name(&in_use->now, from) == NULL)
		return fail(ENOENT);
	(void)snprintf(op.from, sizeof(op.from), "%s", from);
	(void)snprintf(op.to, sizeof(op.to), "%s", to);
	add(in_use, &op);
	return leave(0);
}

static int
sim_unlink(const char *path)
{
	struct op op = { .kind = OP_UNLINK };

	if (!enter())
		return leave(-1);
	path = name_of(path);
	if (find_name(&in_use->now, path) == NULL)
		return fail(ENOENT);
	(void)snprintf(op.from, sizeof(op.from), "%s", path);
	add(in_use, &op);
	return leave(0);
}

static int
sim_flock(int fd, int operation)
{
	struct file *f;
	struct fd d;

	if (!enter_fd(fd, &d))
		return leave(-1);
	f = file_of(&d);
	if (operation != (LOCK_EX | LOCK_NB))
		give_up("flock");
	if (f->lock_fd != -1 && f->lock_fd != fd)
		return fail(EWOULDBLOCK);
	f->lock_fd = fd;
	return leave(0);
}

static int64_t
sim_wall_ns(void)
{
	int64_t ns;

	(void)pthread_mutex_lock(&mutex);
	ns = wall;
	(void)pthread_mutex_unlock(&mutex);
	return ns;
}

void
sim_pass(int64_t ns)
{
	(void)pthread_mutex_lock(&mutex);
	mono += ns;
	(void)pthread_mutex_unlock(&mutex);
}

/* Whoever looks at it makes it go on. */
static int64_t
sim_mono_ns(void)
{
	int64_t ns;

	(void)pthread_mutex_lock(&mutex);
	ns = mono += 1000;
	(void)pthread_mutex_unlock(&mutex);
	return ns;
}

/* Here are no links. */
static char *
sim_realpath(const char *path, char *resolved)
{
	(void)path;
	(void)resolved;
	errno = ENOENT;
	return NULL;
}

static off_t
sim_size_limit(void)
{
	return INT64_MAX;
}

const struct os sim_os = {
	.open = sim_open,
	.close = sim_close,
	.pread = sim_pread,
	.pwritev = sim_pwritev,
	.fdatasync = sim_fdatasync,
	.fsync = sim_fsync,
	.ftruncate = sim_ftruncate,
	.fallocate = sim_fallocate,
	.fstat = sim_fstat,
	.rename = sim_rename,
	.unlink = sim_unlink,
	.flock = sim_flock,
	.size_limit = sim_size_limit,
	.realpath = sim_realpath,
	.wall_ns = sim_wall_ns,
	.mono_ns = sim_mono_ns,
};
