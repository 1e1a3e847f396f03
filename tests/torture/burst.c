/* Says "busy" and makes no call until SIGUSR1 comes; then many short waits, more than a chunk of 64
 * KiB holds; says "done" and ends with the second SIGUSR1. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t n_signals;

static void come(int sig)
{
	(void)sig;
	n_signals++;
}

int main(void)
{
	int p[2];
	char c;
	signal(SIGUSR1, come);
	if (pipe(p))
		return 1;
	puts("busy");
	fflush(stdout);
	while (n_signals < 1)
		;
	for (int i = 0; i < 20000; i++)
		if (write(p[1], "x", 1) != 1 || read(p[0], &c, 1) != 1)
			return 2;
	puts("done");
	fflush(stdout);
	while (n_signals < 2)
		;
	return 0;
}
