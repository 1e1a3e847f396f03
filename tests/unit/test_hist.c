#include "tools/lib/hist.h"

#include <criterion/criterion.h>

Test(hist, an_empty_one_has_no_values)
{
	const struct gt_hist h = { 0 };
	cr_assert_eq(gt_hist_quantile(&h, 0.5), 0);
}

Test(hist, a_single_value_is_every_quantile)
{
	struct gt_hist h = { 0 };
	gt_hist_add(&h, 123456789);
	cr_assert_eq(gt_hist_quantile(&h, 0), 123456789);
	cr_assert_eq(gt_hist_quantile(&h, 0.5), 123456789);
	cr_assert_eq(gt_hist_quantile(&h, 1), 123456789);
	gt_hist_free(&h);
}

Test(hist, small_values_are_exact)
{
	struct gt_hist h = { 0 };
	for (uint64_t v = 1; v <= 10; v++)
		gt_hist_add(&h, v);
	cr_assert_eq(gt_hist_quantile(&h, 0.1), 1);
	cr_assert_eq(gt_hist_quantile(&h, 0.5), 5);
	cr_assert_eq(gt_hist_quantile(&h, 0.91), 10);
	gt_hist_free(&h);
}

Test(hist, a_quantile_is_an_upper_bound_within_a_sixteenth)
{
	struct gt_hist h = { 0 };
	for (uint64_t v = 1; v <= 100000; v++)
		gt_hist_add(&h, v * 977);
	for (int k = 1; k <= 100; k++) {
		const uint64_t truth = (uint64_t)k * 1000 * 977,
			       told = gt_hist_quantile(&h, k / 100.0);
		cr_assert(told >= truth && told <= truth + truth / 16 + 977, "%d %%: %lu, is %lu",
			  k, (unsigned long)told, (unsigned long)truth);
	}
	cr_assert(h.n < 300, "%u buckets", h.n);
	gt_hist_free(&h);
}

Test(hist, the_largest_values_fit)
{
	struct gt_hist h = { 0 };
	gt_hist_add(&h, UINT64_MAX);
	gt_hist_add(&h, 0);
	cr_assert_eq(gt_hist_quantile(&h, 0.5), 0);
	cr_assert_eq(gt_hist_quantile(&h, 1), UINT64_MAX);
	gt_hist_free(&h);
}
