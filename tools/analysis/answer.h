/*
 * What the answers (threads, locks, why, flame) have in common: reading a file, the words for a
 * wait, and how far the trace can be believed.
 */
#ifndef GT_ANSWER_H
#define GT_ANSWER_H

#include "tools/analysis/model.h"
#include "tools/lib/json.h"
#include "tools/lib/keymap.h"
#include "tools/symbol/data.h"

/* What kind of waiting it is; the order of tables. */
enum gt_class {
	GT_CLASS_LOCK,  /* somebody has what it wants */
	GT_CLASS_IO,    /* a descriptor, or a system call */
	GT_CLASS_IDLE,  /* for work, a signal, another thread: nothing has come yet */
	GT_CLASS_SLEEP, /* for time to pass */
	GT_N_CLASSES,
};

/* "contention", "io", "idle", "sleep" */
const char *gt_class_word(enum gt_class c);

/* Drops, settings, and what could not be found out: every report ends with them. */
struct gt_doubts {
	struct gt_keymap names; /* of counters: lost_*, *_refused, stack_cut */
	uint64_t *values;
	size_t cap_values;
	char *hooks;    /* GTRACE_HOOKS, where some are off; NULL = all are on */
	char *min_wait; /* GTRACE_MIN_WAIT; NULL = not told */
	/* Counted by the analysis. */
	uint64_t n_waits, no_holder, no_waker, cut;
};

struct gt_answer {
	struct gt_model *model;
	struct gt_focus focus; /* of what it was read with */
	struct gt_data_names data;
	struct gt_doubts doubts;
	struct gt_keymap whats; /* names of objects that were asked for: gt_answer_object() */
	char **what_of;
	size_t cap_whats;
	struct gt_keymap looks; /* stacks as they are shown: gt_answer_look() */
	gt_stack_id *look_of, *canon;
	size_t cap_looks, n_canon;
	bool is_complete; /* all of the file was read, and it does not grow */
};

/* `calls` are the analysis' own; its generation() has to call gt_answer_generation(). */
void gt_answer_init(struct gt_answer *a, const struct gt_model_calls *calls, void *arg);
void gt_answer_free(struct gt_answer *a);
void gt_answer_generation(struct gt_answer *a, const struct gt_gen *g);

/* Reads the file and says on stderr what is wrong with it. Returns the exit status so far; with
 * GT_EXIT_USAGE nothing was read. */
int gt_answer_read(struct gt_answer *a, const char *verb, const struct gt_input *in);

/* What a thread waits for, as far as a name goes. */
struct gt_object_id {
	uint64_t address; /* of a lock, or a descriptor */
	uint32_t why;     /* enum gt_why_id */
	gt_text_id name;
};
struct gt_object_id gt_object_of(const struct gt_wait *w);

/* "cache_lock", "queue+0x28", "0x55d0c0ffee10", "fd 7 (pipe:[123])", "-" where there is no object.
 * Valid as long as the answer. */
const char *gt_answer_object(struct gt_answer *a, struct gt_object_id id);

/* "mutex", "cond", "read"; where there is no object the function that was called. */
const char *gt_answer_kind(const struct gt_answer *a, const struct gt_object_id *id,
			   gt_stack_id stack, char buf[static GT_LABEL_MAX]);

/* "mutex cache_lock", "read of fd 7 (pipe:[123])", "nanosleep" */
const char *gt_answer_what(struct gt_answer *a, struct gt_object_id id, gt_stack_id stack,
			   char buf[static GT_LABEL_MAX]);

/* Is it for the lock, and of the thread, that was asked for (--lock, --thread)? */
bool gt_answer_is_wanted(struct gt_answer *a, const struct gt_wait *w);

enum gt_class gt_answer_class(const struct gt_answer *a, const struct gt_wait *w);

/* "read < fill < worker": innermost first, at most `max` frames; "-" where there is none. With
 * lines: "fill (app.c:12)". */
const char *gt_answer_stack(const struct gt_answer *a, gt_stack_id stack, unsigned max,
			    char buf[static GT_LABEL_MAX]);

/* The first stack that is shown the same: two calls in one function are one place, unless lines
 * tell them apart. */
gt_stack_id gt_answer_look(struct gt_answer *a, gt_stack_id stack);

/* An array of the functions of a stack, innermost first. */
void gt_answer_json_stack(const struct gt_answer *a, struct gt_json *j, const char *key,
			  gt_stack_id stack);

/* "worker (tid 12)" or "not known" */
const char *gt_answer_thread(const struct gt_answer *a, uint32_t thread,
			     char buf[static GT_LABEL_MAX]);

/* Lines that begin with `indent` blanks; nothing to doubt is a line, too. */
void gt_doubts_print(const struct gt_doubts *d, FILE *out, unsigned indent);
void gt_doubts_json(const struct gt_doubts *d, struct gt_json *j);

/* The head that all JSON answers have: schema, file, complete, duration_ns. */
void gt_answer_json_head(const struct gt_answer *a, struct gt_json *j, const char *schema,
			 const char *path);

#endif
