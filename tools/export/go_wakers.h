/*
 * convert --to go: each GoUnblock whose waker is known goes from the woken thread's stream to the
 * waker's, with the waker's stack. Rules: go_wakers.c.
 *
 *     w = gt_go_wakers_open(path);
 *     gt_go_wakers_begin(w);                   for each generation
 *     if (!gt_go_wakers_take(w, &batch)) ...   each of its batches of events: copy it
 *     gt_go_wakers_end(w, put, arg, &err);     what was taken, as it is to be
 */
#ifndef GT_GO_WAKERS_H
#define GT_GO_WAKERS_H

#include "tools/read/file.h"

struct gt_go_wakers;

/* NULL, which is fine for all others, when the file cannot be read twice: nothing is moved. */
struct gt_go_wakers *gt_go_wakers_open(const char *path);
void gt_go_wakers_close(struct gt_go_wakers *w);

void gt_go_wakers_begin(struct gt_go_wakers *w);

/* True: its bytes are kept for the end. False: nothing changes in this generation. */
bool gt_go_wakers_take(struct gt_go_wakers *w, const struct gt_wire_batch *b);

/* Calls put(arg, batch, err) with each batch; passes on its errors, negative. */
typedef int gt_go_put(void *arg, const struct gt_wire_batch *b, struct gt_err *err);
int gt_go_wakers_end(struct gt_go_wakers *w, gt_go_put *put, void *arg, struct gt_err *err);

#endif
