/*
 * A small model of the library: threads that wait, call, are created and end, written as the
 * library's writer writes them (sync first, names and stacks in front of the events that use them,
 * statuses and records at the end). For tests of the tools, which then need no traced program.
 * Everything follows from the seed.
 */
#ifndef SIM_H
#define SIM_H

#include "encoder/event.h"
#include "encoder/file.h"
#include "encoder/section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIM_THREADS 16
#define SIM_STACKS  8

struct sim_thread {
	uint64_t tid, g, p, gseq, pseq;
	enum gt_gstatus state;
	bool is_alive, has_begun, has_g_status, has_p_status;
	struct gt_batch batch;
	uint64_t count, waits, total_ns, max_ns; /* of this generation */
	uint64_t buckets[64];
};

struct sim {
	uint8_t *bytes; /* the file */
	size_t len, cap;
	uint64_t rng, now, gen, next_g, n_tids;
	bool has_procs;
	struct sim_thread t[SIM_THREADS];
	bool string_written[SIM_STACKS + 8], stack_written[SIM_STACKS + 1];
	size_t batch_bytes; /* a thread hands over when it has so many */
	size_t gen_start;   /* offset of the generation being written */
};

static uint64_t sim_random(struct sim *s, uint64_t n)
{
	s->rng = s->rng * 6364136223846793005u + 1442695040888963407u;
	return (s->rng >> 33) % n;
}

static void sim_put(struct sim *s, const void *bytes, size_t n)
{
	while (s->len + n > s->cap)
		s->bytes = realloc(s->bytes, s->cap = s->cap ? 2 * s->cap : 4096);
	memcpy(s->bytes + s->len, bytes, n);
	s->len += n;
}

static void sim_seal(struct sim *s, struct gt_batch *b, uint8_t experiment, uint64_t m)
{
	const uint8_t *start;
	const size_t n =
		gt_batch_seal(b->mem, b->len, experiment, s->gen, (gt_m){ m }, b->start, &start);
	sim_put(s, start, n);
}

/* String ids: 1 file, 2 "sync", 3 "call", 4.. functions. */
static const char *sim_text(unsigned id, char buf[32])
{
	static const char *const fixed[] = { "", "app.c", "sync", "pthread_mutex_lock" };
	if (id < 4)
		return fixed[id];
	snprintf(buf, 32, "func_%u", id - 4);
	return buf;
}

static void sim_strings(struct sim *s, unsigned from, unsigned to)
{
	uint8_t mem[2048];
	char buf[32];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), (gt_ns){ s->now });
	gt_section_begin(&b, GT_EV_Strings, (gt_ns){ s->now });
	for (unsigned id = from; id < to; id++) {
		if (!s->string_written[id])
			gt_section_string(&b, (gt_str){ id }, sim_text(id, buf),
					  strlen(sim_text(id, buf)));
		s->string_written[id] = true;
	}
	if (gt_batch_len(&b) > 1)
		sim_seal(s, &b, 0, 0);
}

/* Stack n: one frame func_n and, from 2 on, main below it. */
static void sim_stack(struct sim *s, unsigned id)
{
	uint8_t mem[1024];
	if (s->stack_written[id])
		return;
	s->stack_written[id] = true;
	sim_strings(s, 1, 4);
	sim_strings(s, 4, 5);
	sim_strings(s, 3 + id, 4 + id);
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), (gt_ns){ s->now });
	gt_section_begin(&b, GT_EV_Stacks, (gt_ns){ s->now });
	const struct gt_frame frames[] = { { 0x1000 + id, { 3 + id }, { 1 }, id },
					   { 0x1001, { 4 }, { 1 }, 1 } };
	gt_section_stack(&b, (gt_stack){ id }, frames, id == 1 ? 1 : 2);
	sim_seal(s, &b, 0, 0);
}

static void sim_hand_over(struct sim *s, struct sim_thread *t)
{
	if (gt_batch_len(&t->batch) > 0) {
		for (unsigned i = 1; i <= SIM_STACKS; i++)
			sim_stack(s, i);
		sim_seal(s, &t->batch, 0, t->tid);
	}
	t->batch = gt_batch_init(t->batch.mem, t->batch.cap, (gt_ns){ s->now });
}

/* Statuses first. */
static void sim_status(struct sim *s, struct sim_thread *t)
{
	const gt_ns now = { s->now };
	if (gt_batch_len(&t->batch) == 0)
		t->batch = gt_batch_init(t->batch.mem, t->batch.cap, now);
	if (!t->has_p_status && t->has_begun) {
		gt_w_ProcStatus(&t->batch, now, (gt_p){ t->p },
				t->state == GT_G_SYSCALL ? GT_P_SYSCALL : GT_P_RUNNING);
		t->has_p_status = true;
		t->pseq = 0;
	}
	if (!t->has_g_status) {
		gt_w_GoStatusStack(&t->batch, now, (gt_g){ t->g }, (gt_m){ t->tid }, t->state,
				   (gt_stack){ 1 });
		t->has_g_status = true;
		t->gseq = 0;
	}
	if (!s->has_procs && t->state == GT_G_RUNNING && t->has_begun) {
		gt_w_ProcsChange(&t->batch, now, 4, (gt_stack){ 0 });
		s->has_procs = true;
	}
}

static struct sim_thread *sim_new_thread(struct sim *s)
{
	for (unsigned i = 0; i < SIM_THREADS; i++) {
		struct sim_thread *t = &s->t[i];
		if (t->is_alive)
			continue;
		uint8_t *mem = t->batch.mem ? t->batch.mem : malloc(4096);
		const bool has_p_status = t->has_p_status;
		const uint64_t pseq = t->pseq;
		*t = (struct sim_thread){ .tid = 1000 + s->n_tids++,
					  .g = s->next_g++,
					  .p = i + 1,
					  .is_alive = true,
					  .state = GT_G_RUNNABLE,
					  .has_p_status = has_p_status,
					  .pseq = pseq };
		t->batch = gt_batch_init(mem, 4096, (gt_ns){ s->now });
		return t;
	}
	return NULL;
}

static void sim_create(struct sim *s, struct sim_thread *by)
{
	struct sim_thread *t = sim_new_thread(s);
	if (!t)
		return;
	gt_w_GoCreate(&by->batch, (gt_ns){ s->now }, (gt_g){ t->g }, (gt_stack){ 1 },
		      (gt_stack){ 2 });
	t->has_g_status = true;
}

static void sim_begin(struct sim *s, struct sim_thread *t)
{
	const gt_ns now = { s->now };
	if (gt_batch_len(&t->batch) == 0)
		t->batch = gt_batch_init(t->batch.mem, t->batch.cap, now);
	if (!t->has_p_status) {
		gt_w_ProcStatus(&t->batch, now, (gt_p){ t->p }, GT_P_IDLE);
		t->pseq = 0;
		t->has_p_status = true;
	}
	gt_w_ProcStart(&t->batch, now, (gt_p){ t->p }, ++t->pseq);
	if (!t->has_g_status) {
		gt_w_GoStatusStack(&t->batch, now, (gt_g){ t->g }, (gt_m){ t->tid }, GT_G_RUNNABLE,
				   (gt_stack){ 1 });
		t->has_g_status = true;
		t->gseq = 0;
	}
	gt_w_GoStart(&t->batch, now, (gt_g){ t->g }, ++t->gseq);
	t->has_begun = true;
	t->state = GT_G_RUNNING;
}

static void sim_end(struct sim *s, struct sim_thread *t)
{
	gt_w_GoDestroy(&t->batch, (gt_ns){ s->now });
	gt_w_ProcStop(&t->batch, (gt_ns){ s->now });
	t->is_alive = false;
	sim_hand_over(s, t);
}

static void sim_wait_ended(struct sim *s, struct sim_thread *t)
{
	const gt_ns now = { s->now };
	const uint64_t ns = 1000 + sim_random(s, 100000);
	gt_w_GoUnblock(&t->batch, now, (gt_g){ t->g }, ++t->gseq, (gt_stack){ 0 });
	gt_w_GoStart(&t->batch, now, (gt_g){ t->g }, ++t->gseq);
	t->state = GT_G_RUNNING;
	t->count++;
	t->waits++;
	t->total_ns += ns;
	t->max_ns = ns > t->max_ns ? ns : t->max_ns;
	t->buckets[63 - __builtin_clzll(ns)]++;
}

static void sim_running_step(struct sim *s, struct sim_thread *t)
{
	const gt_ns now = { s->now };
	const uint64_t what = sim_random(s, 20);
	if (what == 0) {
		sim_create(s, t);
	} else if (what == 1 && t->g != 1) {
		sim_end(s, t);
	} else if (what < 10) {
		gt_w_GoSyscallBegin(&t->batch, now, ++t->pseq,
				    (gt_stack){ 1 + sim_random(s, SIM_STACKS) });
		t->state = GT_G_SYSCALL;
	} else {
		gt_w_GoBlock(&t->batch, now, (gt_str){ 2 },
			     (gt_stack){ 1 + sim_random(s, SIM_STACKS) });
		t->state = GT_G_WAITING;
	}
}

static void sim_step(struct sim *s)
{
	struct sim_thread *t = &s->t[sim_random(s, SIM_THREADS)];
	s->now += 10 + sim_random(s, 5000);
	if (!t->is_alive)
		return;
	if (!t->has_begun) {
		sim_begin(s, t);
		return;
	}
	sim_status(s, t);
	if (t->state == GT_G_WAITING) {
		sim_wait_ended(s, t);
	} else if (t->state == GT_G_SYSCALL) {
		gt_w_GoSyscallEnd(&t->batch, (gt_ns){ s->now });
		t->state = GT_G_RUNNING;
	} else {
		sim_running_step(s, t);
	}
	if (gt_batch_len(&t->batch) > s->batch_bytes)
		sim_hand_over(s, t);
}

static void sim_open_generation(struct sim *s)
{
	uint8_t mem[256];
	s->gen++;
	s->now += 100;
	s->gen_start = s->len;
	s->has_procs = false;
	memset(s->string_written, 0, sizeof(s->string_written));
	memset(s->stack_written, 0, sizeof(s->stack_written));
	for (unsigned i = 0; i < SIM_THREADS; i++) {
		struct sim_thread *t = &s->t[i];
		t->has_g_status = t->has_p_status = false;
		t->count = t->waits = t->total_ns = t->max_ns = 0;
		memset(t->buckets, 0, sizeof(t->buckets));
	}
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), (gt_ns){ s->now });
	gt_section_begin(&b, GT_EV_Sync, (gt_ns){ s->now });
	gt_section_sync(&b, 1000000000, (gt_ns){ s->now }, (gt_ns){ s->now },
			1800000000 + s->now / 1000000000, s->now % 1000000000);
	sim_seal(s, &b, 0, 0);
}

static void sim_records(struct sim *s)
{
	uint8_t mem[8192];
	const gt_ns now = { s->now };
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), now);
	gt_section_begin_records(&b, now);
	sim_strings(s, 1, 5);
	gt_r_PROCESS(&b, now, 4711, 1, (gt_str){ 4 }, (gt_str){ 1 }, (gt_str){ 0 }, (gt_str){ 0 },
		     4);
	for (unsigned i = 0; i < SIM_THREADS; i++) {
		struct sim_thread *t = &s->t[i];
		if (t->g == 0)
			continue;
		gt_r_THREAD(&b, now, (gt_m){ t->tid }, (gt_g){ t->g }, (gt_p){ t->p },
			    (gt_str){ 0 }, (gt_str){ 4 }, 0, 0);
		if (t->count > 0)
			gt_section_call(&b, now, (gt_m){ t->tid }, (gt_g){ t->g }, (gt_str){ 3 },
					t->count, t->waits, t->total_ns, t->max_ns, t->buckets, 64);
	}
	gt_r_METRIC(&b, now, (gt_m){ 0 }, (gt_str){ 1 }, 1);
	sim_seal(s, &b, GT_EXPERIMENT, 0);
}

static void sim_close_generation(struct sim *s)
{
	const uint8_t end = GT_END_OF_GENERATION;
	for (unsigned i = 0; i < SIM_THREADS; i++) {
		struct sim_thread *t = &s->t[i];
		if (t->is_alive && (!t->has_g_status || (t->has_begun && !t->has_p_status)))
			sim_status(s, t);
		if (t->is_alive)
			sim_hand_over(s, t);
	}
	sim_records(s);
	sim_put(s, &end, 1);
}

/* A trace of `gens` generations with `steps` steps each; the caller frees bytes with sim_free(). */
static struct sim *sim_run(uint64_t seed, unsigned gens, unsigned steps, size_t batch_bytes)
{
	struct sim *s = calloc(1, sizeof(*s));
	s->rng = seed;
	s->now = 1000000;
	s->next_g = 1;
	s->batch_bytes = batch_bytes;
	sim_put(s, GT_FILE_HEADER, GT_FILE_HEADER_LEN);
	sim_open_generation(s);
	for (unsigned i = 0; i < 3; i++) { /* threads that are known from the start */
		struct sim_thread *t = sim_new_thread(s);
		t->has_begun = true;
		t->state = GT_G_RUNNING;
	}
	for (unsigned g = 0; g < gens; g++) {
		for (unsigned i = 0; i < steps; i++)
			sim_step(s);
		sim_close_generation(s);
		if (g + 1 < gens)
			sim_open_generation(s);
	}
	return s;
}

static void sim_free(struct sim *s)
{
	for (unsigned i = 0; i < SIM_THREADS; i++)
		free(s->t[i].batch.mem);
	free(s->bytes);
	free(s);
}

#endif
