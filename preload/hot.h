/*
 * What every wait runs and reads lies together: after a system call the caches hold little of ours,
 * and each line and page that a wait needs is waited for (docs/DESIGN.md).
 */
#ifndef GT_HOT_H
#define GT_HOT_H

#define GT_HOT      __attribute__((hot))               /* a function */
#define GT_HOT_DATA __attribute__((section("gt_hot"))) /* a small variable */

#endif
