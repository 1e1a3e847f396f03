/* The few lines at the end of `gtrace record`. */
#ifndef GT_REPORT_H
#define GT_REPORT_H

#include "tools/record/output.h"
#include "tools/record/run.h"

/* To stderr, at most 10 lines. `is_complete`: all writers have ended. */
void gt_record_report(const struct gt_output *out, const struct gt_run *run, bool is_complete);

#endif
