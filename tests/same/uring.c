/* io_uring by hand: it works as ever; what waits in the ring is not seen (io_uring_enter is). */
#include "tests/same/see.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

int main(void)
{
	struct io_uring_params par = { 0 };
	const int fd = (int)syscall(SYS_io_uring_setup, 4, &par);
	if (fd < 0) {
		printf("skipped: no io_uring here (errno %d)\n", errno);
		return 77;
	}
	char *const sq = mmap(NULL, par.sq_off.array + par.sq_entries * 4, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, IORING_OFF_SQ_RING);
	char *const cq = mmap(NULL, par.cq_off.cqes + par.cq_entries * sizeof(struct io_uring_cqe),
			      PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_CQ_RING);
	struct io_uring_sqe *const sqe =
		mmap(NULL, par.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     IORING_OFF_SQES);
	CHECK(sq != MAP_FAILED && cq != MAP_FAILED && sqe != MAP_FAILED);
	struct __kernel_timespec ts = { 0, 30000000 };
	for (unsigned i = 0; i < 3; i++) {
		memset(&sqe[i], 0, sizeof(*sqe));
		sqe[i].opcode = i < 2 ? IORING_OP_NOP : IORING_OP_TIMEOUT;
		sqe[i].addr = i < 2 ? 0 : (uintptr_t)&ts;
		sqe[i].len = i < 2 ? 0 : 1;
		sqe[i].user_data = 100 + i;
		((unsigned *)(sq + par.sq_off.array))[i] = i;
	}
	__atomic_store_n((unsigned *)(sq + par.sq_off.tail), 3, __ATOMIC_RELEASE);
	printf("enter %ld\n",
	       syscall(SYS_io_uring_enter, fd, 3, 3, IORING_ENTER_GETEVENTS, NULL, 0));
	const struct io_uring_cqe *const done = (void *)(cq + par.cq_off.cqes);
	for (int i = 0; i < 3; i++)
		printf("%llu %d\n", (unsigned long long)done[i].user_data, done[i].res);
	printf("enter %ld, errno %d\n", syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0), errno);
	return 0;
}
