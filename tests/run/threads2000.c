/* argv[1] short threads in waves of 40, each locks, sleeps a little and ends; their tids come back.
 */
#include "tests/run/prog.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int sum;

static void *work(void *arg)
{
	pthread_mutex_lock(&m);
	sum++;
	pthread_mutex_unlock(&m);
	if ((intptr_t)arg % 4 == 0)
		usleep(100);
	if ((intptr_t)arg % 5 == 0)
		pthread_exit(arg);
	return arg;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 2000;
	pthread_t t[40];
	for (int i = 0; i < n; i += 40) {
		for (int j = 0; j < 40; j++)
			CHECK(!pthread_create(&t[j], NULL, work, (void *)(intptr_t)(i + j)));
		for (int j = 0; j < 40; j++) {
			if (j % 8 == 7)
				CHECK(!pthread_detach(t[j]));
			else
				CHECK(!pthread_join(t[j], NULL));
		}
	}
	for (;;) { /* the detached ones */
		pthread_mutex_lock(&m);
		int s = sum;
		pthread_mutex_unlock(&m);
		if (s >= n)
			break;
		usleep(1000);
	}
	printf("%d\n", sum);
	return 0;
}
