#include "system.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "os.h"

/* More than the first line of stat, or all of meminfo and the others. */
#define TEXT_MAX 4096

/* Where the number of descriptors takes a walk over all of them. */
#define WALK_NS (30 * NS_PER_S)

void
system_init(struct system *s, const char *proc, const char *disk)
{
	memset(s, 0, sizeof(*s));
	s->proc = proc;
	s->disk = disk;
}

static void
path_of(const struct system *s, const char *name, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s", s->proc, name);
}

/* The begin of a file, terminated. */
static bool
read_text(const struct system *s, const char *name, char text[TEXT_MAX])
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	path_of(s, name, path);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = read(fd, text, TEXT_MAX - 1);
	(void)close(fd); /* only read */
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

/* The numbers that follow each other from *text on, at most n of them. */
static size_t
read_numbers(const char *text, uint64_t *numbers, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char *end;

		numbers[i] = strtoull(text, &end, 10);
		if (end == text)
			break;
		text = end;
	}
	return i;
}

/* cpu <user> <nice> <system> <idle> <iowait> <irq> <softirq> <steal> ...: what
 * follows is part of these. */
static bool
read_machine(const struct system *s, struct system_cpu *cpu)
{
	enum { IDLE = 3, IOWAIT = 4, ALL = 8 };
	uint64_t ticks[ALL];
	char text[TEXT_MAX];
	size_t n;

	if (!read_text(s, "stat", text) || strncmp(text, "cpu ", 4) != 0 ||
	    (n = read_numbers(text + 4, ticks, ALL)) <= IOWAIT)
		return false;
	cpu->idle = ticks[IDLE] + ticks[IOWAIT];
	for (size_t i = 0; i < n; i++)
		cpu->total += ticks[i];
	return true;
}

/* Of /proc/self/stat, what follows the name in parentheses and the state. */
static void
read_process(struct system *s, struct system_cpu *cpu)
{
	enum { UTIME = 10, STIME = 11, THREADS = 16, RSS = 20, ALL = 21 };
	uint64_t field[ALL];
	char text[TEXT_MAX];
	const char *p;

	cpu->process_ticks = s->last.process_ticks;
	if (!read_text(s, "self/stat", text) ||
	    (p = strrchr(text, ')')) == NULL || strlen(p) < 4 ||
	    read_numbers(p + 4, field, ALL) < ALL)
		return;
	cpu->process_ticks = field[UTIME] + field[STIME];
	s->sample.threads = field[THREADS];
	s->sample.process_rss_bytes =
	    field[RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double
percent(uint64_t part, uint64_t whole)
{
	return part >= whole ? 100 : 100 * (double)part / (double)whole;
}

/* What was used between two looks: the machine's idle time may seem to go
 * back, and does not count then. */
static void
compare_cpu(struct system *s, const struct system_cpu *now)
{
	const struct system_cpu *then = &s->before;
	uint64_t total = now->total - then->total;
	uint64_t idle = now->idle < then->idle ? 0 : now->idle - then->idle;
	double seconds = (double)(now->mono_ns - then->mono_ns) / NS_PER_S;
	double ticks = (double)(now->process_ticks - then->process_ticks);

	if (now->total > then->total && idle <= total)
		s->sample.cpu_usage = percent(total - idle, total);
	if (seconds > 0)
		s->sample.process_cpu_usage =
		    100 * ticks / (double)sysconf(_SC_CLK_TCK) / seconds;
}

static void
look_at_cpu(struct system *s)
{
	struct system_cpu now = { .mono_ns = os->mono_ns() };

	if (!read_machine(s, &now)) {
		now.total = s->last.total;
		now.idle = s->last.idle;
	}
	read_process(s, &now);
	if (s->looked_ns == 0) {
		s->before = s->last = now;
	} else if (now.mono_ns - s->last.mono_ns >= SYSTEM_CPU_NS) {
		s->before = s->last;
		s->last = now;
	}
	compare_cpu(s, &now);
}

/* The number in the line of a name, as `MemTotal:  1024 kB`. */
static bool
find_number(const char *text, const char *name, uint64_t *number)
{
	const char *line = strstr(text, name);

	return line != NULL && (line == text || line[-1] == '\n') &&
	    read_numbers(line + strlen(name), number, 1) == 1;
}

static void
look_at_memory(struct system *s)
{
	uint64_t total, available;
	char text[TEXT_MAX];

	if (!read_text(s, "meminfo", text) ||
	    !find_number(text, "MemTotal:", &total) ||
	    !find_number(text, "MemAvailable:", &available) || total == 0)
		return;
	s->sample.memory_usage =
	    available > total ? 0 : percent(total - available, total);
}

static void
look_at_load(struct system *s)
{
	char text[TEXT_MAX], *end;
	double load;

	if (!read_text(s, "loadavg", text))
		return;
	load = strtod(text, &end);
	if (end != text)
		s->sample.load1 = load;
}

/* As df has it: of what others than root can use. */
static void
look_at_disk(struct system *s)
{
	struct statvfs fs;
	uint64_t used;

	if (s->disk == NULL || statvfs(s->disk, &fs) == -1 || fs.f_blocks == 0)
		return;
	used = fs.f_blocks - fs.f_bfree;
	s->sample.disk_usage = percent(used, used + fs.f_bavail);
}

uint64_t
system_count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	uint64_t n = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	(void)closedir(dir); /* only read */
	return n;
}

/* Linux since 6.2 tells how many there are; a walk over ten thousand takes
 * milliseconds, is not for everybody who asks, and counts its own as well. */
static void
look_at_descriptors(struct system *s, int64_t now_mono_ns)
{
	char path[PATH_MAX];
	struct stat st;

	path_of(s, "self/fd", path);
	if (stat(path, &st) == -1)
		return;
	if (st.st_size > 0) {
		s->sample.open_fds = (uint64_t)st.st_size;
	} else if (s->walked_ns == 0 || now_mono_ns - s->walked_ns >= WALK_NS) {
		s->walked_ns = now_mono_ns;
		s->sample.open_fds = system_count_entries(path);
	}
}

void
system_look(struct system *s)
{
	look_at_cpu(s);
	look_at_memory(s);
	look_at_load(s);
	look_at_disk(s);
	s->looked_ns = os->mono_ns();
	look_at_descriptors(s, s->looked_ns);
	s->sample.sampled_ns = os->wall_ns();
}

void
system_refresh(struct system *s)
{
	if (s->looked_ns == 0 || os->mono_ns() - s->looked_ns > SYSTEM_FRESH_NS)
		system_look(s);
}
