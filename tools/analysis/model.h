/*
 * What exporters and analyses want of a trace: threads with their states, waits from begin to end,
 * stacks that outlive generations. One walk over the ordered events calls the user's functions;
 * texts, frames and stacks are numbered once for the whole file. All texts are UTF-8 without
 * control characters, whatever the trace holds.
 *
 *     struct gt_model *m = gt_model_new(&calls, arg);
 *     rc = gt_model_read(m, input, out, err);
 *     ... tables at the end: gt_model_threads(), gt_model_stack(), ...
 *     gt_model_free(m);
 *
 * Memory is bounded by the largest generation, the threads, and the distinct stacks.
 */
#ifndef GT_MODEL_H
#define GT_MODEL_H

#include "tools/analysis/blame.h"
#include "tools/lib/focus.h"
#include "tools/read/order.h"

#include <stdio.h>

#define GT_NO_THREAD UINT32_MAX

/* A number of a text; 0 = "" and none. */
typedef uint32_t gt_text_id;
/* A number of a stack; 0 = none. */
typedef uint32_t gt_stack_id;

struct gt_model;

struct gt_model_frame {
	uint64_t pc, line; /* line 0 = unknown */
	gt_text_id func, file;
};

/* One life of a thread: in a trace of a Go program a goroutine. */
struct gt_model_thread {
	uint64_t g;
	uint64_t tid;          /* the kernel's; where that is not told, or changes: g */
	gt_text_id name;       /* as it was named last */
	gt_text_id start;      /* its start routine */
	int64_t born, died;    /* died 0 = lived at the end */
	enum gt_state state;   /* at the present event */
	gt_text_id present[2]; /* for the walk: reason and stack of the present wait */
	int64_t since;
	struct gt_blamed open; /* for the walk: what its present wait is for */
	uint64_t mark;         /* whatever the user of the model wants to remember */
};

enum gt_wait_kind {
	GT_WAIT_BLOCK, /* it waits */
	GT_WAIT_CALL,  /* it is in a system call, which may or may not wait */
};

struct gt_wait {
	uint32_t thread; /* index */
	enum gt_wait_kind kind;
	int64_t begin, end; /* ns; end only in wait_end() */
	gt_text_id reason;  /* Go's word; 0 = not told, and for calls */
	gt_stack_id stack;  /* of the waiter */
	bool is_open;       /* the trace ended first */

	/* Who ended it and who was waited for, as far as the trace says: 0 = not known. */
	uint64_t waker_g;
	gt_stack_id waker_stack, holder_stack; /* the holder's: where it let go, if it did */
	int64_t waker_time;
	/* What our own records say; see blame.h for each. */
	enum gt_why_id why;
	uint64_t object;     /* address of the lock, or the descriptor */
	gt_text_id name;     /* what the descriptor stands for */
	uint64_t holder_tid; /* at the begin */
	uint64_t holder_g;
	uint64_t readers;
	bool is_expired;
};

/* A thread's new state. */
struct gt_change {
	uint32_t thread;
	int64_t time;
	enum gt_state from, to;
	uint64_t by_g; /* who created or woke it; 0 = itself, nobody, or not known */
};

struct gt_sample {
	int64_t time;
	uint32_t thread; /* or GT_NO_THREAD */
	gt_stack_id stack;
};

struct gt_metric {
	int64_t time;
	const char *name;
	uint64_t value;
};

enum gt_span_kind {
	GT_SPAN_REGION, /* of a thread; they nest */
	GT_SPAN_TASK,   /* of the program */
	GT_SPAN_GC,
	GT_SPAN_STW,
	GT_SPAN_SWEEP,  /* of a processor */
	GT_SPAN_ASSIST, /* of a thread */
};

/* Begin or end of a stretch of time that is no wait. (kind, id) is a row in which they nest. */
struct gt_span {
	enum gt_span_kind kind;
	uint64_t id; /* g of a thread, task, processor; 0 for the program */
	int64_t time;
	bool is_begin;
	uint32_t thread; /* on which it happened, or GT_NO_THREAD */
	gt_text_id name;
	gt_stack_id stack;
};

/* A message. */
struct gt_mark {
	int64_t time;
	uint32_t thread; /* or GT_NO_THREAD */
	gt_text_id key, text;
	uint64_t task;
	gt_stack_id stack;
};

struct gt_alloc {
	int64_t time;
	uint32_t thread; /* or GT_NO_THREAD */
	uint64_t id;     /* of the object */
	uint64_t bytes;  /* 0 = not known */
	gt_text_id type;
	bool is_free;
	bool is_old; /* not allocated now: it was there when the trace began */
};

/* Functions of an exporter or analysis, called in the order of time; NULL = not wanted. Pointers
 * are valid during the call. */
struct gt_model_calls {
	/* A generation begins; its records can be read (rec.h). */
	void (*generation)(void *arg, const struct gt_gen *g);
	void (*change)(void *arg, const struct gt_change *c);
	void (*wait_begin)(void *arg, const struct gt_wait *w);
	void (*wait_end)(void *arg, const struct gt_wait *w); /* every wait ends, see is_open */
	void (*sample)(void *arg, const struct gt_sample *s);
	void (*metric)(void *arg, const struct gt_metric *v);
	void (*span)(void *arg, const struct gt_span *s);
	void (*mark)(void *arg, const struct gt_mark *k);
	void (*alloc)(void *arg, const struct gt_alloc *a);
};

struct gt_model_module {
	uint64_t start, end, offset;
	gt_text_id path, build_id;
};

/* What is known of the program; all texts may be "". */
struct gt_model_process {
	uint64_t pid; /* 1 where it is not told */
	gt_text_id exe, cmdline, host;
	bool is_go;          /* no record of ours: a Go program */
	uint64_t sample_ns;  /* CPU time that a sample stands for */
	int64_t trace_start; /* what times of the command line count from */
	int64_t start, end;  /* first and last event, of the part that is asked for */
	int64_t wall_ns;     /* since 1970, at `start`; 0 = not known */
};

/* What to read, and how. */
struct gt_input {
	const char *path;      /* "-" = standard input */
	bool has_lines;        /* source lines and inlined functions, by debug information */
	const char *debug_dir; /* more of it is there; or NULL */
	const char *title;     /* of the progress bar; NULL = "reading" */
	/*
	 * The part of the time is cut out of what the model tells: what is under way at its start
	 * begins there, what is under way at its end ends there, as if that were the trace.
	 * `thread`: unless has_others all calls are about that thread, or none. `lock` is left to
	 * the user of the model.
	 */
	struct gt_focus focus;
	bool has_others;
};

struct gt_model *gt_model_new(const struct gt_model_calls *calls, void *arg);
void gt_model_free(struct gt_model *m);

/*
 * Reads all of in->path. 0, or -gt_err_code with *err: what came before was delivered, and waits
 * that were open have ended, unless nothing could be read. Gives up when `out` (may be NULL) has
 * failed.
 */
int gt_model_read(struct gt_model *m, const struct gt_input *in, FILE *out, struct gt_err *err);

/* Tables; they grow during the walk. */
const char *gt_model_text(const struct gt_model *m, gt_text_id id);
uint32_t gt_model_n_texts(const struct gt_model *m);
const struct gt_model_frame *gt_model_frame(const struct gt_model *m, uint32_t frame);
uint32_t gt_model_n_frames(const struct gt_model *m);
/* Frames of a stack, innermost first. */
const uint32_t *gt_model_stack(const struct gt_model *m, gt_stack_id id, uint32_t *n);
uint32_t gt_model_n_stacks(const struct gt_model *m);
/* Valid until the next call of a function of the exporter. */
struct gt_model_thread *gt_model_thread(const struct gt_model *m, uint32_t index);
uint32_t gt_model_n_threads(const struct gt_model *m);
const struct gt_model_module *gt_model_module(const struct gt_model *m, uint32_t index);
uint32_t gt_model_n_modules(const struct gt_model *m);
/* The module that pc lies in: its index, or UINT32_MAX. */
uint32_t gt_model_find_module(const struct gt_model *m, uint64_t pc);
const struct gt_model_process *gt_model_process(const struct gt_model *m);

/* Numbers for texts of the exporter's own. */
gt_text_id gt_model_put_text(struct gt_model *m, const char *text, size_t len);

/* The stack of one made-up frame. */
gt_stack_id gt_model_put_frame_stack(struct gt_model *m, const char *name);

/* The thread that is `g` now, or GT_NO_THREAD. */
uint32_t gt_model_find(const struct gt_model *m, uint64_t g);

#define GT_LABEL_MAX 1280
/* "worker", "thread 12" where it has no name, "goroutine 12" in a Go program; "?" = no thread. */
const char *gt_model_label(const struct gt_model *m, uint32_t thread,
			   char buf[static GT_LABEL_MAX]);

/* "wait sync", "wait" where no reason is told, "syscall". */
const char *gt_wait_label(const struct gt_model *m, const struct gt_wait *w,
			  char buf[static GT_LABEL_MAX]);

/* "region", "task", "gc", "stw", "sweep", "assist" */
const char *gt_span_word(enum gt_span_kind kind);

#endif
