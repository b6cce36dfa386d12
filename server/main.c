/* tickd: options, configuration, then the server. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "options.h"
#include "places.h"
#include "server.h"
#include "systemd.h"
#include "tools.h"

extern char **environ;

static int
fail(const struct err *e, int exit_code)
{
	systemd_notify("STATUS=%s", e->msg);
	(void)fprintf(stderr, "tickd: %s\n", e->msg);
	return exit_code;
}

static int
serve(const struct options *o, struct config *c)
{
	struct server s;
	struct err e;
	int exit_code;

	if (server_init(&s, o, c, &e) == -1) {
		LOG_ERROR("start_failed", LOG_ERR(&e));
		systemd_notify("STATUS=start failed: %s", e.msg);
		exit_code = s.exit_code;
	} else {
		exit_code = server_run(&s);
	}
	server_fini(&s);
	return exit_code;
}

static void
warn_of_ignored(const struct config *c)
{
	if (c->ignored_http || c->ignored_telemetry)
		LOG_WARN("config_section_ignored",
		    LOG_STR("file", c->file == NULL ? "" : c->file),
		    LOG_STR("section",
			!c->ignored_http	   ? "[telemetry]"
			    : c->ignored_telemetry ? "[http] [telemetry]"
						   : "[http]"));
}

static int
with_config(const struct options *o)
{
	struct config c;
	struct err e;
	int exit_code = EXIT_OK;

	systemd_take();
	if (config_load(&c, o->config_path, environ, o->sets, o->n_sets, &e) ==
	    -1)
		return fail(&e, EXIT_USAGE);
	if (server_check(&c, &e) == -1) {
		config_fini(&c);
		return fail(&e, EXIT_USAGE);
	}
	log_setup((enum log_level)c.log_level, (enum log_format)c.log_format,
	    STDERR_FILENO);
	warn_of_ignored(&c);
	if (o->action == OPTIONS_SERVE)
		exit_code = serve(o, &c);
	else if (o->action == OPTIONS_CHECK_CONFIG &&
	    places_check(&c, &e) == -1)
		exit_code = fail(&e, EXIT_USAGE);
	else if (o->action == OPTIONS_CHECK_CONFIG)
		(void)printf("configuration ok\n");
	config_fini(&c);
	return exit_code;
}

static int
print_sample(void)
{
	struct buf out = { 0 };

	config_put_sample(&out);
	(void)fwrite(out.ptr, 1, out.len, stdout);
	buf_free(&out);
	return EXIT_OK;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct err e;
	int exit_code = EXIT_OK;

	if (options_parse(argc, argv, &o, &e) == -1)
		return fail(&e, EXIT_USAGE);
	switch (o.action) {
	case OPTIONS_VERSION:
		(void)printf("tickd %s\n", TICKD_VERSION);
		break;
	case OPTIONS_HELP:
		(void)fputs(options_help, stdout);
		break;
	case OPTIONS_SAMPLE:
		exit_code = print_sample();
		break;
	case OPTIONS_DUMP:
		exit_code = tools_dump(o.tool_argc, o.tool_argv);
		break;
	case OPTIONS_CHECK:
		exit_code = tools_check(o.tool_argc, o.tool_argv);
		break;
	default:
		exit_code = with_config(&o);
	}
	if (fflush(stdout) != 0)
		return EXIT_RUNTIME;
	return exit_code;
}
