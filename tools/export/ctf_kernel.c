/*
 * CTF as the kernel's tracer (LTTng) writes it, for Trace Compass' views of threads and CPUs: a
 * stream a CPU with sched_switch and sched_wakeup, made of what the trace says of threads.
 *
 * As in the Perfetto export CPUs are made up: a thread that runs, or is in a system call, has the
 * lowest that is free. CPU 0 is for nobody: wake-ups by unknown wakers are told there, and that a
 * thread slept when the trace began.
 */
#include "tools/export/ctf.h"
#include "tools/lib/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { EV_SWITCH = 1, EV_WAKEUP = 2 };
enum { TASK_RUNNABLE = 0, TASK_SLEEPS = 1, TASK_DEAD = 64 };

#define COMM 16
#define PRIO 20

struct cpu {
	uint32_t thread; /* GT_NO_THREAD = idle */
	int64_t first, last;
	bool has_events;
};

struct kernel {
	struct gt_model *model;
	const char *dir;
	struct gt_spool *spool; /* a sequence a CPU */
	struct cpu *cpus;
	size_t n_cpus, cap_cpus;
	uint32_t *cpu_of; /* of each thread + 1; 0 = none */
	size_t n_cpu_of, cap_cpu_of;
	int64_t now;
};

/* ---------------------------------------------------------------- CPUs */

static bool has_cpu(enum gt_state s)
{
	return s == GT_STATE_RUNNING || s == GT_STATE_SYSCALL;
}

static uint32_t *slot_of(struct kernel *k, uint32_t thread)
{
	while (k->n_cpu_of <= thread) {
		k->cpu_of = gt_mem_grow(k->cpu_of, k->n_cpu_of, &k->cap_cpu_of, sizeof(*k->cpu_of));
		k->cpu_of[k->n_cpu_of++] = 0;
	}
	return &k->cpu_of[thread];
}

static struct cpu *cpu(struct kernel *k, uint32_t i)
{
	while (k->n_cpus <= i) {
		k->cpus = gt_mem_grow(k->cpus, k->n_cpus, &k->cap_cpus, sizeof(*k->cpus));
		k->cpus[k->n_cpus++] = (struct cpu){ .thread = GT_NO_THREAD };
	}
	return &k->cpus[i];
}

/* A thread that is told of late gets one that nobody had before: its time begins anew. */
static uint32_t take_cpu(struct kernel *k, uint32_t thread, bool is_late)
{
	uint32_t i = is_late && k->n_cpus > 1 ? (uint32_t)k->n_cpus : 1;
	while (cpu(k, i)->thread != GT_NO_THREAD)
		i++;
	k->cpus[i].thread = thread;
	*slot_of(k, thread) = i + 1;
	return i;
}

/* ---------------------------------------------------------------- events */

static void put(struct kernel *k, uint32_t i, const void *bytes, size_t len)
{
	gt_spool_put(k->spool, i, bytes, len);
}

static void begin(struct kernel *k, uint32_t i, uint16_t id, int64_t time)
{
	struct cpu *c = cpu(k, i);
	if (!c->has_events)
		c->first = c->last = time;
	c->has_events = true;
	c->last = time > c->last ? time : c->last;
	put(k, i, &id, sizeof(id));
	put(k, i, &c->last, sizeof(c->last));
}

/* Name, tid and priority of a thread; of the CPU's idle one. */
static void put_task(struct kernel *k, uint32_t i, uint32_t thread)
{
	char comm[COMM] = { 0 }, buf[GT_LABEL_MAX];
	const int32_t tid =
		thread == GT_NO_THREAD ? 0 : (int32_t)gt_model_thread(k->model, thread)->tid;
	if (thread == GT_NO_THREAD)
		snprintf(comm, sizeof(comm), "swapper/%u", i % 1000000);
	else
		strncpy(comm, gt_model_label(k->model, thread, buf), COMM - 1);
	const int32_t id_prio[2] = { tid, PRIO };
	put(k, i, comm, COMM);
	put(k, i, id_prio, sizeof(id_prio));
}

static void put_switch(struct kernel *k, uint32_t i, const struct gt_change *c, bool is_in,
		       int64_t state)
{
	begin(k, i, EV_SWITCH, c->time);
	put_task(k, i, is_in ? GT_NO_THREAD : c->thread);
	put(k, i, &state, sizeof(state));
	put_task(k, i, is_in ? c->thread : GT_NO_THREAD);
}

/* On the CPU of the waker: that is how the kernel tells who it was. */
static void put_wakeup(struct kernel *k, const struct gt_change *c)
{
	const uint32_t waker = gt_model_find(k->model, c->by_g);
	const uint32_t slot = waker != GT_NO_THREAD ? *slot_of(k, waker) : 0;
	const uint32_t i = slot != 0 ? slot - 1 : 0;
	const int32_t target = 0;
	begin(k, i, EV_WAKEUP, c->time);
	put_task(k, i, c->thread);
	put(k, i, &target, sizeof(target));
}

static void change(void *arg, const struct gt_change *c)
{
	struct kernel *k = arg;
	const uint32_t slot = *slot_of(k, c->thread);
	const bool is_late = c->time < k->now;
	k->now = is_late ? k->now : c->time;
	if (has_cpu(c->from) && has_cpu(c->to))
		return;
	if (slot != 0) {
		put_switch(k, slot - 1, c, false,
			   c->to == GT_STATE_WAITING     ? TASK_SLEEPS
			   : c->to == GT_STATE_NOT_EXIST ? TASK_DEAD
							 : TASK_RUNNABLE);
		k->cpus[slot - 1].thread = GT_NO_THREAD;
		*slot_of(k, c->thread) = 0;
	} else if (has_cpu(c->to)) {
		put_switch(k, take_cpu(k, c->thread, is_late), c, true, TASK_RUNNABLE);
	} else if (c->to == GT_STATE_RUNNABLE) {
		put_wakeup(k, c);
	} else if (c->to == GT_STATE_WAITING) {
		/* It waited when the trace began. */
		const uint32_t i = is_late ? take_cpu(k, c->thread, true) : 0;
		put_switch(k, i, c, true, TASK_RUNNABLE);
		put_switch(k, i, c, false, TASK_SLEEPS);
		k->cpus[i].thread = GT_NO_THREAD;
		*slot_of(k, c->thread) = 0;
	}
}

/* ---------------------------------------------------------------- files */

static int put_metadata(const struct kernel *k, struct gt_err *err)
{
	FILE *f = gt_ctf_open(k->dir, "metadata", err);
	if (f == NULL)
		return -GT_ERR_IO;
	gt_ctf_put_head(f);
	/* N.B. Trace Compass takes it for the kernel's by these. */
	gt_ctf_put_env(f, k->model,
		       "\tdomain = \"kernel\";\n\ttracer_name = \"lttng-modules\";\n"
		       "\ttracer_major = 2;\n\ttracer_minor = 9;\n\tmade_by = \"gtrace\";\n");
	gt_ctf_put_clock(f, gt_model_process(k->model));
	fputs("typealias integer { size = 32; align = 8; signed = true; } := int32_t;\n"
	      "typealias integer { size = 64; align = 8; signed = true; } := int64_t;\n"
	      "typealias integer { size = 8; align = 8; signed = false; encoding = UTF8; }"
	      " := gt_char;\n\n"
	      "stream {\n\tid = 0;\n\tpacket.context := struct { gt_time timestamp_begin;"
	      " gt_time timestamp_end;\n\t\tuint64_t content_size; uint64_t packet_size;"
	      " uint64_t events_discarded; uint32_t cpu_id; };\n"
	      "\tevent.header := struct { uint16_t id; gt_time timestamp; };\n};\n\n"
	      "event {\n\tid = 1;\n\tstream_id = 0;\n\tname = \"sched_switch\";\n"
	      "\tfields := struct { gt_char _prev_comm[16]; int32_t _prev_tid; int32_t _prev_prio;"
	      " int64_t _prev_state;\n"
	      "\t\tgt_char _next_comm[16]; int32_t _next_tid; int32_t _next_prio; };\n};\n\n"
	      "event {\n\tid = 2;\n\tstream_id = 0;\n\tname = \"sched_wakeup\";\n"
	      "\tfields := struct { gt_char _comm[16]; int32_t _tid; int32_t _prio;"
	      " int32_t _target_cpu; };\n};\n",
	      f);
	return gt_ctf_close(f, err);
}

/* One packet holds all of a CPU. */
static int put_stream(struct kernel *k, uint32_t i, struct gt_err *err)
{
	char name[32];
	snprintf(name, sizeof(name), "channel0_%u", i);
	FILE *f = gt_ctf_open(k->dir, name, err);
	if (f == NULL)
		return -GT_ERR_IO;
	const struct cpu *c = &k->cpus[i];
	const uint32_t magic[2] = { 0xc1fc1fc1, 0 };
	const uint64_t head = sizeof(magic) + 6 * sizeof(uint64_t) + sizeof(i);
	const uint64_t bits = 8 * (head + gt_spool_len(k->spool, i));
	const uint64_t context[] = { i, (uint64_t)c->first, (uint64_t)c->last, bits, bits, 0 };
	fwrite(magic, 1, sizeof(magic), f);
	fwrite(context, 1, sizeof(context), f);
	fwrite(&i, 1, sizeof(i), f);
	gt_ctf_copy(k->spool, i, f);
	return gt_ctf_close(f, err);
}

int gt_export_ctf_kernel(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	static const struct gt_model_calls calls = { .change = change };
	struct kernel k = { .dir = x->dir, .spool = gt_spool_new() };
	if (k.spool == NULL)
		return gt_spool_complain(NULL, err);
	k.model = gt_model_new(&calls, &k);
	int rc = gt_model_read(k.model, &x->in, out, err);
	int written = put_metadata(&k, rc < 0 ? NULL : err);
	for (uint32_t i = 0; written == 0 && i < k.n_cpus; i++) {
		if (k.cpus[i].has_events)
			written = put_stream(&k, i, rc < 0 ? NULL : err);
	}
	if (gt_spool_failed(k.spool) != 0)
		written = gt_spool_complain(k.spool, err);
	gt_spool_free(k.spool);
	free(k.cpus);
	free(k.cpu_of);
	gt_model_free(k.model);
	return written < 0 ? written : rc;
}
