/*
 * Who woke whom in each generation of a trace of ours: reads the file a second time, ordered,
 * beside the one who copies it batch by batch.
 */
#ifndef GT_GO_EDGES_H
#define GT_GO_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The end of a wait whose waker is known. The wake lies in the same generation. */
struct gt_go_edge {
	uint64_t offset; /* of the GoUnblock in the file */
	uint64_t waker_g, waker_tid;
	uint64_t time;  /* of the wake */
	uint64_t stack; /* id in this generation; 0 = not known */
	bool is_moved;  /* the caller's */
};

struct gt_go_edges;

/* NULL when the file cannot be read twice, as standard input. */
struct gt_go_edges *gt_go_edges_open(const char *path);
void gt_go_edges_close(struct gt_go_edges *e);

/*
 * Edges of the next generation, by offset; *n may be 0. They stay until the next call. A
 * generation that is not right to its end has none, nor have those behind it.
 */
struct gt_go_edge *gt_go_edges_next(struct gt_go_edges *e, size_t *n);

#endif
