#include "tool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 16

char *
tool_read(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t len = lseek(fd, 0, SEEK_END);
	char *text = malloc((size_t)len + 1);

	assert_int_not_equal(fd, -1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)len, 0), len);
	text[len] = '\0';
	if (n != NULL)
		*n = (size_t)len;
	(void)close(fd);
	return text;
}

void
tool_write(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, bytes, n), n);
	(void)close(fd);
}

/* The child's side: output to files, then the program, which is killed when it
 * hangs. */
static void
become(const struct daemon *d, const char *program, char **argv)
{
	int out, err;

	if (chdir(d->dir) == -1)
		_exit(126);
	out = open("out", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	err = open("err", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (dup2(out, STDOUT_FILENO) == -1 || dup2(err, STDERR_FILENO) == -1)
		_exit(126);
	(void)alarm(DEADLINE_MS / 1000);
	execv(program, argv);
	_exit(127);
}

void
tool_start(struct tool *t, const struct daemon *d, const char *words)
{
	const char *path = getenv("TICKD");
	char *program = realpath(path == NULL ? "build/tickd" : path, NULL);
	char *copy = strdup(words), *save = NULL;
	char *argv[ARGS_MAX + 2] = { program };
	size_t n = 1;

	assert_non_null(program);
	assert_non_null(copy);
	memset(t, 0, sizeof(*t));
	for (char *w = strtok_r(copy, " ", &save); w != NULL && n < ARGS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	t->pid = fork();
	assert_int_not_equal(t->pid, -1);
	if (t->pid == 0)
		become(d, program, argv);
	free(copy);
	free(program);
}

void
tool_end(struct tool *t, const struct daemon *d)
{
	int status;

	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	if (!WIFEXITED(status))
		fail_msg("ended by signal %d", WTERMSIG(status));
	t->status = WEXITSTATUS(status);
	t->out = tool_read(daemon_path(d, "out"), NULL);
	t->err = tool_read(daemon_path(d, "err"), NULL);
	(void)unlink(daemon_path(d, "out"));
	(void)unlink(daemon_path(d, "err"));
}

void
tool_run(struct tool *t, const struct daemon *d, const char *words)
{
	tool_start(t, d, words);
	tool_end(t, d);
}

void
tool_free(struct tool *t)
{
	free(t->out);
	free(t->err);
}

void
tool_expect_in(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no `%s` in:\n%s", part, text);
}

void
tool_expect(const struct daemon *d, const char *words, int status,
    const char *out)
{
	struct tool t;

	tool_run(&t, d, words);
	if (t.status != status)
		fail_msg("%s: exit %d\n%s", words, t.status, t.err);
	assert_string_equal(t.out, out);
	tool_free(&t);
}

void
tool_expect_said(const struct daemon *d, const char *words, int status,
    const char *part)
{
	struct tool t;

	tool_run(&t, d, words);
	if (t.status != status ||
	    (strstr(t.out, part) == NULL && strstr(t.err, part) == NULL))
		fail_msg("%s: exit %d, not %d with `%s`\n%s%s", words, t.status,
		    status, part, t.out, t.err);
	tool_free(&t);
}
