/* What the two flavours of CTF share: files and their description. */
#ifndef GT_EXPORT_CTF_H
#define GT_EXPORT_CTF_H

#include "tools/export/export.h"
#include "tools/lib/spool.h"

/* A new file of the folder; NULL with *err. */
FILE *gt_ctf_open(const char *dir, const char *name, struct gt_err *err);
int gt_ctf_close(FILE *f, struct gt_err *err);

/* Beginning of the description: types, layout of packets. */
void gt_ctf_put_head(FILE *f);
/* `tracer`: lines that say who wrote it. */
void gt_ctf_put_env(FILE *f, const struct gt_model *m, const char *tracer);
/* Its zero is that of the trace; where the wall clock is known it is added. Defines gt_time. */
void gt_ctf_put_clock(FILE *f, const struct gt_model_process *p);

/* A sequence of the spool as it is. */
void gt_ctf_copy(struct gt_spool *s, uint32_t seq, FILE *f);

#endif
