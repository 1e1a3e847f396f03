#include "tools/lib/quantity.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static uint64_t duration(const char *text)
{
	uint64_t ns = 0;
	cr_assert(gt_duration_parse(text, &ns), "%s", text);
	return ns;
}

static uint64_t size(const char *text)
{
	uint64_t bytes = 0;
	cr_assert(gt_size_parse(text, &bytes), "%s", text);
	return bytes;
}

Test(quantity, durations_carry_their_unit)
{
	cr_assert(eq(u64, duration("0"), 0));
	cr_assert(eq(u64, duration("7ns"), 7));
	cr_assert(eq(u64, duration("100us"), 100000));
	cr_assert(eq(u64, duration("1.5ms"), 1500000));
	cr_assert(eq(u64, duration("2s"), 2000000000));
	cr_assert(eq(u64, duration("1h"), 3600000000000));
}

Test(quantity, sizes_are_powers_of_1024)
{
	cr_assert(eq(u64, size("512"), 512));
	cr_assert(eq(u64, size("64K"), 65536));
	cr_assert(eq(u64, size("8mib"), 8388608));
	cr_assert(eq(u64, size("1.5G"), 1610612736));
}

Test(quantity, what_is_none_is_refused)
{
	static const char *const bad[] = { "",
					   "s",
					   "5",
					   "-1s",
					   "1e3s",
					   " 1s",
					   "1s ",
					   "1.2.3s",
					   "0x1s",
					   ".5s",
					   "inf",
					   "nans",
					   "99999999999999999s",
					   "9999999999h" };
	uint64_t v;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(not(gt_duration_parse(bad[i], &v)), "%s", bad[i]);
	cr_assert(not(gt_size_parse("8X", &v)));
	cr_assert(not(gt_size_parse("-1", &v)));
}

Test(quantity, three_digits_and_a_unit)
{
	char buf[GT_QUANTITY_TEXT];
	cr_assert_str_eq(gt_duration_print(buf, 0), "0ns");
	cr_assert_str_eq(gt_duration_print(buf, 999), "999ns");
	cr_assert_str_eq(gt_duration_print(buf, 1234), "1.23us");
	cr_assert_str_eq(gt_duration_print(buf, 9996), "10.0us");
	cr_assert_str_eq(gt_duration_print(buf, 999600), "1.00ms");
	cr_assert_str_eq(gt_duration_print(buf, 90000000000), "1.50m");
	cr_assert_str_eq(gt_size_print(buf, 1023), "1023B");
	cr_assert_str_eq(gt_size_print(buf, 65536), "64.0K");
	cr_assert_str_eq(gt_size_print(buf, 1048575), "1.00M");
}

Test(quantity, what_is_printed_can_be_typed_in)
{
	char buf[GT_QUANTITY_TEXT];
	for (uint64_t v = 1; v < UINT64_C(1) << 60; v = v * 3 + 1) {
		cr_assert(duration(gt_duration_print(buf, v)) >= v / 2);
		cr_assert(size(gt_size_print(buf, v < UINT64_C(1) << 40 ? v : 1)) > 0);
	}
}
