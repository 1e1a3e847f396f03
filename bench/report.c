#include "bench/driver.h"

#include "bench/stats.h"

#include <string.h>

#define NOTHING                                                                                    \
	0.05 /* bytes per operation that count as none: names, modules, counters of a longer run   \
	      */

struct row {
	const char *base_work;
	enum mode base_mode;
	const char *work;
	enum mode mode;
	unsigned value;
	double scale;
	const char *unit;
	enum goal goal;
	double figure, bytes;
	const char *text;
};

static const struct row rows[] = {
/* clang-format off */
#define ROW(base_work, base_mode, work, mode, value, scale, unit, goal, figure, bytes, text) \
	{ #base_work, M_##base_mode, #work, M_##mode, value, scale, unit, GOAL_##goal, figure, bytes, text },
#include "bench/rows.def"
#undef ROW
	/* clang-format on */
};

/* Figures of one row over the rounds in which both sides were measured. */
struct result {
	unsigned rounds;
	double base, measured, least_base, least;
	double diff, spread; /* median of the differences of each round; half the distance of their
				quartiles */
	double ratio;
	double bytes;
};

const struct pair *pair_find(const struct pair *pairs, unsigned n, const char *work, enum mode mode)
{
	for (unsigned i = 0; i < n; i++)
		if (pairs[i].mode == mode && strcmp(pairs[i].work, work) == 0)
			return &pairs[i];
	return NULL;
}

/*
 * N.B. differences and ratios are taken within each round, where both sides ran one after the
 * other: what the machine does to both (clock rate, other people) falls out.
 */
static struct result compare(const struct pair *base, const struct pair *with, unsigned value)
{
	double a[MAX_ROUNDS], b[MAX_ROUNDS], diff[MAX_ROUNDS], ratio[MAX_ROUNDS];
	unsigned n = 0;
	for (unsigned i = 0; base && with && i < MAX_ROUNDS; i++) {
		if (base->value[value][i] <= 0 || with->value[value][i] <= 0)
			continue;
		a[n] = base->value[value][i];
		b[n] = with->value[value][i];
		diff[n] = b[n] - a[n];
		ratio[n] = b[n] / a[n];
		n++;
	}
	struct result r = { .rounds = n, .bytes = with ? with->bytes : -1 };
	r.base = stats_median(a, n);
	r.measured = stats_median(b, n);
	r.least_base = stats_quantile(a, n, 0);
	r.least = stats_quantile(b, n, 0);
	r.diff = stats_median(diff, n);
	r.spread = (stats_quantile(diff, n, 0.75) - stats_quantile(diff, n, 0.25)) / 2;
	r.ratio = stats_median(ratio, n);
	return r;
}

/* The largest difference that meets the goal, in ns. */
static double largest_diff(const struct row *row, double base, double clock)
{
	switch (row->goal) {
	case GOAL_RATIO:
		return (row->figure - 1) * base;
	case GOAL_DIFF:
		return row->figure * row->scale;
	case GOAL_CLOCKS:
		return 2 * clock + row->figure;
	default:
		return 0;
	}
}

/* N.B. two looks: a busy neighbour on the same core may double every figure, differences as well.
 */
static const char *verdict_of(const struct row *row, const struct result *r, double clock)
{
	if (row->goal == GOAL_NONE && row->bytes < 0)
		return "";
	if (row->bytes >= 0 && r->bytes > row->bytes + NOTHING)
		return "NOT MET";
	if (row->goal == GOAL_NONE)
		return "met";
	const double limit = largest_diff(row, r->base, clock);
	const bool by_median = row->goal == GOAL_RATIO ? r->ratio <= row->figure : r->diff <= limit;
	const bool by_least = r->least - r->least_base <= largest_diff(row, r->least_base, clock);
	const bool is_close = limit - r->diff < r->spread && limit - r->diff > -r->spread;
	if (by_median && by_least)
		return is_close ? "met ?" : "met";
	if (!by_median && !by_least)
		return is_close ? "NOT MET ?" : "NOT MET";
	return by_least ? "at best" : "unclear";
}

static void goal_text(char *buf, size_t cap, const struct row *row, double clock)
{
	char bytes[32] = "";
	if (row->bytes >= 0)
		snprintf(bytes, sizeof(bytes), ", %.0f bytes", row->bytes);
	switch (row->goal) {
	case GOAL_RATIO:
		snprintf(buf, cap, "<= %.2f x%s", row->figure, bytes);
		break;
	case GOAL_DIFF:
		snprintf(buf, cap, "<= +%g %s%s", row->figure, row->unit, bytes);
		break;
	case GOAL_CLOCKS:
		snprintf(buf, cap, "<= +%.1f ns%s", 2 * clock + row->figure, bytes);
		break;
	default:
		snprintf(buf, cap, "%s", row->bytes >= 0 ? bytes + 2 : "");
	}
}

static void print_row(FILE *f, const struct row *row, const struct result *r, double clock,
		      bool is_markdown)
{
	char bytes[24] = "", goal[48], text[160];
	const char *const verdict = verdict_of(row, r, clock);
	const double s = row->scale;
	goal_text(goal, sizeof(goal), row, clock);
	if (r->bytes >= 0)
		snprintf(bytes, sizeof(bytes), "%.2f", r->bytes < NOTHING ? 0.0 : r->bytes);
	snprintf(text, sizeof(text), "%s, %s", row->text, row->unit);
	if (r->rounds == 0) {
		fprintf(f, is_markdown ? "| %s | skipped |||||||||\n" : "%-72s skipped\n", text);
		return;
	}
	fprintf(f,
		is_markdown ? "| %s | %.2f | %.2f | %+.2f | %.2f | %.3f | %.2f | %+.2f | %s | %s | "
			      "%s |\n"
			    : "%-72s %9.2f %9.2f %+9.2f %7.2f %6.3f %9.2f %+9.2f %6s  %-19s %s\n",
		text, r->base / s, r->measured / s, r->diff / s, r->spread / s, r->ratio,
		r->least_base / s, (r->least - r->least_base) / s, bytes, goal, verdict);
}

void report(FILE *f, const struct pair *pairs, unsigned n, bool is_markdown)
{
	const struct result clock = compare(pair_find(pairs, n, "core.now", M_NATIVE),
					    pair_find(pairs, n, "core.now", M_NATIVE), 0);
	if (is_markdown)
		fputs("| what | native | with | least native | least with | difference | +- | "
		      "ratio | bytes | goal | |\n"
		      "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|---|\n",
		      f);
	else
		fprintf(f, "%-72s %9s %9s %9s %7s %6s %9s %9s %6s  %s\n", "", "native", "with",
			"diff", "+-", "ratio", "least n.", "diff", "bytes", "goal");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const struct result r =
			compare(pair_find(pairs, n, row->base_work, row->base_mode),
				pair_find(pairs, n, row->work, row->mode), row->value);
		print_row(f, row, &r, clock.base, is_markdown);
	}
}
