#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

bool
service_exists(const char *program)
{
	char all[4096], path[4608], *dir, *rest = all;
	const char *of_server = getenv("PATH");

	(void)snprintf(all, sizeof(all), "%s:/usr/sbin:/usr/local/sbin",
	    of_server == NULL ? "" : of_server);
	while ((dir = strsep(&rest, ":")) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Between fork and exec. */
static void
become(char *const *argv, int output)
{
	static char path[8192];
	const char *old = getenv("PATH");

	(void)snprintf(path, sizeof(path), "%s:/usr/sbin:/usr/local/sbin",
	    old == NULL ? "" : old);
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(output, 1);
	(void)dup2(output, 2);
	(void)setenv("PATH", path, 1);
	(void)execvp(argv[0], argv);
	_exit(127);
}

void
service_start(struct service *s, char *const *argv, const char *ready)
{
	static char text[65536];
	size_t len = 0;
	int fd[2];
	ssize_t n;

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		become(argv, fd[1]);
	(void)setpgid(s->pid, s->pid);
	assert_int_equal(close(fd[1]), 0);
	s->output = fd[0];
	text[0] = '\0';
	while (strstr(text, ready) == NULL) {
		n = read(fd[0], text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			fail_msg("%s ended: %s", argv[0], text);
		len += (size_t)n;
		text[len] = '\0';
	}
	/* What it writes later is not read: let it not wait for us. */
	(void)fcntl(fd[0], F_SETPIPE_SZ, 1 << 20);
}

void
service_kill(struct service *s)
{
	char text[4096];

	if (s->pid == 0)
		return;
	(void)kill(-s->pid, SIGKILL);
	/* Until nobody holds its output: all that it started is gone. */
	while (read(s->output, text, sizeof(text)) > 0)
		;
	while (waitpid(-s->pid, NULL, 0) > 0 || errno == EINTR)
		;
	(void)close(s->output);
	s->pid = 0;
}

void
service_redis(struct service *s, int port)
{
	char program[] = "redis-server", o1[] = "--port", number[16],
	     o2[] = "--bind", bind[] = "127.0.0.1", o3[] = "--save",
	     save[] = "", o4[] = "--dir", dir[] = "/tmp";
	char *argv[] = { program, o1, number, o2, bind, o3, save, o4, dir,
		NULL };

	(void)snprintf(number, sizeof(number), "%d", port);
	service_start(s, argv, "Ready to accept connections");
}

static const char *const nginx_folders[] = { "client_body", "proxy", "fastcgi",
	"uwsgi", "scgi" };

#define N_NGINX_FOLDERS (sizeof(nginx_folders) / sizeof(nginx_folders[0]))

static void
write_nginx_config(const char *path, const char *dir, int port)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	(void)fprintf(f,
	    "%sdaemon off;\nworker_processes 1;\npid %s/pid;\n"
	    "error_log stderr notice;\nevents { worker_connections 4096; }\n"
	    "http {\naccess_log off;\nkeepalive_requests 1000000000;\n",
	    geteuid() == 0 ? "user root;\n" : "", dir);
	for (size_t i = 0; i < N_NGINX_FOLDERS; i++)
		(void)fprintf(f, "%s_temp_path %s/%s;\n", nginx_folders[i], dir,
		    nginx_folders[i]);
	(void)fprintf(f,
	    "server { listen 127.0.0.1:%d;\n"
	    "location / { return 200 \"ok\\n\"; } }\n}\n",
	    port);
	assert_int_equal(fclose(f), 0);
}

void
service_nginx(struct service_nginx *n, int port)
{
	char program[] = "nginx", c[] = "-c", p[] = "-p", path[64];
	char *argv[] = { program, p, n->dir, c, path, NULL };

	(void)snprintf(n->dir, sizeof(n->dir), "/tmp/test_nginx.XXXXXX");
	assert_non_null(mkdtemp(n->dir));
	(void)snprintf(path, sizeof(path), "%s/conf", n->dir);
	write_nginx_config(path, n->dir, port);
	service_start(&n->service, argv, "start worker process");
}

void
service_nginx_end(struct service_nginx *n)
{
	static const char *const files[] = { "conf", "pid" };
	char path[64];

	service_kill(&n->service);
	for (size_t i = 0; i < N_NGINX_FOLDERS + 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", n->dir,
		    i < 2 ? files[i] : nginx_folders[i - 2]);
		(void)remove(path);
	}
	(void)rmdir(n->dir);
}
