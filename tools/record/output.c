#include "tools/record/output.h"

#include "tools/lib/busy.h"
#include "tools/lib/mem.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct text {
	char *p;
	size_t len, cap;
};

static void add(struct text *t, const char *bytes, size_t n)
{
	for (size_t i = 0; i <= n; i++) { /* and a zero behind them */
		t->p = gt_mem_grow(t->p, t->len, &t->cap, 1);
		t->p[t->len++] = i < n ? bytes[i] : '\0';
	}
	t->len--;
}

/* Text that is meant as it is: the library must not take a % in it for one of its own. */
static void add_plain(struct text *t, const char *s)
{
	for (; *s != '\0'; s++)
		add(t, *s == '%' ? "%%" : s, *s == '%' ? 2 : 1);
}

static void add_host(struct text *t)
{
	char host[HOST_NAME_MAX + 1] = "";
	gethostname(host, sizeof(host) - 1);
	add_plain(t, host);
}

static void add_time(struct text *t)
{
	char text[32]; /* seconds since 1970, as the library writes it */
	snprintf(text, sizeof(text), "%lld", (long long)time(NULL));
	add_plain(t, text);
}

/* %q{VAR}; returns what follows it, NULL when it is not closed. */
static const char *add_variable(struct text *t, const char *p)
{
	const char *end = p[0] == '{' ? strchr(p, '}') : NULL;
	if (end == NULL)
		return NULL;
	char name[256];
	snprintf(name, sizeof(name), "%.*s", (int)(end - p - 1), p + 1);
	const char *value = getenv(name);
	add_plain(t, value != NULL ? value : "");
	return end + 1;
}

/* One %x at p (behind the %); returns what follows it, NULL when it is none. */
static const char *add_special(struct text *t, const char *p)
{
	switch (*p) {
	case 'p':
	case 'e':
	case 'n':
	case '%':
		add(t, p - 1, 2);
		return p + 1;
	case 'h':
		add_host(t);
		return p + 1;
	case 't':
		add_time(t);
		return p + 1;
	case 'q':
		return add_variable(t, p + 1);
	default:
		return NULL;
	}
}

/* mkdir -p for the directories in front of the last name; stops at one that only the library can
 * name. */
static char *make_parents(const char *pattern)
{
	struct text dir = { 0 };
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '/' && p > pattern && mkdir(dir.p, 0777) != 0 && errno != EEXIST) {
			char *why = gt_mem_format("cannot make the directory %s: %s", dir.p,
						  strerror(errno));
			free(dir.p);
			return why;
		}
		if (p[0] == '%' && p[1] != '%')
			break;
		add(&dir, p, 1);
		p += *p == '%'; /* both halves of %% */
	}
	free(dir.p);
	return NULL;
}

/*
 * The pattern as one for glob(3): the names the library can make of it. pid 0 stands for any.
 */
static char *to_glob(const char *pattern, pid_t pid)
{
	struct text t = { 0 };
	char number[16];
	snprintf(number, sizeof(number), "%d", (int)pid);
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '%' && *++p != '%') {
			const char *s = *p != 'p' ? "*" : pid != 0 ? number : "[0-9]*";
			add(&t, s, strlen(s));
			continue;
		}
		if (strchr("*?[]\\", *p) != NULL)
			add(&t, "\\", 1);
		add(&t, p, 1);
	}
	return t.p;
}

static bool is_trace_name(const char *path)
{
	static const char *const no[] = { ".old", ".recovered" };
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		const size_t len = strlen(path), n = strlen(no[i]);
		if (len >= n && strcmp(path + len - n, no[i]) == 0)
			return false;
	}
	return true;
}

static int by_size(const void *a, const void *b)
{
	const struct gt_output_file *x = a, *y = b;
	return x->size < y->size ? 1 : x->size > y->size ? -1 : strcmp(x->path, y->path);
}

/* All files whose names fit, from two glob(3) calls: FILE and FILE.1, FILE.2 ... */
static struct gt_output_file *list(const char *pattern, pid_t pid, size_t *n)
{
	struct gt_output_file *files = NULL;
	size_t cap = 0;
	char *any = to_glob(pattern, 0), *own = to_glob(pattern, pid);
	char *any_more = gt_mem_format("%s.[0-9]*", any),
	     *own_more = gt_mem_format("%s.[0-9]*", own);
	glob_t g = { 0 };
	*n = 0;
	glob(any, 0, NULL, &g);
	glob(any_more, g.gl_pathc > 0 ? GLOB_APPEND : 0, NULL, &g);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct stat st;
		const char *path = g.gl_pathv[i];
		if (!is_trace_name(path) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		bool is_known = false; /* "*" fits FILE.1 too */
		for (size_t k = 0; k < *n; k++)
			is_known |= strcmp(files[k].path, path) == 0;
		if (is_known)
			continue;
		files = gt_mem_grow(files, *n, &cap, sizeof(*files));
		const bool is_own = fnmatch(own, path, FNM_PATHNAME) == 0 ||
				    fnmatch(own_more, path, FNM_PATHNAME) == 0;
		files[(*n)++] = (struct gt_output_file){ gt_mem_text(path), (uint64_t)st.st_size,
							 st.st_dev, st.st_ino, is_own };
	}
	globfree(&g);
	free(any);
	free(own);
	free(any_more);
	free(own_more);
	return files;
}

static void free_list(struct gt_output_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(files[i].path);
	free(files);
}

char *gt_output_init(struct gt_output *o, const char *pattern)
{
	struct text t = { 0 };
	*o = (struct gt_output){ 0 };
	if (pattern[0] != '/') {
		char *cwd = getcwd(NULL, 0);
		if (cwd == NULL)
			return gt_mem_format("the current directory is gone: %s", strerror(errno));
		add_plain(&t, cwd);
		add(&t, "/", t.len > 1);
		free(cwd);
	}
	for (const char *p = pattern; *p != '\0';) {
		if (*p != '%') {
			add(&t, p++, 1);
			continue;
		}
		const char *next = add_special(&t, p + 1);
		if (next == NULL) {
			free(t.p);
			return gt_mem_format("'%.8s' in the file name; known are %%p pid, %%e "
					     "program, %%h host, "
					     "%%t time, %%n number, %%q{VAR}, %%%%",
					     p);
		}
		p = next;
	}
	o->pattern = t.p;
	char *why = make_parents(t.p);
	if (why == NULL)
		o->before = list(o->pattern, 0, &o->n_before);
	return why;
}

/* The one file the pattern means, NULL when only the library knows it. The caller's to free. */
static char *only_path(const struct gt_output *o)
{
	struct text t = { 0 };
	for (const char *p = o->pattern; *p != '\0'; p++) {
		if (*p == '%' && *++p != '%') {
			free(t.p);
			return NULL;
		}
		add(&t, p, 1);
	}
	return t.p;
}

void gt_output_set_aside(const struct gt_output *o)
{
	struct stat st;
	char *path = only_path(o);
	if (path != NULL && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && !gt_busy(path)) {
		char *old = gt_mem_format("%s.old", path);
		rename(path, old); /* where that fails the library finds another name */
		free(old);
	}
	free(path);
}

bool gt_output_is_stream(const struct gt_output *o)
{
	struct stat st;
	char *path = only_path(o);
	const bool is_stream = path != NULL && stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
			       !S_ISDIR(st.st_mode);
	free(path);
	return is_stream;
}

static bool was_before(const struct gt_output *o, const struct gt_output_file *f)
{
	for (size_t i = 0; i < o->n_before; i++) {
		if (o->before[i].dev == f->dev && o->before[i].ino == f->ino)
			return true;
	}
	return false;
}

void gt_output_find(struct gt_output *o, pid_t pid)
{
	free_list(o->files, o->n_files);
	size_t n;
	o->n_files = 0;
	o->files = list(o->pattern, pid, &n);
	for (size_t i = 0; i < n; i++) {
		if (was_before(o, &o->files[i]))
			free(o->files[i].path);
		else
			o->files[o->n_files++] = o->files[i];
	}
	if (o->n_files > 1)
		qsort(o->files, o->n_files, sizeof(*o->files), by_size);
}

void gt_output_free(struct gt_output *o)
{
	free_list(o->before, o->n_before);
	free_list(o->files, o->n_files);
	free(o->pattern);
	*o = (struct gt_output){ 0 };
}
