#include "preload/tables.h"

#include "encoder/strtab.h"
#include "preload/boot.h"
#include "preload/config.h"
#include "preload/log.h"
#include "preload/modules.h"
#include "preload/note_table.h"
#include "preload/stack.h"
#include "preload/symbols.h"
#include "preload/sys.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <time.h>

#define N_STRING_SLOTS (1u << 15)
#define STRING_TEXT    (4u << 20)
#define BATCH_BYTES    (GT_BATCH_HEADER + GT_BATCH_MAX_DATA)
#define LOG_RECORD_MAX 128

char gt_exe_path[GT_PATH_MAX];

static struct gt_output *output;
static struct gt_strtab strings;
static struct gt_batch string_batch, stack_batch, record_batch, log_batch;
static uint8_t *string_mem, *stack_mem, *record_mem;
static uint8_t *log_mem, *sample_mem; /* sample_mem NULL: not asked for */

static struct gt_shared *shared; /* of the generation being written */
static uint64_t wire;            /* its number in the file */
static gt_ns log_start;          /* its stamp */
static uint32_t next_stack;      /* first that is not written yet */
static uint32_t next_label;
static uint64_t seen[GT_N_COUNTERS]; /* counters as last reported */

int gt_tables_init(struct gt_output *out)
{
	output = out;
	memset(gt_counters, 0, sizeof(gt_counters)); /* a forked child starts from nothing */
	memset(seen, 0, sizeof(seen));
	sample_mem = NULL;
	void *slots = gt_arena_alloc(N_STRING_SLOTS * sizeof(uint64_t));
	void *text = gt_arena_alloc(STRING_TEXT);
	string_mem = (uint8_t *)gt_arena_alloc(BATCH_BYTES);
	stack_mem = (uint8_t *)gt_arena_alloc(BATCH_BYTES);
	record_mem = (uint8_t *)gt_arena_alloc(BATCH_BYTES);
	log_mem = (uint8_t *)gt_arena_alloc(BATCH_BYTES);
	if (!slots || !text || !string_mem || !stack_mem || !record_mem || !log_mem)
		return -12;
	gt_strtab_init(&strings, (uint64_t *)slots, N_STRING_SLOTS, text, STRING_TEXT,
		       &gt_shared[1].next_string);
	return gt_note_table_init();
}

/* ---- batches ---- */

void gt_tables_put(struct gt_batch *b, uint8_t experiment, gt_m m)
{
	const uint8_t *start;
	const size_t n = gt_batch_seal(b->mem, b->len, experiment, wire, m, b->start, &start);
	output->sink.put(&output->sink, start, n);
}

void gt_tables_chunk(struct gt_chunk *c)
{
	if (c->is_notes) {
		gt_note_table_put(c);
		return;
	}
	const uint8_t *start;
	const uint64_t commit = atomic_load_explicit(&c->commit, memory_order_acquire);
	const size_t n = gt_batch_seal(c->mem, GT_BATCH_HEADER + (size_t)(commit >> 8), 0, wire,
				       (gt_m){ c->tid }, (gt_ns){ c->start }, &start);
	output->sink.put(&output->sink, start, n);
}

/* Table batches hold their kind's byte (records: and a version) from the beginning. */
static bool is_empty(const struct gt_batch *b, size_t prefix)
{
	return gt_batch_len(b) <= prefix;
}

static void begin_strings(void)
{
	string_batch = gt_batch_init(string_mem, BATCH_BYTES, gt_now());
	gt_section_begin(&string_batch, GT_EV_Strings, string_batch.start);
}

static void begin_stacks(void)
{
	stack_batch = gt_batch_init(stack_mem, BATCH_BYTES, gt_now());
	gt_section_begin(&stack_batch, GT_EV_Stacks, stack_batch.start);
}

static void begin_records(void)
{
	record_batch = gt_batch_init(record_mem, BATCH_BYTES, gt_now());
	gt_section_begin_records(&record_batch, record_batch.start);
}

/* N.B. as of the stamp of the generation: they come one thread, or CPU, after the other */
static void begin_log(void)
{
	log_batch = gt_batch_init(log_mem, BATCH_BYTES, log_start);
	gt_section_begin_records(&log_batch, log_batch.start);
}

static void flush_strings(void)
{
	if (!is_empty(&string_batch, 1))
		gt_tables_put(&string_batch, 0, (gt_m){ 0 });
	begin_strings();
}

/* N.B. the strings first: a stack must not refer to what the file does not have yet */
static void flush_stacks(void)
{
	flush_strings();
	if (!is_empty(&stack_batch, 1))
		gt_tables_put(&stack_batch, 0, (gt_m){ 0 });
	begin_stacks();
}

static void flush_records(void)
{
	flush_strings();
	if (!is_empty(&record_batch, 2))
		gt_tables_put(&record_batch, GT_EXPERIMENT, (gt_m){ 0 });
	begin_records();
}

static void flush_log(void)
{
	flush_strings();
	if (!is_empty(&log_batch, 2))
		gt_tables_put(&log_batch, GT_EXPERIMENT, (gt_m){ 0 });
	begin_log();
}

struct gt_batch *gt_tables_log(void)
{
	if (!gt_batch_has_room(&log_batch, LOG_RECORD_MAX))
		flush_log();
	return &log_batch;
}

static void write_string(gt_str id, const char *text, size_t len)
{
	if (!gt_section_string(&string_batch, id, text, len)) {
		flush_strings();
		gt_section_string(&string_batch, id, text, len);
	}
}

static gt_str intern(const char *text, size_t len)
{
	bool is_new;
	const gt_str id = gt_strtab_put(&strings, text, len, &is_new);
	if (is_new)
		write_string(id, text, len);
	else if (!id.v && len)
		GT_COUNT(lost_strings, 1);
	return id;
}

gt_str gt_tables_text(const char *text)
{
	return intern(text, strlen(text));
}

void gt_tables_begin(uint64_t gen, uint64_t wire_gen)
{
	shared = &gt_shared[gen % 2];
	wire = wire_gen;
	next_stack = 1;
	next_label = 0;
	gt_strtab_reset(&strings);
	strings.next_id = &shared->next_string;
	begin_strings();
	begin_stacks();
	begin_records();
	gt_note_table_begin();
	const char *const *texts; /* their ids are fixed: threads write them without asking */
	const uint32_t n = gt_reasons(&texts);
	for (uint32_t i = 0; i < n; i++)
		write_string((gt_str){ i + 1 }, texts[i], strlen(texts[i]));
}

void gt_tables_sync(const struct gt_stamp *s)
{
	const gt_ns now = { s->now };
	log_start = now;
	begin_log();
	uint8_t mem[GT_BATCH_HEADER + 128];
	struct gt_batch b = gt_batch_init(mem, sizeof(mem), now);
	gt_section_begin(&b, GT_EV_Sync, now);
	gt_section_sync(&b, 1000000000, now, (gt_ns){ s->mono }, s->wall / 1000000000,
			s->wall % 1000000000);
	gt_tables_put(&b, 0, (gt_m){ 0 });
}

/* ---- stacks and names ---- */

static gt_str func_of(const struct gt_symbol *s)
{
	const gt_str id = intern(s->func, s->func_len);
	return id.v ? id
		    : (gt_str){
			      1
		      }; /* the table is full: any name is better than an invalid file */
}

static struct gt_symbol symbol_of(uint64_t pc, char *buf, size_t cap)
{
	static const char cut[] =
		"[cut]"; /* as a file, too: viewers show it where they expect one */
	if (pc == GT_PC_CUT)
		return (struct gt_symbol){ cut, sizeof(cut) - 1, cut, sizeof(cut) - 1 };
	return gt_symbols_get(pc, buf, cap);
}

static void write_stack(uint64_t id, const uint64_t *pcs, size_t n)
{
	static struct gt_frame frames[GT_STACK_MAX]; /* one writer */
	char buf[300];
	for (size_t i = 0; i < n; i++) {
		const struct gt_symbol s = symbol_of(pcs[i], buf, sizeof(buf));
		const gt_str func = func_of(&s);
		const gt_str file = intern(s.file, s.file_len);
		frames[i] = (struct gt_frame){ pcs[i], func, file.v ? file : func, 1 };
	}
	if (!gt_section_stack(&stack_batch, (gt_stack){ id }, frames, n)) {
		flush_stacks();
		gt_section_stack(&stack_batch, (gt_stack){ id }, frames, n);
	}
}

/* Names of all pcs of stacks [from, to), in one go. */
static void learn(uint32_t from, uint32_t to)
{
	static uint64_t pcs[1024];
	size_t have = 0;
	for (uint32_t id = from; id < to; id++) {
		const uint64_t *stack;
		const size_t n = gt_stacktab_get(&shared->stacks, id, &stack);
		if (have + n > 1024) {
			gt_symbols_learn(pcs, have);
			have = 0;
		}
		memcpy(pcs + have, stack, n * sizeof(*pcs));
		have += n;
	}
	gt_symbols_learn(pcs, have);
}

static void put_stacks(bool is_final)
{
	const uint32_t end = gt_stacktab_end(&shared->stacks);
	const uint64_t *pcs;
	uint32_t upto = next_stack; /* an id that is given and not complete yet ends the run, unless
				       all are */
	while (upto < end && (is_final || gt_stacktab_get(&shared->stacks, upto, &pcs)))
		upto++;
	learn(next_stack, upto);
	for (; next_stack < upto; next_stack++) {
		const size_t n = gt_stacktab_get(&shared->stacks, next_stack, &pcs);
		if (n)
			write_stack(next_stack, pcs, n);
	}
}

static void put_labels(bool is_final)
{
	uint32_t end = atomic_load_explicit(&shared->n_labels, memory_order_relaxed);
	if (end > GT_MAX_LABELS)
		end = GT_MAX_LABELS;
	for (; next_label < end; next_label++) {
		const struct gt_label *l = &shared->labels[next_label];
		const bool is_complete = atomic_load_explicit(
			&l->is_complete, memory_order_acquire); /* release: label_id() */
		if (!is_complete && !is_final)
			return;
		if (!is_complete)
			continue; /* given up by a jump: no event names it */
		write_string((gt_str){ l->id }, l->text, strlen(l->text));
	}
}

void gt_tables_flush(bool is_final)
{
	put_stacks(is_final);
	put_labels(is_final);
	if (is_final)
		GT_COUNT(lost_stacks,
			 atomic_load_explicit(&shared->stacks.lost, memory_order_relaxed));
	flush_stacks();
}

/* ---- by perf ---- */

int gt_tables_perf_init(void)
{
	sample_mem = (uint8_t *)gt_arena_alloc(BATCH_BYTES);
	return sample_mem ? 0 : -12;
}

gt_stack gt_tables_stack(const uint64_t *pcs, size_t n)
{
	return gt_stacktab_put(&shared->stacks, pcs, n);
}

void gt_tables_samples(const struct gt_sample *samples, size_t n)
{
	struct gt_batch b = gt_batch_init(sample_mem, BATCH_BYTES, shared->start);
	gt_section_begin(&b, GT_EV_CPUSamples, shared->start);
	for (size_t i = 0; i < n; i++) {
		const struct gt_sample *s = &samples[i];
		if (gt_section_sample(&b, s->time, s->m, s->p, s->g, s->stack))
			continue;
		gt_tables_put(&b, 0, (gt_m){ 0 });
		gt_section_begin(&b, GT_EV_CPUSamples, shared->start);
		gt_section_sample(&b, s->time, s->m, s->p, s->g, s->stack);
	}
	gt_tables_put(&b, 0, (gt_m){ 0 });
}

/* ---- gtrace's own records ---- */

/* Tries once more in a fresh batch when the first one is full. */
#define PUT_RECORD(put)                                                                            \
	do {                                                                                       \
		if (!(put)) {                                                                      \
			flush_records();                                                           \
			(void)!(put);                                                              \
		}                                                                                  \
	} while (0)

static const char *const call_names[GT_N_CALLS] = {
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, params, args) #name,
#define GT_CUSTOM(group, why, ret, name, params, args)   #name,
#define GT_ASM(group, why, ret, name, params, args)      #name,
#include "preload/hooks.def"
#undef GT_BLOCKING
#undef GT_CUSTOM
#undef GT_ASM
	"system_call",
	/* clang-format on */
};

/* Difference since the last report, which it becomes. */
static uint64_t take_new(uint64_t *old, const uint64_t *counter)
{
	const uint64_t now = __atomic_load_n(counter, __ATOMIC_RELAXED);
	const uint64_t n = now - *old;
	*old = now;
	return n;
}

static void put_call(struct gt_thread *t, unsigned call)
{
	const uint64_t count = take_new(&t->reported_count[call], &t->count[call]);
	uint64_t waits = 0, total = 0, max = 0;
	uint64_t buckets[GT_N_BUCKETS] = { 0 };
	const uint32_t block = atomic_load_explicit(&t->block[call], memory_order_acquire);
	struct gt_call_block *k = block ? gt_block_at(block) : NULL;
	if (k)
		waits = take_new(&k->old.waits, &k->now.waits);
	/* N.B. a call counts before it is written, which may be in a later generation */
	if (!count && !waits)
		return;
	if (k) {
		total = take_new(&k->old.total_ns, &k->now.total_ns);
		max = __atomic_exchange_n(&k->now.max_ns, 0, __ATOMIC_RELAXED);
		for (unsigned i = 0; i < GT_N_BUCKETS; i++) {
			const uint32_t now = __atomic_load_n(&k->now.bucket[i], __ATOMIC_RELAXED);
			buckets[i] = now - k->old.bucket[i];
			k->old.bucket[i] = now;
		}
	}
	const gt_m tid = { atomic_load_explicit(&t->tid, memory_order_relaxed) };
	const gt_str name = gt_tables_text(call_names[call]);
	PUT_RECORD(gt_section_call(&record_batch, gt_now(), tid, t->g, name, count, waits, total,
				   max, buckets, GT_N_BUCKETS));
}

static void put_metric(uint64_t tid, const char *name, uint64_t value)
{
	if (!value)
		return;
	const gt_str id = gt_tables_text(name);
	PUT_RECORD(gt_r_METRIC(&record_batch, gt_now(), (gt_m){ tid }, id, value));
}

static const enum gt_counter own_counters[GT_N_OWN] = {
	[GT_OWN_lost_waits_full] = GT_COUNTER_lost_waits_full,
	[GT_OWN_lost_waits_late] = GT_COUNTER_lost_waits_late,
	[GT_OWN_lost_nested] = GT_COUNTER_lost_nested,
	[GT_OWN_lost_ends_late] = GT_COUNTER_lost_ends_late,
	[GT_OWN_lost_notes] = GT_COUNTER_lost_notes,
	[GT_OWN_stack_hits] = GT_COUNTER_stack_hits,
	[GT_OWN_stack_walks] = GT_COUNTER_stack_walks,
	[GT_OWN_stack_cut] = GT_COUNTER_stack_cut,
};

static void put_thread(struct gt_thread *t)
{
	const gt_m tid = { atomic_load_explicit(&t->tid, memory_order_relaxed) };
	char buf[300];
	gt_symbols_learn(&t->start_pc, 1);
	const struct gt_symbol s = gt_symbols_get(t->start_pc, buf, sizeof(buf));
	char name[GT_NAME_MAX];
	for (unsigned i = 0; i < GT_NAME_MAX; i++)
		name[i] = __atomic_load_n(&t->name[i], __ATOMIC_RELAXED);
	name[GT_NAME_MAX - 1] = 0;
	const gt_str name_id = gt_tables_text(name), start_id = intern(s.func, s.func_len);
	PUT_RECORD(gt_r_THREAD(&record_batch, gt_now(), tid, t->g, (gt_p){ t->slot }, name_id,
			       start_id, t->born.v, __atomic_load_n(&t->died.v, __ATOMIC_RELAXED)));
	for (unsigned call = 0; call < GT_N_CALLS; call++)
		put_call(t, call);
	for (unsigned i = 0; i < GT_N_OWN; i++)
		put_metric(tid.v, gt_counter_names[own_counters[i]],
			   take_new(&t->reported_own[i], &t->own[i]));
}

/* Arguments are separated by zeros in /proc: a reader wants spaces. */
static gt_str cmdline(void)
{
	static char line[GT_STRING_MAX + 1];
	long n = gt_sys_read_file("/proc/thread-self/cmdline", line, sizeof(line));
	if (n < 0)
		return (gt_str){ 0 };
	while (n > 0 && !line[n - 1])
		n--;
	for (long i = 0; i < n; i++)
		if (!line[i])
			line[i] = ' ';
	return intern(line, (size_t)n);
}

void gt_exe_find(void)
{
	char link[32];
	gt_format(link, sizeof(link), "/proc/%u/exe", (uint64_t)gt_host_pid);
	const long n = GT_SYS4(SYS_readlinkat, AT_FDCWD, link, gt_exe_path, GT_PATH_MAX - 1);
	gt_exe_path[GT_SYS_FAILED(n) ? 0 : n] = 0;
}

static void put_process(void)
{
	struct utsname u = { .nodename = "" };
	GT_SYS1(SYS_uname, &u);
	const gt_str exe = gt_tables_text(gt_exe_path), cmd = cmdline(),
		     host = gt_tables_text(u.nodename), version = gt_tables_text(GT_VERSION);
	PUT_RECORD(gt_r_PROCESS(&record_batch, gt_now(), (uint64_t)gt_host_pid,
				(uint64_t)gt_host_ppid, exe, cmd, host, version, gt_cpus()));
}

static void put_modules(void)
{
	gt_modules_update();
	for (size_t i = 0; i < gt_modules_count(); i++) {
		const struct gt_module *m = gt_module_at(i);
		const gt_str path = intern(gt_module_path(m), m->path_len),
			     id = gt_tables_text(m->build_id);
		PUT_RECORD(gt_r_MODULE(&record_batch, gt_now(), m->start, m->end, m->offset, path,
				       id));
	}
}

static void put_setting(const char *name, const char *value, void *arg)
{
	(void)arg;
	const gt_str name_id = gt_tables_text(name), value_id = gt_tables_text(value);
	PUT_RECORD(gt_r_CONFIG(&record_batch, gt_now(), name_id, value_id));
}

static void put_metrics(void)
{
	for (unsigned i = 0; i < GT_N_COUNTERS; i++)
		put_metric(0, gt_counter_names[i], take_new(&seen[i], &gt_counters[i]));
}

static void count_cpu_time(void)
{
	struct timespec ts;
	GT_SYS2(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &ts);
	gt_counters[GT_COUNTER_writer_cpu_ns] =
		(uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void gt_tables_records(bool is_full)
{
	count_cpu_time();
	if (is_full) {
		put_process();
		put_modules();
		gt_config_each(put_setting, NULL);
	}
	const uint32_t end = gt_threads_end();
	for (uint32_t i = 0; i < end; i++) {
		struct gt_thread *t = gt_thread_at(i);
		const uint32_t use = atomic_load_explicit(&t->in_use, memory_order_acquire);
		if (use == GT_LIVE || use == GT_ENDED || use == GT_OWING)
			put_thread(t);
	}
	put_metrics();
	flush_records();
	flush_log();
}
