#include "preload/modules.h"

#include "preload/arena.h"
#include "preload/clock.h"
#include "preload/sys.h"

#include <fcntl.h>
#include <string.h>

#define MAX_MODULES 1024
#define PATHS_BYTES (256u << 10)
#define BLOCK_BYTES (64u << 10)
#define MOMENT_NS   2000000u

static struct gt_module *modules, *before; /* now, and at the reading before */
static size_t n_modules, n_before;
static char *paths;
static uint32_t paths_len;
static char *block; /* of the map's text */
static uint64_t read_at;
static void (*tell_gone)(uint64_t start, uint64_t end);
static void (*tell_done)(void);

int gt_modules_init(void (*gone)(uint64_t start, uint64_t end), void (*done)(void))
{
	tell_gone = gone;
	tell_done = done;
	modules = (struct gt_module *)gt_arena_alloc(MAX_MODULES * sizeof(*modules));
	before = (struct gt_module *)gt_arena_alloc(MAX_MODULES * sizeof(*before));
	paths = (char *)gt_arena_alloc(PATHS_BYTES);
	block = (char *)gt_arena_alloc(BLOCK_BYTES);
	n_modules = n_before = 0;
	paths_len = 0;
	read_at = 0;
	return modules && before && paths && block ? 0 : -12;
}

static uint64_t take_hex(const char **p)
{
	uint64_t v = 0;
	for (;; (*p)++) {
		const char c = **p;
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return v;
	}
}

static void skip(const char **p, char upto)
{
	while (**p && **p != upto)
		(*p)++;
	if (**p)
		(*p)++;
}

/* N.B. a memfd has a name like a file's and no file: JITs map such */
static enum gt_module_kind kind_of(const char *path, uint64_t inode)
{
	if (strcmp(path, "[vdso]") == 0)
		return GT_MODULE_VDSO;
	return path[0] != '/' || !inode || strncmp(path, "/memfd:", 7) == 0 ? GT_MODULE_ANON
									    : GT_MODULE_FILE;
}

/* "start-end perms offset dev inode   path" */
static void take_mapping(const char *line)
{
	static struct gt_module first; /* the last one seen of a file's beginning */
	const char *p = line;
	struct gt_module m = { 0 };
	m.start = take_hex(&p);
	p++;
	m.end = take_hex(&p);
	if (p[0] != ' ')
		return;
	const bool has_code = p[3] == 'x';
	p += 6;
	m.offset = take_hex(&p);
	p++;
	skip(&p, ' ');
	for (; *p >= '0' && *p <= '9'; p++)
		m.inode = m.inode * 10 + (uint64_t)(*p - '0');
	if (m.offset == 0)
		first = m;
	if (!has_code)
		return;
	if (first.inode == m.inode && first.start == m.start - m.offset)
		m.head_len = first.end - first.start;
	while (*p == ' ')
		p++;
	const size_t len = strlen(p);
	if (n_modules == MAX_MODULES || paths_len + len + 8 > PATHS_BYTES)
		return;
	const char *name = len ? p : "[anon]";
	m.kind = kind_of(name, m.inode);
	m.path = paths_len;
	m.path_len = (uint32_t)strlen(name);
	memcpy(paths + paths_len, name, m.path_len + 1u);
	paths_len += m.path_len + 1;
	modules[n_modules++] = m;
}

static void read_map(void)
{
	/* N.B. "self" is the writer: it shares the program's memory, and so its map, also after the
	 * program died */
	const long fd =
		GT_SYS4(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
	if (GT_SYS_FAILED(fd))
		return;
	size_t have = 0;
	for (;;) {
		const long n = GT_SYS3(SYS_read, fd, block + have, BLOCK_BYTES - 1 - have);
		if (GT_SYS_FAILED(n) || n == 0)
			break;
		have += (size_t)n;
		block[have] = 0;
		char *line = block;
		for (char *nl; (nl = strchr(line, '\n')); line = nl + 1) {
			*nl = 0;
			take_mapping(line);
		}
		have = (size_t)(block + have - line);
		memmove(block, line, have);
	}
	GT_SYS1(SYS_close, fd);
}

/* Of the reading before; NULL = it is new. */
static const struct gt_module *find_same(const struct gt_module *m, const struct gt_module *list,
					 size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].start == m->start && list[i].inode == m->inode &&
		    list[i].offset == m->offset)
			return &list[i];
	return NULL;
}

bool gt_module_open(const struct gt_module *m, struct gt_elf *e)
{
	if (m->kind == GT_MODULE_VDSO)
		return gt_elf_open_memory(e, m->start - m->offset, m->end - m->start + m->offset);
	return m->kind == GT_MODULE_FILE && gt_elf_open(e, gt_module_path(m), m->inode);
}

/* N.B. the head of the file is mapped as a rule, and that is cheaper to read than the file */
static void find_build_id(struct gt_module *m)
{
	static struct gt_elf e; /* large */
	m->has_build_id = true;
	if (m->kind == GT_MODULE_FILE && m->head_len &&
	    gt_elf_open_memory(&e, m->start - m->offset, m->head_len) &&
	    gt_elf_build_id(&e, m->build_id))
		return;
	if (!gt_module_open(m, &e))
		return;
	gt_elf_build_id(&e, m->build_id);
	gt_elf_close(&e);
}

/* Build ids cost a look into the file: those of modules that are still there are taken over. */
static void find_build_ids(void)
{
	for (size_t i = 0; i < n_modules; i++) {
		const struct gt_module *old = find_same(&modules[i], before, n_before);
		if (old && old->has_build_id) {
			memcpy(modules[i].build_id, old->build_id, sizeof(old->build_id));
			modules[i].has_build_id = true;
		} else {
			find_build_id(&modules[i]);
		}
	}
}

void gt_modules_read(void)
{
	read_at = gt_clock_kernel_ns();
	struct gt_module *swap = before;
	before = modules;
	n_before = n_modules;
	modules = swap;
	n_modules = 0;
	paths_len = 0;
	read_map();
	find_build_ids();
	for (size_t i = 0; i < n_before; i++)
		if (!find_same(&before[i], modules, n_modules))
			tell_gone(before[i].start, before[i].end);
	tell_done();
}

void gt_modules_update(void)
{
	if (gt_clock_kernel_ns() - read_at > MOMENT_NS)
		gt_modules_read();
}

size_t gt_modules_count(void)
{
	return n_modules;
}

const struct gt_module *gt_module_at(size_t i)
{
	return &modules[i];
}

const char *gt_module_path(const struct gt_module *m)
{
	return paths + m->path;
}

const struct gt_module *gt_module_of(uint64_t pc)
{
	for (size_t i = 0; i < n_modules; i++)
		if (pc - modules[i].start < modules[i].end - modules[i].start)
			return &modules[i];
	return NULL;
}
