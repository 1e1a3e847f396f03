/*
 * GTRACE_SYSCALLS=all: system calls that no hook sees, by Syscall User Dispatch. Invariants: sud.c.
 */
#ifndef GT_SUD_H
#define GT_SUD_H

#include "preload/thread.h"

#include <ucontext.h>

/* What gt_sud_lower() found; gt_sud_raise() wants it back. */
enum { GT_SUD_OFF, GT_SUD_ON, GT_SUD_OWED };

/* Gets ready, if asked for; then threads may be armed. Context: boot and forked child. */
void gt_sud_open(void);

/* The calling thread's calls are dispatched from now on, where that is safe; until it ends. */
void gt_sud_arm(struct gt_thread *t);
void gt_sud_disarm(struct gt_thread *t);

/* No thread's calls are dispatched any more: the program enters a sandbox, or is traced. Context:
 * any. */
void gt_sud_stop(void);

/*
 * The armed thread's calls go straight to the kernel, with the program's own signal mask, until
 * gt_sud_raise(). Returns GT_SUD_OFF where they did before. Context: the thread itself.
 */
uint8_t gt_sud_lower_slow(struct gt_thread *t);
void gt_sud_raise(struct gt_thread *t, uint8_t was);

static inline uint8_t gt_sud_lower(struct gt_thread *t)
{
	return __builtin_expect(t->sud.is_armed, 0) ? gt_sud_lower_slow(t) : GT_SUD_OFF;
}

/* The armed thread is about to jump to a frame at stack pointer `target`. */
void gt_sud_heal(struct gt_thread *t, uint64_t target);

/* ---- between the files of this part ---- */

#define GT_SIGSYS_BIT (1ull << (SIGSYS - 1))

/* What a dispatched call was made with; the order is that of the pushes in sud_entry.c. */
struct gt_sud_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r9, r8, r10, rdx, rsi, rdi, rax, flags;
};

/* Bytes from the caller's sp to the word with its pc, below the red zone (sud_entry.c). */
#define GT_SUD_SKIP 136

void gt_sud_pass(void);                        /* makes the call, goes back */
void gt_sud_wait(void) __asm__("system_call"); /* likewise, through gt_sud_call() */
void gt_sud_births(void);                      /* likewise where a call makes a task */
void gt_sud_made(void);                        /* and it has; touches no vector register */
void gt_sud_restorer(void);                    /* ends a handler */
long gt_sud_raw(const struct gt_sud_regs *r);  /* the call itself */
long gt_sud_call(const struct gt_sud_regs *r); /* the same as a wait */
#define GT_SUD_SITES       16
#define GT_SUD_BIRTH_BYTES 64
extern uint64_t gt_sud_sites[GT_SUD_SITES];
extern uint64_t gt_sud_vector_bytes; /* that saving vector registers takes, */
extern uint32_t gt_sud_vector_mask;  /* and which */
int gt_sud_find_vectors(void);       /* 0 or -errno */

/* Makes SIGSYS deliverable on the calling thread; notes whether it was blocked. */
void gt_sud_unblock(struct gt_thread *t);

/* The mask that an interrupted thread gets back; the kernel's frame has no more than one word. */
static inline uint64_t *gt_sud_mask_of(ucontext_t *u)
{
	return (uint64_t *)&u->uc_sigmask;
}

/* Stands in front of all handlers of the program. Context: no signal handler of ours. */
void gt_sud_wrap_all(void);
void gt_sud_signals_open(void); /* boot and forked child */
void gt_sud_give_back(void);    /* SIGSYS is the program's */

/* What rt_sigaction and rt_sigprocmask do, for the thread interrupted in `u`. */
long gt_sud_sigaction(long sig, const void *act, void *old);
long gt_sud_sigprocmask(struct gt_thread *t, ucontext_t *u, long how, const void *set, void *old);

/* A SIGSYS that is none of ours. */
void gt_sud_foreign(struct gt_thread *t, int sig, siginfo_t *info, ucontext_t *u);

/* Can the kernel read `bytes` (8 to 32) at `p`? Context: all signals blocked. */
bool gt_sud_can_read(const void *p, size_t bytes);

void gt_sud_on_signal(int sig, siginfo_t *info, void *context);

#endif
