/* What no hook sees: fgets on a pipe, OpenMP's barriers. And getaddrinfo: one outer call. */
#include "tests/run/prog.h"

#include <netdb.h>

int main(int argc, char **argv)
{
	(void)argv;
	int p[2];
	char line[100];
	CHECK(!pipe(p));
	const pid_t pid = fork();
	if (!pid) {
		prog_sleep_ms(60);
		CHECK(write(p[1], "line\n", 5) == 5);
		_exit(0);
	}
	FILE *const f = fdopen(p[0], "r");
	const int64_t t0 = prog_now_ns();
	CHECK(fgets(line, sizeof(line), f));
	printf("%s%d\n", line, prog_now_ns() - t0 > 30000000);
	struct addrinfo *ai = NULL, hint = { .ai_flags = AI_NUMERICHOST };
	printf("%d\n", getaddrinfo("127.0.0.1", "80", &hint, &ai));
	printf("%d\n", getaddrinfo("no.such.name.invalid", NULL, NULL, &ai) != 0);
	return argc - 1;
}
