#include "preload/config.h"

#include "preload/hook_types.h"
#include "preload/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct gt_config gt_cfg;

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit time_units[] = {
	{ "ns", 1 },          { "us", 1000 },         { "ms", 1000000 }, { "s", 1000000000 },
	{ "m", 60000000000 }, { "h", 3600000000000 }, { NULL, 0 },
};
static const struct unit size_units[] = {
	{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 },
};

/* A whole number and its unit; a bare 0 needs none. */
static bool parse_number(const char *s, const struct unit *units, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = s;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (v > UINT64_MAX / 10 - 1)
			return false;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	if (p == s)
		return false;
	if (v == 0 && !*p) {
		*out = 0;
		return true;
	}
	for (; units->name; units++) {
		if (strcmp(p, units->name) == 0) {
			*out = v * units->factor;
			return v <= UINT64_MAX / units->factor;
		}
	}
	return false;
}

static bool parse_time(const char *s, const char *def, uint64_t *out)
{
	(void)def;
	return parse_number(s, time_units, out);
}

static bool parse_size(const char *s, const char *def, uint64_t *out)
{
	(void)def;
	return parse_number(s, size_units, out);
}

static bool parse_rate(const char *s, const char *def, uint64_t *out)
{
	(void)def;
	static const struct unit none[] = { { "", 1 }, { NULL, 0 } };
	return parse_number(s, none, out) && *out <= 10000;
}

static bool parse_flag(const char *s, const char *def, int *out)
{
	(void)def;
	if ((s[0] != '0' && s[0] != '1') || s[1])
		return false;
	*out = s[0] == '1';
	return true;
}

/* `choices` is "first|second|..."; *out = position of `s` in it. */
static bool parse_word(const char *s, const char *choices, int *out)
{
	const size_t len = strlen(s);
	int position = 0;
	for (const char *p = choices; p; position++) {
		const char *bar = strchr(p, '|');
		const size_t n = bar ? (size_t)(bar - p) : strlen(p);
		if (n == len && memcmp(p, s, n) == 0) {
			*out = position;
			return true;
		}
		p = bar ? bar + 1 : NULL;
	}
	return false;
}

static bool parse_text(const char *s, const char *def, struct gt_text *out)
{
	(void)def;
	const size_t n = strlen(s);
	if (n >= sizeof(out->s))
		return false;
	memcpy(out->s, s, n + 1);
	return true;
}

static const char *const group_names[GT_N_GROUPS] = {
	"all",
/* clang-format off */
#define GT_GROUP(name, meaning) #name,
#include "preload/groups.def"
#undef GT_GROUP
	/* clang-format on */
};
static const char group_list[] = "+ or - before each of all"
/* clang-format off */
#define GT_GROUP(name, meaning) " " #name
#include "preload/groups.def"
#undef GT_GROUP
	/* clang-format on */
	;
#define GT_ALL_GROUPS ((1u << GT_N_GROUPS) - 2) /* without GT_GROUP_any */

/* The groups that `name` stands for; 0 = none of that name. */
static uint32_t groups_of(const char *name, size_t len)
{
	for (unsigned g = 0; g < GT_N_GROUPS; g++)
		if (strlen(group_names[g]) == len && memcmp(group_names[g], name, len) == 0)
			return g ? 1u << g : GT_ALL_GROUPS;
	return 0;
}

static bool parse_groups(const char *s, const char *def, uint32_t *out)
{
	(void)def;
	uint32_t off = 0;
	for (const char *p = s;; p++) {
		const char sign = *p;
		if (sign != '+' && sign != '-')
			return false;
		const size_t len = strcspn(++p, ",");
		const uint32_t groups = groups_of(p, len);
		if (!groups)
			return false;
		off = sign == '-' ? off | groups : off & ~groups;
		p += len;
		if (!*p)
			break;
	}
	*out = off;
	return true;
}

/* The default of a word is its first choice. */
static const char *first_choice(const char *choices, char *buf, size_t cap)
{
	size_t n = 0;
	while (choices[n] && choices[n] != '|' && n + 1 < cap) {
		buf[n] = choices[n];
		n++;
	}
	buf[n] = 0;
	return buf;
}

const char *gt_env_get(char *const envp[], const char *name)
{
	const size_t n = strlen(name);
	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return *envp + n + 1;
	return NULL;
}

static bool is_separator(char c)
{
	return c == ':' || c == ' ';
}

void gt_env_remove_library(char *list, const char *library)
{
	const size_t n = strlen(library);
	char *to = list;
	for (const char *from = list; *from;) {
		const char *end = from;
		while (*end && !is_separator(*end))
			end++;
		const size_t len = (size_t)(end - from);
		const bool is_it = len >= n && memcmp(end - n, library, n) == 0 &&
				   (len == n || end[-(long)n - 1] == '/');
		while (is_separator(*end))
			end++;
		if (!is_it) {
			memmove(to, from, (size_t)(end - from));
			to += end - from;
		}
		from = end;
	}
	*to = 0;
}

static const char *default_text(const char *type, const char *def, char *buf, size_t cap)
{
	return strcmp(type, "word") == 0 ? first_choice(def, buf, cap) : def;
}

void gt_config_read(char *const envp[])
{
	char word[32];
	/* clang-format off */
#define WANT_time "time"
#define WANT_size "size"
#define WANT_rate "rate"
#define WANT_flag "flag"
#define WANT_text "text"
#define WANT_word "word"
#define WANT_groups group_list
#define GT_CFG(type, variable, field, def, text)                                                             \
	{                                                                                                    \
		const char *fallback = default_text(#type, def, word, sizeof(word));                         \
		const char *value = gt_env_get(envp, #variable);                                             \
		parse_##type(fallback, def, &gt_cfg.field);                                                  \
		if (value && !parse_##type(value, def, &gt_cfg.field)) {                                     \
			parse_##type(fallback, def, &gt_cfg.field);                                          \
			gt_log(GT_LOG_ERROR, "%s=%s cannot be read (%s); using %s", #variable, value,        \
			        WANT_##type, fallback);                                                           \
		}                                                                                            \
	}
#include "preload/config.def"
#undef GT_CFG
	/* clang-format on */
}

static const char *word_name(const char *choices, int position, char *buf, size_t cap)
{
	for (; position > 0; position--)
		choices = strchr(choices, '|') + 1;
	return first_choice(choices, buf, cap);
}

/* In the largest unit that it is a whole number of. */
static const char *show_time(uint64_t ns, char *buf, size_t cap)
{
	const struct unit *u = time_units;
	for (const struct unit *next = u; next->name && ns; next++)
		if (ns % next->factor == 0)
			u = next;
	gt_format(buf, cap, "%u%s", ns / u->factor, ns ? u->name : "");
	return buf;
}

/* What is off; "+all": nothing. */
static const char *show_groups(uint32_t off, char *buf, size_t cap)
{
	size_t n = 0;
	gt_format(buf, cap, "+all");
	for (unsigned g = 1; g < GT_N_GROUPS; g++)
		if (off >> g & 1) {
			gt_format(buf + n, cap - n, n ? ",-%s" : "-%s", group_names[g]);
			n += strlen(buf + n);
		}
	return buf;
}

void gt_config_each(void (*fn)(const char *name, const char *value, void *arg), void *arg)
{
	char buf[80];
	/* clang-format off */
#define SHOW_groups(x, def) show_groups((x), buf, sizeof(buf))
#define SHOW_time(x, def) show_time((x), buf, sizeof(buf))
#define SHOW_size(x, def) (gt_format(buf, sizeof(buf), "%u", (x)), buf)
#define SHOW_rate(x, def) (gt_format(buf, sizeof(buf), "%u", (x)), buf)
#define SHOW_flag(x, def) ((x) ? "1" : "0")
#define SHOW_text(x, def) ((x).s)
#define SHOW_word(x, def) word_name(def, (x), buf, sizeof(buf))
#define GT_CFG(type, variable, field, def, text) fn(#variable, SHOW_##type(gt_cfg.field, def), arg);
#include "preload/config.def"
#undef GT_CFG
	/* clang-format on */
}
