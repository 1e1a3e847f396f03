/* convert --to go. */
#include "tools/export/export.h"

int gt_export_go(const struct gt_export *x, FILE *out, struct gt_err *err)
{
	(void)x;
	(void)out;
	return gt_err_set(err, GT_ERR_USAGE, GT_NO_OFFSET, "not written yet");
}
