/* Checks of generations as a whole: clocks, stamps, statuses, stacks. */
#include "tools/read/grow.h"
#include "tools/read/strict_priv.h"

#include <inttypes.h>
#include <string.h>

/* ---------------------------------------------------------------- clock */

/* Wall clock as Go's time.Unix makes it: nanoseconds below a second, seconds since the year 1. */
static void wall_clock(const struct gt_gen *g, int64_t *sec, uint64_t *nsec)
{
	const int64_t second = 1000000000;
	uint64_t s = g->snap_sec;
	int64_t ns = (int64_t)g->snap_nsec;
	if (ns < 0 || ns >= second) {
		const int64_t n = ns / second;
		s += (uint64_t)n;
		ns -= n * second;
		if (ns < 0) {
			ns += second;
			s--;
		}
	}
	*sec = (int64_t)(s + 62135596800ULL);
	*nsec = (uint64_t)ns;
}

static void check_clock(struct gt_strict *s, const struct gt_gen *g)
{
	if (!g->has_clock)
		return;
	int64_t sec;
	uint64_t nsec;
	wall_clock(g, &sec, &nsec);
	const int64_t trace = gt_gen_ns(g, g->snap_time);
	if (g->snap_mono_ns == 0 || trace == 0 || (sec == 0 && nsec == 0))
		gt_strict_find(s, GT_RULE_CLOCK, GT_ERROR, g->clock_offset,
			       "generation %" PRIu64 ": a clock of the snapshot is 0", g->number);
	const bool wall_grows = sec > s->wall_sec || (sec == s->wall_sec && nsec > s->wall_nsec);
	if (s->has_clock && (!wall_grows || g->snap_mono_ns <= s->mono || trace <= s->trace_ns))
		gt_strict_find(s, GT_RULE_CLOCK, GT_ERROR, g->clock_offset,
			       "generation %" PRIu64
			       ": its clocks do not all lie after those of the generation before",
			       g->number);
	s->has_clock = true;
	s->wall_sec = sec;
	s->wall_nsec = nsec;
	s->mono = g->snap_mono_ns;
	s->trace_ns = trace;
}

static void check_unit(struct gt_strict *s, const struct gt_gen *g)
{
	if (1000000000 % g->freq_hz != 0)
		gt_strict_find(s, GT_RULE_UNIT, GT_WARNING, g->offset,
			       "generation %" PRIu64 ": a time unit is %.6f ns, not a whole "
			       "number: threads drift apart inside a batch",
			       g->number, 1e9 / (double)g->freq_hz);
}

/* ---------------------------------------------------------------- stamps */

void gt_strict_back(struct gt_strict *s, const struct gt_gen_back *b)
{
	gt_strict_find(s, GT_RULE_BATCHES, GT_WARNING, b->offset,
		       "thread %" PRId64 ": a batch begins at %" PRIu64
		       ", before the last event of the one before it (%" PRIu64 ")",
		       (int64_t)b->m, b->time, b->last);
}

/* Time of the first event of the generation, in units; 0 = none. */
static uint64_t first_event(const struct gt_gen *g)
{
	uint64_t min = 0;
	for (uint32_t i = 0; i < g->n_batches; i++) {
		const struct gt_gen_batch *b = &g->batches[i];
		struct gt_event_rec ev;
		if (b->size == 0 || !gt_event_decode(b->data, b->data + b->size, 0, &ev, NULL))
			continue; /* the order checker tells */
		if (min == 0 || b->time + ev.dt < min)
			min = b->time + ev.dt;
	}
	return min;
}

static void check_stamps(struct gt_strict *s, const struct gt_gen *g)
{
	if (g->zero_offset != GT_NO_OFFSET)
		gt_strict_find(s, GT_RULE_STAMP, GT_WARNING, g->zero_offset,
			       "generation %" PRIu64 ": a batch has time 0", g->number);
	const uint64_t min_event = first_event(g);
	if (min_event && g->min_stamp + g->freq_hz < min_event)
		gt_strict_find(s, GT_RULE_STAMP, GT_WARNING, g->offset,
			       "generation %" PRIu64 ": a batch is stamped more than 1 s before "
			       "the first event; viewers start there",
			       g->number);
}

/* ---------------------------------------------------------------- stacks */

static bool is_bad_root(struct gt_text t)
{
	static const char *const roots[] = {
		"clone",        "clone3", "__clone",           "__clone3",
		"start_thread", "_start", "__libc_start_main", "__libc_start_call_main"
	};
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		if (strlen(roots[i]) == t.len && memcmp(roots[i], t.p, t.len) == 0)
			return true;
	}
	return false;
}

static bool seen_before(struct gt_strict *s, uint32_t i)
{
	const uint8_t bit = (uint8_t)(1 << i % 8);
	if (s->seen_stacks[i / 8] & bit)
		return true;
	s->seen_stacks[i / 8] |= bit;
	return false;
}

void gt_strict_stack(struct gt_strict *s, const struct gt_gen *g, uint64_t id, uint64_t offset)
{
	const struct gt_gen_stack *st = id ? gt_gen_stack(g, id) : NULL;
	if (!st || st->n == 0 || seen_before(s, (uint32_t)(st - g->stacks)))
		return;
	/* N.B. Go's validator lets the innermost frame lack anything. */
	for (uint32_t i = 1; i < st->n; i++) {
		const struct gt_gen_frame *f = gt_gen_frame(g, st, i);
		if (f->pc && f->line && gt_gen_text(g, f->func).len && gt_gen_text(g, f->file).len)
			continue;
		gt_strict_find(s, GT_RULE_FRAME, GT_ERROR, offset,
			       "stack %" PRIu64 ": frame %u (pc 0x%" PRIx64
			       ") lacks a function, file, line or pc",
			       id, i, f->pc);
	}
	const struct gt_text root = gt_gen_text(g, gt_gen_frame(g, st, st->n - 1)->func);
	if (is_bad_root(root))
		gt_strict_find(
			s, GT_RULE_ROOT, GT_WARNING, offset,
			"stack %" PRIu64
			" ends in %.*s: viewers name the goroutine after the outermost frame",
			id, (int)root.len, root.p);
}

/* ---------------------------------------------------------------- generations */

/* A live goroutine without a status in this generation. */
static uint64_t find_silent(const struct gt_strict *s)
{
	uint32_t i = 0;
	while (i < s->n_gs && (!s->gs[i].is_alive || s->gs[i].serial == s->serial))
		i++;
	return i < s->n_gs ? s->gs[i].id : 0;
}

void gt_strict_gen_end(struct gt_strict *s)
{
	if (s->serial == 0)
		return;
	/* N.B. counted as it goes: a hostile file has many generations and many goroutines. */
	const uint32_t missing = s->n_alive - s->n_stated;
	const uint64_t example = missing && s->told[GT_RULE_STATUS] < TOLD_MAX ? find_silent(s) : 0;
	if (missing)
		gt_strict_find(
			s, GT_RULE_STATUS, GT_WARNING, s->gen_offset,
			"generation %" PRIu64 ": %u live goroutines (%" PRId64
			" is one) have no status in it; a flight recorder could not start there",
			s->gen_number, missing, (int64_t)example);
	if (s->serial == 1 && !s->has_procs && s->n_alive)
		gt_strict_find(s, GT_RULE_U2, GT_WARNING, s->gen_offset,
			       "no ProcsChange in the first generation: a page of go tool trace "
			       "fails [U2]");
}

static void check_number(struct gt_strict *s, const struct gt_gen *g)
{
	if (s->serial && g->number != s->gen_number + 1)
		gt_strict_find(s, GT_RULE_GENERATION, GT_WARNING, g->offset,
			       "generation %" PRIu64 " follows %" PRIu64
			       ": converters to older versions must renumber",
			       g->number, s->gen_number);
}

void gt_strict_tail(struct gt_strict *s, const struct gt_gen *g)
{
	check_number(s, g);
	check_stamps(s, g);
}

int gt_strict_gen(struct gt_strict *s, const struct gt_gen *g)
{
	gt_strict_gen_end(s);
	check_number(s, g);
	s->serial++;
	s->n_stated = 0;
	s->gen_number = g->number;
	s->gen_offset = g->offset;
	s->n_back = 0;
	s->known_reasons = 0;
	if (!gt_grow(&s->seen_stacks, &s->cap_seen, (uint64_t)g->n_stacks / 8 + 1, 1))
		return -GT_ERR_MEMORY;
	memset(s->seen_stacks, 0, g->n_stacks / 8 + 1);
	check_clock(s, g);
	check_unit(s, g);
	check_stamps(s, g);
	return 0;
}
