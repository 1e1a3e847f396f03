/* What measures: starts processes in a mode, waits for them within bounds, and keeps their results.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum mode {
/* clang-format off */
#define MODE(id, preload, set1, set2, name) M_##id,
#include "bench/modes.def"
#undef MODE
	/* clang-format on */
	N_MODES
};

enum goal { GOAL_NONE, GOAL_RATIO, GOAL_DIFF, GOAL_CLOCKS };

#define N_VALUES   3
#define MAX_ROUNDS 64

/* One (work, mode), and what each round found; a value below 0 is missing. */
struct pair {
	const char *work;
	enum mode mode;
	double value[N_VALUES][MAX_ROUNDS]; /* ns */
	double bytes;                       /* of the file per operation; below 0: not known */
};

struct settings {
	const char *dir; /* where bench lies: build/bench */
	const char *lib, *twin;
	bool is_quick;
	unsigned rounds, redis_rounds;
	unsigned ms; /* measured in one process of one round */
	double empty_bytes;
};
extern struct settings settings;

/* ---- child.c ---- */

struct child {
	pid_t pid;
	int out; /* its stdout */
};

/*
 * Starts `argv` in `mode`; a launcher gets the library's name instead of the library. `cpu` below
 * 0: not pinned. Children die with us, and by themselves after two minutes, whatever happens.
 */
struct child child_start(const char *const argv[], enum mode mode, bool is_launcher, int cpu);
/* Reads its output until it ends; kills it after `ms`. False: it failed or was too slow. */
bool child_finish(struct child *c, char *buf, size_t cap, unsigned ms);
/* SIGTERM, and SIGKILL when that does not help. */
void child_stop(struct child *c);
/* The trace that a child writes; NULL for modes without one. */
const char *child_trace(enum mode mode);
/* Of a finished child, and what /bin/true left behind. */
void child_traces_remove(void);
/* Its size once nobody writes to it any more. */
long child_trace_bytes(void);

/* ---- redis.c ---- */

/* NULL, or why there is nothing to measure. */
const char *redis_missing(void);
bool redis_round(struct pair *p, unsigned round);

/* ---- report.c ---- */

/* Prints the table to `f`; `rounds` are those that were made. */
void report(FILE *f, const struct pair *pairs, unsigned n, bool is_markdown);

/* The (work, mode) of the rows; NULL when no row names it. */
const struct pair *pair_find(const struct pair *pairs, unsigned n, const char *work,
			     enum mode mode);

#endif
