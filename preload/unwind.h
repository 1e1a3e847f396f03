/* The two symbols of the unwinder that code with cleanups needs. */
#ifndef GT_UNWIND_H
#define GT_UNWIND_H

/*
 * Finds the unwinder. To be called at boot, where taking the loader's lock is safe; otherwise the
 * first cancellation does it. Idempotent.
 */
void gt_unwind_init(void);

#endif
