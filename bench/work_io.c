/* Calls on descriptors. */
#include "bench/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int zero;
static int there[2], back[2];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* A call that no hook sees. */
static long bare_call(long nr, long a, const void *b, long c)
{
	long rc;
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return rc;
}

/* Past the hooks: only the read is to be measured. */
static void write_byte(int fd)
{
	bare_call(SYS_write, fd, "", 1);
}

static void read_byte(int fd)
{
	char byte;
	if (read(fd, &byte, 1) != 1)
		die("read");
}

static uint64_t run_bare(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		bare_call(SYS_getppid, 0, NULL, 0);
	return n;
}

static uint64_t run_bare_read(uint64_t n)
{
	char byte;
	for (uint64_t i = 0; i < n; i++)
		bare_call(SYS_read, zero, &byte, 1);
	return n;
}

static void setup_read(void)
{
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (zero < 0)
		die("/dev/zero");
}

static uint64_t run_read(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		read_byte(zero);
	return n;
}

static void *pipe_partner(void *arg)
{
	for (;;) {
		read_byte(there[0]);
		write_byte(back[1]);
	}
	return arg;
}

static void setup_pipe(void)
{
	if (pipe(there) || pipe(back))
		die("pipe");
	bench_no_preemption();
	bench_thread(pipe_partner);
}

/* Two reads that block, one on each side. */
static uint64_t run_pipe(uint64_t n)
{
	for (uint64_t i = 0; i < n; i += 2) {
		write_byte(there[1]);
		read_byte(back[0]);
	}
	return n;
}

const struct work works_io[] = {
	{ "read", setup_read, run_read, 1000, false },
	{ "bare.call", NULL, run_bare, 1000, false },
	{ "bare.read", setup_read, run_bare_read, 1000, false },
	{ "pipe", setup_pipe, run_pipe, 100, false },
	{ NULL, NULL, NULL, 0, false },
};
