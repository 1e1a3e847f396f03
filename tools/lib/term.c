#include "tools/lib/term.h"

#include "tools/lib/stop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static bool is_dumb(void)
{
	const char *term = getenv("TERM");
	return term == NULL || strcmp(term, "dumb") == 0;
}

bool gt_term_has_color(FILE *out, const char *when)
{
	if (strcmp(when, "always") == 0)
		return true;
	if (strcmp(when, "never") == 0)
		return false;
	const char *no = getenv("NO_COLOR");
	if (no != NULL && no[0] != '\0')
		return false;
	return !is_dumb() && isatty(fileno(out));
}

unsigned gt_term_width(FILE *out)
{
	struct winsize size;
	const char *text = getenv("COLUMNS");
	const unsigned long said = text != NULL ? strtoul(text, NULL, 10) : 0;
	if (said > 0 && said < 10000)
		return (unsigned)said;
	const bool is_known = !is_dumb() && ioctl(fileno(out), TIOCGWINSZ, &size) == 0;
	return is_known ? size.ws_col : 0;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void gt_progress_update(struct gt_progress *p, uint64_t done, uint64_t total)
{
	if (p->is_off)
		return;
	const uint64_t now = now_ns();
	if (p->start_ns == 0) {
		p->start_ns = p->last_ns = now;
		gt_stop_init();
		p->is_off = is_dumb() || !isatty(STDERR_FILENO);
		return;
	}
	if (now - p->start_ns < 1000000000 || now - p->last_ns < 100000000 || total == 0)
		return;
	p->last_ns = now;
	p->is_shown = true;
	const int width = 40;
	const double share = done < total ? (double)done / (double)total : 1;
	const int filled = (int)(share * width);
	fprintf(stderr, "\r%s [%.*s%*s] %3d%%", p->title, filled,
		"########################################", width - filled, "", (int)(share * 100));
	fflush(stderr);
}

void gt_progress_end(struct gt_progress *p)
{
	if (p->is_shown)
		fputs("\r\033[K", stderr);
	p->is_shown = false;
}
