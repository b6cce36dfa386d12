#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "remains.h"

/*
 * The two share the slots and a pipe in which nothing is ever written: its end
 * is the server's. What the slots say then are process groups that the server
 * had not seen the end of, so their numbers belong to nobody else.
 *
 * In the keeper: a copy of the server as it was before it had threads or
 * connections.
 */

static size_t
size_of(size_t n)
{
	return sizeof(struct keeper_board) + n * sizeof(struct keeper_slot);
}

/* What had not ended; NULL: no memory, or nothing. */
static struct remains *
taken(struct keeper_board *board, size_t *n)
{
	struct remains *r = calloc(board->n, sizeof(*r));

	*n = 0;
	for (size_t i = 0; r != NULL && i < board->n; i++) {
		struct keeper_slot *slot = &board->slots[i];
		pid_t group = atomic_load(&slot->group);

		if (group > 1)
			r[(*n)++] = (struct remains){ .group = group,
				.execution_id = slot->execution_id,
				.due_ns = slot->due_ns,
				.attempt = slot->attempt };
	}
	return r;
}

/* Nothing of the server's stays open but the pipe. */
static void
let_go(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null != -1 && dup2(null, 1) != -1)
		(void)dup2(null, 2);
	(void)dup2(fd, 0);
	(void)close_range(3, ~0u, 0);
}

static void
ignore_signals(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (int i = 1; i < NSIG; i++) /* refused for SIGKILL and SIGSTOP */
		(void)sigaction(i, &ignore, NULL);
}

static void
keep(struct keeper_board *board, int fd)
{
	struct remains *r;
	char byte;
	size_t n;

	ignore_signals();
	/* A name of its own: who kills all of the server's does not mean it. */
	(void)prctl(PR_SET_NAME, "tick-keeper");
	(void)setsid();
	(void)!chdir("/"); /* only not to be in anybody's way */
	let_go(fd);
	while (read(0, &byte, 1) == -1 && errno == EINTR)
		;
	if ((r = taken(board, &n)) != NULL)
		(void)remains_end(r, n);
	_exit(0);
}

/* By way of a child that ends at once, so that it is nobody's. */
static int
fork_twice(struct keeper_board *board, const int fd[2])
{
	pid_t pid = fork(), keeper;

	if (pid == 0) {
		(void)close(fd[1]);
		if ((keeper = fork()) == 0)
			keep(board, fd[0]);
		board->pid = keeper;
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, NULL, 0) == -1 || board->pid <= 0)
		return -1;
	return 0;
}

int
keeper_start(struct keeper *k, size_t n, struct err *e)
{
	struct keeper_board *board;
	int fd[2];

	*k = (struct keeper){ .fd = -1 };
	if (pipe2(fd, O_CLOEXEC) == -1)
		return err_sys(e, ERR_LIMIT, "pipe");
	board = mmap(NULL, size_of(n), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board != MAP_FAILED)
		board->n = n;
	if (board == MAP_FAILED || fork_twice(board, fd) == -1) {
		(void)err_sys(e, ERR_LIMIT, "cannot start a process");
		if (board != MAP_FAILED)
			(void)munmap(board, size_of(n));
		(void)close(fd[0]);
		(void)close(fd[1]);
		return -1;
	}
	(void)close(fd[0]);
	*k = (struct keeper){ .pid = board->pid, .fd = fd[1], .board = board };
	return 0;
}

void
keeper_end(struct keeper *k)
{
	if (k->board == NULL)
		return;
	(void)close(k->fd);
	(void)munmap(k->board, size_of(k->board->n));
	*k = (struct keeper){ .fd = -1 };
}

atomic_int *
keeper_note(struct keeper *k, uint64_t execution_id, int64_t due_ns,
    int64_t attempt)
{
	struct keeper_slot *slot;

	if (k == NULL || k->board == NULL)
		return NULL;
	for (size_t i = 0; i < k->board->n; i++) {
		slot = &k->board->slots[k->next];
		k->next = (k->next + 1) % k->board->n;
		if (atomic_load(&slot->group) != 0)
			continue;
		slot->execution_id = execution_id;
		slot->due_ns = due_ns;
		slot->attempt = attempt;
		atomic_store(&slot->group, -1);
		return &slot->group;
	}
	return NULL;
}
