#include "preload/note_table.h"

#include "preload/boot.h"
#include "preload/fd.h"
#include "preload/log.h"
#include "preload/sys.h"
#include "preload/tables.h"

#include <fcntl.h>

#define N_PLACES (1u << 13)
#define N_KEPT   (N_PLACES / 4 * 3)

/* Objects that have a number in this generation. */
struct place {
	uint64_t object;
	uint32_t id; /* 0 = free, or of an older generation if below `first` */
	uint32_t why;
};
static struct place *places;
static uint32_t first, next; /* ids grow over generations inside, and are told from 1 */

int gt_note_table_init(void)
{
	places = (struct place *)gt_arena_alloc(N_PLACES * sizeof(*places));
	first = next = 1;
	return places ? 0 : -12;
}

void gt_note_table_begin(void)
{
	if (next > UINT32_MAX / 2) {
		memset(places, 0, N_PLACES * sizeof(*places));
		next = 1;
	}
	first = next;
}

/* What a descriptor stands for: "socket:[123]", a path. Nothing when it was closed meanwhile. */
static gt_str fd_name(uint64_t object)
{
	char path[48], text[200];
	const int fd = gt_object_fd(object);
	const uint64_t pipe = gt_fd_has_row(fd) ? gt_fds[fd].pipe : 0;
	if (gt_fd_object(fd) != object) /* as a rule: a server has a file open for microseconds */
		return (gt_str){ 0 };
	if (pipe) { /* known even when the program is gone */
		gt_format(text, sizeof(text), "pipe:[%u]", pipe);
		return gt_tables_text(text);
	}
	gt_format(path, sizeof(path), "/proc/%u/fd/%u", (uint64_t)gt_host_pid, (uint64_t)fd);
	const long n = GT_SYS4(SYS_readlinkat, AT_FDCWD, path, text, sizeof(text) - 1);
	if (GT_SYS_FAILED(n) || gt_fd_object(fd) != object)
		return (gt_str){ 0 };
	text[n] = 0;
	return gt_tables_text(text);
}

static void tell(uint32_t id, enum gt_why why, uint64_t object)
{
	const bool is_fd = gt_objects[why] == GT_OBJECT_FD;
	const gt_str name = is_fd ? fd_name(object) : (gt_str){ 0 };
	const uint64_t address = is_fd ? (uint32_t)object : object;
	gt_r_OBJECT(gt_tables_log(), (gt_ns){ 0 }, id, why, address, name);
}

/* N.B. when the table is full an object is told each time, under a new number. */
static uint32_t number_of(enum gt_why why, uint64_t object)
{
	uint64_t h = (object ^ (uint64_t)why << 56) * 0x9e3779b97f4a7c15ull >> 51;
	for (unsigned i = 0; i < 16; i++, h = (h + 1) % N_PLACES) {
		struct place *p = &places[h];
		if (p->id >= first && p->object == object && p->why == why)
			return p->id - first + 1;
		if (p->id < first && next - first < N_KEPT) {
			*p = (struct place){ object, next++, why };
			tell(p->id - first + 1, why, object);
			return p->id - first + 1;
		}
	}
	const uint32_t id = next++ - first + 1;
	tell(id, why, object);
	return id;
}

static void put(gt_g g, const struct gt_note *n)
{
	if (n->kind == GT_NOTE_EXPIRED) {
		gt_r_EXPIRED(gt_tables_log(), n->time, g);
		return;
	}
	const uint32_t object = number_of((enum gt_why)n->why, n->object);
	if (n->kind == GT_NOTE_WAIT)
		gt_r_WAIT(gt_tables_log(), n->time, g, object, n->who, n->flags);
	else
		gt_r_WAKE(gt_tables_log(), n->time, g, object, n->who & ~GT_WAKE_READER,
			  (gt_stack){ n->stack }, n->who & GT_WAKE_READER ? GT_WAIT_READS : 0);
}

void gt_note_table_put(const struct gt_chunk *c)
{
	const struct gt_note *notes = gt_notes_of(c);
	const uint32_t n = gt_notes_in(c);
	for (uint32_t i = 0; i < n; i++)
		put((gt_g){ c->tid }, &notes[i]);
}
