#include "tools/merge/merge_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Room for n entries, all "not known yet". */
static uint32_t *clear(uint32_t *of, size_t *cap, size_t n)
{
	if (n > *cap) {
		of = gt_mem_resize(of, n, sizeof(*of));
		*cap = n;
	}
	if (n > 0)
		memset(of, 0, n * sizeof(*of));
	return of;
}

static void enter(struct merge_input *in)
{
	in->gen = gt_trace_gen(in->trace);
	memset(in->texts, 0, sizeof(in->texts));
	in->stack_of = clear(in->stack_of, &in->cap_stacks, in->gen->n_stacks);
}

gt_out_text gt_minput_text(struct merge *g, struct merge_input *in, uint64_t id)
{
	const size_t slot = id % (sizeof(in->texts) / sizeof(in->texts[0]));
	if (id == 0 || in->texts[slot].id == id)
		return id != 0 ? in->texts[slot].text : 0;
	const struct gt_text t = gt_gen_text(in->gen, id);
	in->texts[slot].id = id;
	in->texts[slot].text = gt_out_put_text(g->out, t.p, t.len);
	return in->texts[slot].text;
}

gt_out_stack gt_minput_stack(struct merge *g, struct merge_input *in, uint64_t id)
{
	const struct gt_gen_stack *s = id != 0 ? gt_gen_stack(in->gen, id) : NULL;
	if (s == NULL || s->n == 0)
		return 0;
	uint32_t *known = &in->stack_of[s - in->gen->stacks];
	if (*known == 0) {
		struct gt_out_frame frames[GT_STACK_MAX];
		for (uint32_t i = 0; i < s->n; i++) {
			const struct gt_gen_frame *f = gt_gen_frame(in->gen, s, i);
			frames[i] = (struct gt_out_frame){ gt_minput_address(in, f->pc), f->line,
							   gt_minput_text(g, in, f->func),
							   gt_minput_text(g, in, f->file) };
		}
		*known = gt_out_put_stack(g->out, frames, s->n) + 1;
	}
	return *known - 1;
}

/* ---------------------------------------------------------------- its beginning */

static void put_first(struct merge_input *in, const struct merge_first *f)
{
	in->firsts = gt_mem_grow(in->firsts, in->n_firsts, &in->cap_firsts, sizeof(*in->firsts));
	in->firsts[in->n_firsts++] = *f;
}

static void look_at_first(struct merge *g, struct merge_input *in, const struct gt_ordered *ev)
{
	if (ev->from != GT_STATE_UNKNOWN)
		return;
	struct merge_first f = { .id = ev->who, .m = ev->m };
	if (ev->subject == GT_SUBJECT_P) {
		f.is_p = true;
		f.status = ev->args[1];
		put_first(in, &f);
	} else if (ev->subject == GT_SUBJECT_G) {
		f.m = ev->args[1] != GT_NO_ID ? ev->args[1] : ev->m;
		f.status = ev->args[2];
		f.stack = ev->id == GT_EV_GoStatusStack ? gt_minput_stack(g, in, ev->args[3]) : 0;
		put_first(in, &f);
	}
}

/*
 * Statuses may come late in the first generation and tell how it was at its start: so that one is
 * read twice.
 */
static void read_firsts(struct merge *g, struct merge_input *in, struct gt_trace *t)
{
	struct gt_ordered ev;
	in->trace = t;
	gt_trace_set_silent(t);
	while (gt_trace_next(t, &ev, NULL) > 0) {
		if (ev.id == GT_EV_Sync && gt_trace_gen(t)->index > 0)
			break;
		if (ev.id == GT_EV_Sync)
			enter(in);
		look_at_first(g, in, &ev);
	}
}

/* What the program was started as; it may have written something else there. */
static char *name_of(const struct gt_merge_source *s)
{
	const char *word = s->cmdline[0] != '\0' ? s->cmdline : s->exe;
	size_t len = word == s->exe ? strlen(word) : strcspn(word, " ");
	for (size_t i = 0; i < len; i++) {
		if (word[i] != '/' || i + 1 >= len)
			continue;
		word += i + 1;
		len -= i + 1;
		i = (size_t)-1;
	}
	while (len > 1 && word[len - 1] == ':') /* "nginx: worker process" */
		len--;
	return gt_mem_format("%.*s", (int)len, word);
}

static char *prefix_of(const struct merge *g, const struct gt_merge_source *s, const char *name)
{
	bool has_hosts = false;
	for (size_t i = 0; i < g->n; i++)
		has_hosts = has_hosts || strcmp(g->inputs[i].source->host, s->host) != 0;
	return has_hosts ? gt_mem_format("%s:%s[%" PRIu64 "]", s->host, name, s->pid)
			 : gt_mem_format("%s[%" PRIu64 "]", name, s->pid);
}

/* The name of a thread that was given none is the program's, or the beginning of it. */
gt_out_text gt_minput_label(struct merge *g, struct merge_input *in, const char *name, size_t len)
{
	if (strncmp(in->name, name, len) == 0)
		return gt_out_put_text(g->out, in->prefix, strlen(in->prefix));
	char *text = gt_mem_format("%s %.*s", in->prefix, (int)len, name);
	const gt_out_text t = gt_out_put_text(g->out, text, strlen(text));
	free(text);
	return t;
}

int gt_minput_open(struct merge *g, struct merge_input *in, struct gt_err *err)
{
	struct gt_trace *t = gt_trace_open(in->source->path, err);
	if (t == NULL)
		return -(int)err->code;
	in->name = name_of(in->source);
	in->prefix = prefix_of(g, in->source, in->name);
	read_firsts(g, in, t);
	gt_trace_close(t);
	in->trace = NULL;
	in->next_time = gt_minput_time(in, in->source->start_ns) - gt_merge_birth_events(in);
	return 0;
}

void gt_minput_close(struct merge_input *in)
{
	gt_trace_close(in->trace);
	in->trace = NULL;
	gt_idmap_free(&in->gs);
	gt_idmap_free(&in->ps);
	gt_idmap_free(&in->ms);
	gt_idmap_free(&in->tasks);
	free(in->stack_of);
	free(in->firsts);
	free(in->waits.list);
	free(in->expiries.list);
	free(in->timed);
	free(in->modules);
	free(in->name);
	free(in->prefix);
}

int gt_minput_next(struct merge *g, struct merge_input *in, struct gt_err *err)
{
	const int rc = gt_trace_next(in->trace, &in->ev, err);
	if (rc <= 0)
		return rc;
	if (in->ev.id == GT_EV_Sync) {
		enter(in);
		gt_merge_take_records(g, in);
	}
	in->last_time = in->next_time = gt_minput_time(in, in->ev.time);
	return 1;
}
