/* Every event of traces in old formats, as tests/reader/old/canon.go.txt writes them. */
#include "tools/lib/mem.h"
#include "tools/read/old_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = gt_mem_resize(NULL, 1, 1 << 26);
	*len = f != NULL ? fread(bytes, 1, 1 << 26, f) : 0;
	if (f != NULL)
		fclose(f);
	return bytes;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_events(const struct gt_old *o)
{
	char **lines = gt_mem_resize(NULL, o->n_order + 1, sizeof(*lines));
	for (uint32_t i = 0; i < o->n_order; i++) {
		const struct gt_old_event *e = gt_old_event(o, i);
		const uint32_t s = e->stack ? gt_idmap_get(&o->stack_ids, e->stack) : GT_NO_INDEX;
		lines[i] = gt_mem_format("%" PRId64 " %" PRIx64 " %s %" PRId64 " %" PRIu64
					 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
					 e->time, e->offset, gt_old_name(e->type), e->p, e->g,
					 e->args[0], e->args[1], e->stack,
					 s == GT_NO_INDEX ? 0 : o->stacks[s].n);
	}
	qsort(lines, o->n_order, sizeof(*lines), by_text);
	for (uint32_t i = 0; i < o->n_order; i++) {
		fputs(lines[i], stdout);
		free(lines[i]);
	}
	free(lines);
}

/* Go 1.5 sorts by number; where two events have the same one Go's order is that of its sort. */
static void tell_open_order(const struct gt_old *o, const char *path)
{
	for (uint32_t i = 1; o->version < 7 && i < o->n_order; i++) {
		if (gt_old_event(o, i)->seq == gt_old_event(o, i - 1)->seq) {
			fprintf(stderr, "%s: a number is used twice\n", path);
			return;
		}
	}
}

/* Small leaks are nobody's loss here: it reads some files and ends. */
static int canon(const char *path, struct gt_err *err)
{
	struct gt_old o = { .err = err };
	o.bytes = slurp(path, &o.len);
	o.version = o.len >= 16 ? gt_old_version(o.bytes) : 0;
	int rc = o.version == 0 ? gt_err_set(err, GT_ERR_HEADER, 0, "no old trace") : 0;
	if (rc == 0)
		rc = gt_old_parse(&o);
	if (rc == 0)
		rc = gt_old_order(&o);
	if (rc == 0)
		rc = gt_old_check(&o);
	tell_open_order(&o, path);
	if (rc == 0)
		put_events(&o);
	free(o.events);
	free(o.order);
	free((void *)o.bytes);
	return rc;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct gt_err err = { .code = GT_ERR_NONE };
		printf("file %s\n", argv[i]);
		const int rc = canon(argv[i], &err);
		if (rc < 0)
			gt_err_print(&err, argv[i], stderr);
		puts(rc == 0 ? "end" : "error");
	}
	return 0;
}
