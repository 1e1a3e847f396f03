/* gtrace flame: a flame graph of waiting. */
#include "tools/analysis/flame.h"
#include "tools/cmd.h"
#include "tools/lib/args.h"
#include "tools/lib/form.h"
#include "tools/lib/mem.h"
#include "tools/lib/replace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct settings {
	struct gt_input in;
	const char *out, *only;
	bool has_wakers, is_folded;
};

static int parse(struct settings *s, int argc, char **argv)
{
	const struct gt_opt opts[] = {
		{ 'o', "output", GT_OPT_TEXT, &s->out, "FILE",
		  "where to (FILE.flame.svg, or .flame.folded); '-' is standard output" },
		{ 'w', "off-wake", GT_OPT_FLAG, &s->has_wakers, NULL,
		  "above each wait the stack of who ended it" },
		{ 0, "only", GT_OPT_CHOICE, &s->only, "contention|io|idle|sleep",
		  "waits of this kind, as gtrace locks tells them apart" },
		{ 0, "folded", GT_OPT_FLAG, &s->is_folded, NULL,
		  "as text for flamegraph.pl, inferno, speedscope; ns" },
		GT_FOCUS_OPTS(s->in.focus),
		GT_FOCUS_THREAD_OPT(s->in.focus),
		GT_FOCUS_LOCK_OPT(s->in.focus),
		GT_LINES_OPTS(s->in, "inlined functions, too"),
	};
	const struct gt_args args = {
		.verb = "flame",
		.operands = "FILE",
		.about =
			"A flame graph of waiting (off-CPU): one picture for any browser, with "
			"nothing outside of it. Names\n"
			"and times under the pointer, a click zooms, a click on \"all\" goes back.",
		.opts = opts,
		.n_opts = sizeof(opts) / sizeof(opts[0]),
		.min = 1,
		.max = 1,
	};
	int first;
	const int rc = gt_args_parse(&args, argc, argv, &first);
	if (rc < 0)
		s->in.path = argv[first];
	return rc;
}

static int class_of(const char *word)
{
	for (int i = 0; word != NULL && i < GT_N_CLASSES; i++) {
		if (strcmp(word, gt_class_word((enum gt_class)i)) == 0)
			return i;
	}
	return -1;
}

struct job {
	const struct gt_flame *flame;
	bool is_folded;
};

static int write_output(void *arg, FILE *out)
{
	const struct job *j = arg;
	if (j->is_folded)
		gt_flame_folded(j->flame, out);
	else
		gt_flame_svg(j->flame, out);
	return 0;
}

static int save(const struct gt_flame *f, const struct settings *o)
{
	struct job j = { f, o->is_folded };
	char *out = o->out != NULL
			    ? gt_mem_text(o->out)
			    : gt_mem_format("%s.flame.%s",
					    strcmp(o->in.path, "-") == 0 ? "stdin" : o->in.path,
					    o->is_folded ? "folded" : "svg");
	int rc = -EINVAL;
	if (strcmp(out, "-") == 0)
		rc = write_output(&j, stdout);
	else if (strcmp(o->in.path, "-") != 0 && gt_is_same_file(o->in.path, out))
		fprintf(stderr, "gtrace flame: %s is the input; give another name with -o\n", out);
	else if ((rc = gt_replace_file(out, true, write_output, &j)) < 0)
		fprintf(stderr, "gtrace flame: cannot write %s: %s\n", out, strerror(-rc));
	free(out);
	return rc < 0 ? GT_EXIT_USAGE : GT_EXIT_OK;
}

int gt_cmd_flame(int argc, char **argv)
{
	struct settings o = { .out = NULL };
	const int rc = parse(&o, argc, argv);
	if (rc >= 0)
		return rc;
	if (!gt_focus_check(&o.in.focus, "flame"))
		return GT_EXIT_USAGE;
	struct gt_flame f;
	gt_flame_init(&f);
	f.has_wakers = o.has_wakers;
	f.only = class_of(o.only);
	int status = gt_flame_read(&f, "flame", &o.in);
	if (status != GT_EXIT_USAGE) {
		const int saved = save(&f, &o);
		status = saved != GT_EXIT_OK ? saved : status;
		if (o.is_folded)
			gt_doubts_print(&f.answer.doubts, stderr, 0);
	}
	gt_flame_free(&f);
	return status;
}
