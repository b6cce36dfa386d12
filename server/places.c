#include "places.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

/* Whether files can be made in the folder that holds `path`. */
static int
check_folder_of(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	struct stat st;

	if (slash != NULL &&
	    snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - path),
		path) >= (int)sizeof(folder))
		return err_set(e, ERR_INVALID, "path too long");
	if (stat(folder, &st) == -1)
		return err_sys(e, ERR_INVALID, "folder %s", folder);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_INVALID, "%s is no folder", folder);
	if (access(folder, W_OK | X_OK) == -1)
		return err_sys(e, ERR_INVALID, "no file can be made in %s",
		    folder);
	return 0;
}

/* The files of the log that are there are files, and ours. */
static int
check_log_files(const char *path, struct err *e)
{
	struct log_files f;
	int rc = 0;

	if (files_open(&f, path, e) == -1)
		return -1;
	for (size_t i = 0; i < PART_COUNT && rc == 0; i++)
		if (f.file[i].fd != -1 &&
		    access(f.file[i].path, R_OK | W_OK) == -1)
			rc = err_sys(e, ERR_INVALID, "%s", f.file[i].path);
	files_close(&f);
	return rc;
}

static int
check_log_place(const struct config *c, struct err *e)
{
	char *path;
	int rc;

	if (c->database_persistence == PERSISTENCE_MEMORY)
		return 0;
	if ((path = files_resolve(c->database_logfile_path)) == NULL)
		return err_nomem(e);
	rc = check_folder_of(path, e);
	if (rc == 0)
		rc = check_log_files(path, e);
	free(path);
	return rc == 0 ? 0 : config_blame(c, CONFIG_database_logfile_path, e);
}

static int
check_socket(const char *path, struct err *e)
{
	struct stat st;

	if (check_folder_of(path, e) == -1)
		return -1;
	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0
				       : err_sys(e, ERR_INVALID, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_INVALID, "%s exists and is no socket",
		    path);
	return 0;
}

int
places_check(const struct config *c, struct err *e)
{
	struct address address;

	if (check_log_place(c, e) == -1)
		return -1;
	for (size_t i = 0; i < c->controller_listen.n; i++) {
		if (config_listen(c, i, &address, e) == -1)
			return -1;
		if (address.kind == ADDRESS_UNIX &&
		    check_socket(address.path, e) == -1)
			return config_blame(c, CONFIG_controller_listen, e);
	}
	return 0;
}
