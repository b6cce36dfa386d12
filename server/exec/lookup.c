#include "lookup.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The loop's side and the thread share one object. Whoever leaves it second
 * frees it: each side adds to `left`. The thread tells its end by closing the
 * write end of a pipe, which is its own: nothing of the loop is touched.
 */
struct lookup {
	char *host;
	char port[8];
	struct addrinfo *list;
	int rc;	     /* of getaddrinfo */
	int done_fd; /* the thread's */
	atomic_int left;

	/* The loop's side. */
	struct ev_loop *loop;
	ev_io done;
	lookup_cb *cb;
	void *arg;
};

static const struct addrinfo hints_numeric = { .ai_socktype = SOCK_STREAM,
	.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
static const struct addrinfo hints_name = { .ai_socktype = SOCK_STREAM,
	.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG };

/* Frees it when the other side has left before. */
static void
leave(struct lookup *l)
{
	if (atomic_fetch_add(&l->left, 1) == 0)
		return;
	if (l->list != NULL)
		freeaddrinfo(l->list);
	free(l->host);
	free(l);
}

static void *
lookup_main(void *arg)
{
	struct lookup *l = arg;
	int done_fd = l->done_fd;

	(void)pthread_setname_np(pthread_self(), "lookup");
	l->rc = getaddrinfo(l->host, l->port, &hints_name, &l->list);
	leave(l);
	(void)close(done_fd);
	return NULL;
}

static void
on_done(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lookup *l = w->data;
	lookup_cb *cb = l->cb;
	void *arg = l->arg;
	struct addrinfo *list;
	const char *why;

	(void)revents;
	ev_io_stop(loop, w);
	(void)close(w->fd);
	/* This also makes visible what the thread wrote: a pipe does not say
	 * so in terms of C. */
	assert(atomic_load(&l->left) == 1);
	list = l->rc == 0 ? l->list : NULL;
	why = gai_strerror(l->rc); /* static */
	l->list = NULL;
	leave(l);
	cb(arg, list, why);
}

struct addrinfo *
lookup_numeric(const char *host, uint16_t port)
{
	struct addrinfo *list;
	char text[8];

	(void)snprintf(text, sizeof(text), "%u", (unsigned)port);
	return getaddrinfo(host, text, &hints_numeric, &list) == 0 ? list
								   : NULL;
}

/* Both sides, or none. */
static int
start_thread(struct lookup *l)
{
	pthread_attr_t attr;
	pthread_t thread;
	int fd[2], rc;

	if (pipe2(fd, O_CLOEXEC) == -1)
		return -1;
	l->done_fd = fd[1];
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, lookup_main, l);
	(void)pthread_attr_destroy(&attr);
	if (rc != 0) {
		(void)close(fd[0]);
		(void)close(fd[1]);
		return -1;
	}
	ev_io_init(&l->done, on_done, fd[0], EV_READ);
	l->done.data = l;
	ev_io_start(l->loop, &l->done);
	return 0;
}

struct lookup *
lookup_start(struct ev_loop *loop, const char *host, uint16_t port,
    lookup_cb *cb, void *arg)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->loop = loop;
	l->cb = cb;
	l->arg = arg;
	atomic_init(&l->left, 0);
	(void)snprintf(l->port, sizeof(l->port), "%u", (unsigned)port);
	if ((l->host = strdup(host)) != NULL && start_thread(l) == 0)
		return l;
	free(l->host);
	free(l);
	return NULL;
}

void
lookup_cancel(struct lookup *l)
{
	if (l == NULL)
		return;
	ev_io_stop(l->loop, &l->done);
	(void)close(l->done.fd);
	leave(l);
}
