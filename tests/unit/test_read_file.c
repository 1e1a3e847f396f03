#include "tests/unit/test_read_make.h"
#include "tools/read/file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <unistd.h>

static struct make k;
static struct gt_err err;

static struct gt_file *open_made(void)
{
	struct gt_file *f = gt_file_open_mem(k.bytes, k.len, &err);
	cr_assert(ne(ptr, f, NULL));
	return f;
}

/* Number of batches and marks until the end or an error, which goes to *rc. */
static int count(struct gt_file *f, int *rc)
{
	struct gt_wire_batch b;
	int n = 0;
	while ((*rc = gt_file_next(f, &b, &err)) > 0)
		n++;
	return n;
}

Test(read_file, batches_come_in_the_order_of_the_file)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	struct gt_file *f = open_made();
	static const enum gt_batch_kind want[] = { GT_BATCH_SYNC, GT_BATCH_EVENTS, GT_BATCH_STRINGS,
						   GT_BATCH_STACKS, GT_BATCH_END };
	struct gt_wire_batch b;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		cr_assert(eq(int, gt_file_next(f, &b, &err), 1));
		cr_assert(eq(int, (int)b.kind, (int)want[i]));
		cr_assert(eq(u64, b.gen, 1));
	}
	cr_assert(eq(int, gt_file_next(f, &b, &err), 0));
	cr_assert(eq(u64, gt_file_offset(f), k.len));
	gt_file_close(f);
}

Test(read_file, a_batch_tells_its_thread_time_size_and_place)
{
	make_begin(&k);
	make_batch(&k, 77);
	gt_w_ProcStop(&k.b, (gt_ns){ 80 });
	make_seal(&k, 0, 9, 1234);
	struct gt_file *f = open_made();
	struct gt_wire_batch b;
	cr_assert(eq(int, gt_file_next(f, &b, &err), 1));
	cr_assert(eq(u64, b.gen, 9));
	cr_assert(eq(u64, b.m, 1234));
	cr_assert(eq(u64, b.time, 77));
	cr_assert(eq(u32, b.size, 2));
	cr_assert(eq(u64, b.offset, 16));
	cr_assert(eq(u64, b.data_offset, k.len - 2));
	cr_assert(eq(u8, b.data[0], GT_EV_ProcStop));
	gt_file_close(f);
}

Test(read_file, a_file_cut_anywhere_ends_with_an_error_or_between_generations)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	const size_t first = k.len;
	make_wait(&k, 2, 2000);
	const size_t whole = k.len;
	for (k.len = first; k.len <= whole; k.len++) {
		struct gt_file *f = open_made();
		int rc;
		const int n = count(f, &rc);
		cr_assert(ge(int, n, 5), "cut at %zu: %d", k.len, n);
		/* N.B. the sync batch alone is a tail that nobody minds */
		if (rc < 0)
			cr_assert(eq(int, rc, -GT_ERR_TRUNCATED), "cut at %zu: %s", k.len,
				  err.text);
		else
			cr_assert(n == 5 || n == 6 || n == 10, "cut at %zu: %d", k.len, n);
		gt_file_close(f);
	}
}

Test(read_file, an_error_is_told_again_and_again)
{
	make_begin(&k);
	k.bytes[k.len++] = 7;
	struct gt_file *f = open_made();
	struct gt_wire_batch b;
	for (int i = 0; i < 3; i++) {
		cr_assert(eq(int, gt_file_next(f, &b, &err), -GT_ERR_FORMAT));
		cr_assert(eq(u64, err.offset, 16));
	}
	gt_file_close(f);
}

Test(read_file, older_versions_end_a_generation_where_the_next_begins)
{
	make_begin(&k);
	k.bytes[6] = '5';
	make_sync(&k, 4, 1000);
	make_sync(&k, 5, 2000);
	struct gt_file *f = open_made();
	static const enum gt_batch_kind want[] = { GT_BATCH_SYNC, GT_BATCH_END, GT_BATCH_SYNC,
						   GT_BATCH_END };
	struct gt_wire_batch b;
	cr_assert(eq(int, gt_file_version(f), 25));
	for (size_t i = 0; i < 4; i++) {
		cr_assert(eq(int, gt_file_next(f, &b, &err), 1));
		cr_assert(eq(int, (int)b.kind, (int)want[i]));
		cr_assert(eq(u64, b.gen, 4 + i / 2));
	}
	cr_assert(eq(int, gt_file_next(f, &b, &err), 0));
	gt_file_close(f);
}

Test(read_file, a_version_that_is_not_read_is_named)
{
	make_begin(&k);
	k.bytes[6] = '0';
	cr_assert(eq(ptr, gt_file_open_mem(k.bytes, k.len, &err), NULL));
	cr_assert(eq(int, (int)err.code, GT_ERR_HEADER));
	cr_assert(ne(ptr, strstr(err.text, "header go 1.20 trace: expected"), NULL));
}

Test(read_file, a_pipe_that_gives_one_byte_at_a_time_is_read_to_its_end)
{
	make_begin(&k);
	make_wait(&k, 1, 1000);
	int fds[2];
	char path[32];
	cr_assert(eq(int, pipe(fds), 0));
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	if (fork() == 0) {
		for (size_t i = 0; i < k.len; i++)
			if (write(fds[1], k.bytes + i, 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(fds[1]);
	struct gt_file *f = gt_file_open(path, &err);
	cr_assert(ne(ptr, f, NULL));
	int rc;
	cr_assert(eq(int, count(f, &rc), 5));
	cr_assert(eq(int, rc, 0));
	cr_assert(eq(u64, gt_file_size(f), 0));
	gt_file_close(f);
}

Test(read_file, more_batches_than_the_buffer_holds_pass_through_it)
{
	char path[] = "/tmp/test_read_file.XXXXXX";
	const int fd = mkstemp(path);
	make_begin(&k);
	cr_assert(eq(sz, (size_t)write(fd, k.bytes, k.len), k.len));
	for (unsigned i = 0; i < 40; i++) {
		k.len = 0;
		make_batch(&k, 1000 + i);
		k.b.len += 60000;
		make_seal(&k, 0, 1, i);
		cr_assert(eq(sz, (size_t)write(fd, k.bytes, k.len), k.len));
	}
	cr_assert(eq(sz, (size_t)write(fd, "\x34", 1), 1));
	struct gt_file *f = gt_file_open(path, &err);
	struct gt_wire_batch b;
	for (unsigned i = 0; i < 40; i++) {
		cr_assert(eq(int, gt_file_next(f, &b, &err), 1));
		cr_assert(eq(u64, b.m, i));
		cr_assert(eq(u32, b.size, 60000));
	}
	cr_assert(eq(int, gt_file_next(f, &b, &err), 1));
	cr_assert(eq(int, (int)b.kind, GT_BATCH_END));
	cr_assert(eq(u64, gt_file_size(f), b.offset + 1));
	gt_file_close(f);
	close(fd);
	unlink(path);
}

Test(read_file, a_file_that_is_not_there_is_an_io_error)
{
	cr_assert(eq(ptr, gt_file_open("/nonexistent/trace", &err), NULL));
	cr_assert(eq(int, (int)err.code, GT_ERR_IO));
	cr_assert(eq(u64, err.offset, GT_NO_OFFSET));
}
