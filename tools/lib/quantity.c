#include "tools/lib/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	double factor;
};

static const struct unit durations[] = {
	{ "ns", 1 },  { "us", 1e3 },     { "\xc2\xb5s", 1e3 }, { "ms", 1e6 },
	{ "s", 1e9 }, { "m", 60 * 1e9 }, { "min", 60 * 1e9 },  { "h", 3600 * 1e9 },
};

static const struct unit sizes[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "K", 1024.0 },
	{ "KB", 1024.0 },
	{ "KiB", 1024.0 },
	{ "M", 1024.0 * 1024 },
	{ "MB", 1024.0 * 1024 },
	{ "MiB", 1024.0 * 1024 },
	{ "G", 1024.0 * 1024 * 1024 },
	{ "GB", 1024.0 * 1024 * 1024 },
	{ "GiB", 1024.0 * 1024 * 1024 },
	{ "T", 1024.0 * 1024 * 1024 * 1024 },
	{ "TB", 1024.0 * 1024 * 1024 * 1024 },
	{ "TiB", 1024.0 * 1024 * 1024 * 1024 },
};

/*
 * N.B. not strtod alone: it takes "inf", "0x10", "-1" and leading blanks, none of which is meant.
 * 15 digits are exact in a double, and more than any duration or size needs.
 */
static bool parse(const char *text, const struct unit *units, size_t n, bool ignore_case,
		  double *value)
{
	const size_t digits = strspn(text, "0123456789.");
	if (digits == 0 || digits > 16 || strchr(".", text[0]) != NULL)
		return false;
	char number[17];
	memcpy(number, text, digits);
	number[digits] = '\0';
	char *end;
	const double v = strtod(number, &end);
	if (*end != '\0')
		return false;

	for (size_t i = 0; i < n; i++) {
		const char *name = units[i].name;
		if (ignore_case ? strcasecmp(text + digits, name) == 0
				: strcmp(text + digits, name) == 0) {
			*value = v * units[i].factor;
			return *value < 9.2e18;
		}
	}
	return false;
}

bool gt_duration_parse(const char *text, uint64_t *ns)
{
	double v;
	if (strcmp(text, "0") == 0) {
		*ns = 0;
		return true;
	}
	if (!parse(text, durations, sizeof(durations) / sizeof(durations[0]), false, &v))
		return false;
	*ns = (uint64_t)(v + 0.5);
	return true;
}

bool gt_size_parse(const char *text, uint64_t *bytes)
{
	double v;
	if (!parse(text, sizes, sizeof(sizes) / sizeof(sizes[0]), true, &v))
		return false;
	*bytes = (uint64_t)(v + 0.5);
	return true;
}

/*
 * Three significant digits. N.B. the limits are those of the rounded text: 9.996 must become
 * "10.0", not "10.00".
 */
static const char *print(char *buf, double v, const char *unit)
{
	const int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
	snprintf(buf, GT_QUANTITY_TEXT, "%.*f%s", decimals, v, unit);
	return buf;
}

const char *gt_duration_print(char buf[static GT_QUANTITY_TEXT], uint64_t ns)
{
	static const struct unit steps[] = {
		{ "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60 * 1e9 }, { "h", 3600 * 1e9 },
	};
	const size_t n = sizeof(steps) / sizeof(steps[0]);
	if (ns < 1000) {
		snprintf(buf, GT_QUANTITY_TEXT, "%" PRIu64 "ns", ns);
		return buf;
	}
	size_t i = 0;
	while (i + 1 < n && (double)ns >= steps[i + 1].factor * 0.9995)
		i++;
	return print(buf, (double)ns / steps[i].factor, steps[i].name);
}

const char *gt_size_print(char buf[static GT_QUANTITY_TEXT], uint64_t bytes)
{
	static const char *const units[] = { "K", "M", "G", "T", "P", "E" };
	if (bytes < 1024) {
		snprintf(buf, GT_QUANTITY_TEXT, "%" PRIu64 "B", bytes);
		return buf;
	}
	double v = (double)bytes / 1024;
	size_t i = 0;
	for (; v >= 1023.5 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		v /= 1024;
	return print(buf, v, units[i]);
}
