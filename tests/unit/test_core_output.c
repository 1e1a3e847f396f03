/* The output file: names and opening (preload/output.c). */
#include "preload/config.h"
#include "preload/counters.h"
#include "preload/output.h"
#include "preload/sys.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

extern long (*gt_sys_fault)(long nr);

static char *const variables[] = { (char *)"HOME=/home/ann", (char *)"EMPTY=", (char *)"A=b%p",
				   NULL };
static struct gt_name_parts parts = {
	.pid = 42, .exe = "prog", .start_s = 1700000000, .envp = variables
};

/* ---- names ---- */

static void named(const char *pattern, uint64_t n, const char *want)
{
	static char path[GT_PATH_MAX];
	cr_assert(eq(int, gt_output_name(path, pattern, &parts, n), 0));
	cr_assert(eq(str, path, (char *)want), "%s", pattern);
}

Test(core_output, names_are_made_of_parts)
{
	struct utsname u;
	char host[200];
	uname(&u);
	snprintf(host, sizeof(host), "/t/%s!", u.nodename);
	named("x.trace", 1, "x.trace");
	named("%p", 1, "42");
	named("gtrace.%e.%p.trace", 1, "gtrace.prog.42.trace");
	named("/t/%h!", 1, host);
	named("%t", 1, "1700000000");
	named("%n", 1, "1");
	named("100%%", 1, "100%");
	named("%q{HOME}/x", 1, "/home/ann/x");
	named("%q{EMPTY}%q{NONE}x", 1, "x");
	named("%q{A}", 1, "b%p");
	named("", 1, "");
}

Test(core_output, what_is_no_part_stays_as_it_is)
{
	named("%z", 1, "%z");
	named("a%", 1, "a%");
	named("%q{HOME", 1, "%q{HOME");
	named("%qHOME", 1, "%qHOME");
}

Test(core_output, the_second_try_gets_a_number_unless_the_pattern_has_one)
{
	named("x.trace", 2, "x.trace.1");
	named("x.trace", 11, "x.trace.10");
	named("x.%n.trace", 2, "x.2.trace");
	named("x.%%n", 2, "x.%n.1");
}

Test(core_output, a_name_that_is_too_long_is_refused)
{
	static char pattern[2 * GT_PATH_MAX], path[GT_PATH_MAX];
	memset(pattern, 'x', GT_PATH_MAX - 1);
	cr_assert(eq(int, gt_output_name(path, pattern, &parts, 1), 0));
	cr_assert(eq(sz, strlen(path), GT_PATH_MAX - 1));
	cr_assert(eq(int, gt_output_name(path, pattern, &parts, 2), -ENAMETOOLONG));
	memset(pattern, 'x', GT_PATH_MAX);
	cr_assert(eq(int, gt_output_name(path, pattern, &parts, 1), -ENAMETOOLONG));
	strcpy(pattern + GT_PATH_MAX - 4, "%e");
	cr_assert(eq(int, gt_output_name(path, pattern, &parts, 1), -ENAMETOOLONG));
}

/* ---- opening ---- */

static char dir[64];
static struct gt_output out;

static const char *at(const char *name)
{
	static char path[8][300];
	static unsigned i;
	char *p = path[i++ % 8];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void setup(void)
{
	strcpy(dir, "/tmp/gtrace-output.XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	parts.pid = getpid();
}

static void teardown(void)
{
	char command[100];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert(system(command) == 0);
}

TestSuite(core_output_open, .init = setup, .fini = teardown);

static int open_at(const char *name)
{
	return gt_output_open(&out, at(name), &parts);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");
	cr_assert(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void holds(const char *name, const char *want)
{
	char buf[100] = "";
	FILE *f = fopen(at(name), "r");
	cr_assert(f != NULL, "%s", name);
	const size_t n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = 0;
	cr_assert(eq(str, buf, (char *)want), "%s", name);
}

static unsigned files(void)
{
	unsigned n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

Test(core_output_open, a_new_file_has_a_header_and_is_private_and_locked)
{
	struct stat st;
	cr_assert(eq(int, open_at("x"), 0));
	cr_assert(eq(u64, out.written, GT_FILE_HEADER_LEN));
	cr_assert(eq(u64, out.whole, GT_FILE_HEADER_LEN));
	cr_assert(out.is_regular && !out.is_broken);
	cr_assert(stat(at("x"), &st) == 0 && st.st_size == GT_FILE_HEADER_LEN);
	cr_assert(eq(u32, st.st_mode & 0777, 0600));
	cr_assert(fcntl(out.fd, F_GETFD) & FD_CLOEXEC);
	holds("x", "go 1.26 trace");
	const int fd = open(at("x"), O_RDONLY);
	cr_assert(flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK,
		  "readers can wait for the writer");
}

Test(core_output_open, missing_folders_are_made)
{
	cr_assert(eq(int, open_at("a/b/c/x"), 0));
	cr_assert(access(at("a/b/c/x"), F_OK) == 0);
}

Test(core_output_open, a_folder_that_cannot_be_made_is_an_error)
{
	write_file("a", "file");
	cr_assert(lt(int, open_at("a/b/x"), 0));
	cr_assert(eq(int, out.fd, -1));
}

Test(core_output_open, a_symlink_is_refused_and_what_it_points_to_is_not_touched)
{
	write_file("precious", "keep");
	cr_assert(symlink(at("precious"), at("x")) == 0);
	cr_assert(symlink(at("nothing"), at("y")) == 0);
	cr_assert(eq(int, open_at("x"), -ELOOP));
	cr_assert(eq(int, open_at("y"), -ELOOP));
	holds("precious", "keep");
	cr_assert(access(at("nothing"), F_OK) == -1);
}

Test(core_output_open, a_folder_of_that_name_is_refused)
{
	cr_assert(eq(int, open_at(""), -EISDIR));
	cr_assert(mkdir(at("x"), 0700) == 0);
	cr_assert(eq(int, open_at("x"), -EISDIR));
}

/* As if it had been written long before this process began. */
static void make_old(const char *name)
{
	const struct timespec times[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	cr_assert(utimensat(AT_FDCWD, at(name), times, 0) == 0);
}

Test(core_output_open, a_file_of_an_earlier_run_becomes_old)
{
	write_file("x", "first");
	make_old("x");
	cr_assert(eq(int, open_at("x"), 0));
	holds("x.old", "first");
	holds("x", "go 1.26 trace");
	close(out.fd);
	make_old("x");
	cr_assert(eq(int, open_at("x"), 0));
	holds("x.old", "go 1.26 trace");
	cr_assert(eq(u32, files(), 2));
}

Test(core_output_open, a_file_of_the_same_run_is_kept_and_the_next_gets_a_number)
{
	for (int i = 0; i < 3; i++) {
		cr_assert(eq(int, open_at("x"), 0));
		close(out.fd);
	}
	cr_assert(access(at("x.1"), F_OK) == 0);
	cr_assert(access(at("x.2"), F_OK) == 0);
	cr_assert(access(at("x.old"), F_OK) == -1);
	cr_assert(eq(str, out.path, (char *)at("x.2")));
	cr_assert(eq(int, open_at("y.%n"), 0));
	cr_assert(eq(int, open_at("y.%n"), 0));
	cr_assert(access(at("y.2"), F_OK) == 0);
}

Test(core_output_open, an_old_file_that_somebody_still_writes_is_kept)
{
	write_file("x", "first");
	const int fd = open(at("x"), O_RDWR);
	cr_assert(flock(fd, LOCK_EX) == 0);
	make_old("x");
	cr_assert(eq(int, open_at("x"), 0));
	holds("x", "first");
	cr_assert(access(at("x.1"), F_OK) == 0);
}

Test(core_output_open, a_fifo_without_a_reader_is_an_error_at_once)
{
	cr_assert(mkfifo(at("x"), 0600) == 0);
	cr_assert(eq(int, open_at("x"), -ENXIO));
	cr_assert(eq(int, out.fd, -1));
}

static void *read_fifo(void *arg)
{
	char buf[64] = "";
	const int fd = open((const char *)arg, O_RDONLY);
	cr_assert(eq(sz, (size_t)read(fd, buf, sizeof(buf)), GT_FILE_HEADER_LEN));
	close(fd);
	return NULL;
}

Test(core_output_open, a_fifo_with_a_reader_is_written_to, .timeout = 600)
{
	pthread_t th;
	const char *path = at("x");
	cr_assert(mkfifo(path, 0600) == 0);
	pthread_create(&th, NULL, read_fifo, (void *)path);
	int rc;
	while ((rc = gt_output_open(&out, path, &parts)) == -ENXIO)
		usleep(1000);
	cr_assert(eq(int, rc, 0));
	cr_assert(not(out.is_regular));
	pthread_join(th, NULL);
}

/* ---- a disk that gets full ---- */

static int room;

static long full_disk(long nr)
{
	return nr == SYS_write && room-- <= 0 ? -ENOSPC : 0;
}

Test(core_output_open, a_failed_write_leaves_what_is_whole_and_is_said_once)
{
	gt_cfg.log_level = -1; /* quiet */
	cr_assert(eq(int, open_at("x"), 0));
	room = 2;
	gt_sys_fault = full_disk;
	cr_assert(eq(int, out.sink.put(&out.sink, "generation", 10), 0));
	gt_output_mark_whole(&out);
	cr_assert(eq(int, out.sink.put(&out.sink, "half", 4), 0));
	cr_assert(eq(int, out.sink.put(&out.sink, "lost", 4), -ENOSPC));
	cr_assert(out.is_broken);
	cr_assert(lt(int, out.sink.put(&out.sink, "more", 4), 0));
	gt_sys_fault = NULL;
	struct stat st;
	cr_assert(stat(at("x"), &st) == 0);
	cr_assert(eq(u64, (uint64_t)st.st_size, GT_FILE_HEADER_LEN + 10));
	cr_assert(eq(u64, gt_counters[GT_COUNTER_lost_bytes], 8));
}

static long full_from_the_start(long nr)
{
	return nr == SYS_write ? -ENOSPC : 0;
}

Test(core_output_open, a_disk_that_is_full_at_once_is_an_error)
{
	gt_cfg.log_level = -1;
	gt_sys_fault = full_from_the_start;
	cr_assert(eq(int, open_at("x"), -ENOSPC));
}
