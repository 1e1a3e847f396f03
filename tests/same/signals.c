/* Handlers: EINTR and SA_RESTART, masks of ppoll and friends, an alternate stack, jumps out of
 * waits, handlers that wait. */
#include "tests/same/see.h"

#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

static volatile sig_atomic_t runs;
static sem_t sem;
static sigjmp_buf jump;
static int p[2];

static void count(int sig)
{
	(void)sig;
	runs++;
}
static void count_and_write(int sig)
{
	(void)sig;
	runs++;
	CHECK(write(p[1], "x", 1) == 1);
	sem_post(&sem);
}
static void jump_out(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

static void on(int sig, void (*fn)(int), int flags)
{
	struct sigaction a = { .sa_handler = fn, .sa_flags = flags };
	sigemptyset(&a.sa_mask);
	CHECK(!sigaction(sig, &a, NULL));
}

static void alarm_ms(int ms)
{
	struct itimerval it = { .it_value = { 0, ms * 1000 } };
	setitimer(ITIMER_REAL, &it, NULL);
}

#define INTERRUPTED(expr)                                                                          \
	do {                                                                                       \
		alarm_ms(20);                                                                      \
		SEE_RC(expr);                                                                      \
	} while (0)

static void eintr(void)
{
	char b;
	struct timespec t = { 100, 0 };
	struct epoll_event e;
	int ep = epoll_create1(0);
	INTERRUPTED(read(p[0], &b, 1));
	INTERRUPTED(poll(NULL, 0, -1));
	INTERRUPTED(ppoll(NULL, 0, &t, NULL));
	INTERRUPTED(select(0, NULL, NULL, NULL, NULL));
	INTERRUPTED(epoll_wait(ep, &e, 1, -1));
	INTERRUPTED(nanosleep(&t, NULL));
	INTERRUPTED(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL));
	INTERRUPTED(usleep(900000));
	INTERRUPTED(sem_wait(&sem));
	INTERRUPTED(pause());
	alarm_ms(20);
	printf("sleep left %d\n", sleep(50) >= 49);
	printf("runs %d\n", (int)runs);
}

static void jumps(void)
{
	for (int i = 0; i < 40; i++) {
		char b;
		if (!sigsetjmp(jump, 1)) {
			alarm_ms(2);
			switch (i % 4) {
			case 0:
				(void)!read(p[0], &b, 1);
				break;
			case 1:
				prog_sleep_ms(100000);
				break;
			case 2:
				sem_wait(&sem);
				break;
			default:
				poll(NULL, 0, -1);
			}
		}
	}
	printf("jumped\n");
}

int main(void)
{
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	sigset_t all, none;
	char b;
	CHECK(!pipe(p));
	sem_init(&sem, 0, 0);
	on(SIGALRM, count, 0);
	eintr();
	on(SIGALRM, count_and_write, SA_RESTART | SA_ONSTACK);
	CHECK(!sigaltstack(&ss, NULL));
	INTERRUPTED(read(p[0], &b, 1)); /* restarted: gets the handler's byte */
	SEE_RC(sem_trywait(&sem));
	INTERRUPTED(sem_wait(&sem));
	SEE_RC(read(p[0], &b, 1));
	printf("runs %d\n", (int)runs);

	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_BLOCK, &all, NULL);
	on(SIGUSR1, count, 0);
	raise(SIGUSR1);
	struct timespec t = { 100, 0 };
	SEE_RC(ppoll(NULL, 0, &t, &none));
	printf("runs %d\n", (int)runs);
	raise(SIGUSR1);
	SEE_RC(pselect(0, NULL, NULL, NULL, &t, &none));
	raise(SIGUSR1);
	struct epoll_event e;
	SEE_RC(epoll_pwait(epoll_create1(0), &e, 1, -1, &none));
	raise(SIGUSR1);
	SEE_RC(sigsuspend(&none));
	printf("runs %d\n", (int)runs);
	sigprocmask(SIG_SETMASK, &none, NULL);
	on(SIGALRM, jump_out, 0);
	jumps();
	on(SIGALRM, SIG_IGN, 0);
	return 0;
}
