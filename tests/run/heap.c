/* Takes 32 MB in pieces, holds them for a while, gives them back from another thread; many small
 * ones meanwhile. */
#include "tests/run/prog.h"

static void *pieces[512];

static void *give_back(void *arg)
{
	for (int i = 0; i < 512; i++)
		free(pieces[i]);
	return arg;
}

static void *churn(void *arg)
{
	for (int i = 0; i < 300000; i++)
		free(malloc((size_t)i % 5000));
	return arg;
}

int main(void)
{
	pthread_t t;
	for (int i = 0; i < 512; i++)
		CHECK((pieces[i] = malloc(65536)));
	prog_sleep_ms(60);
	CHECK(!pthread_create(&t, NULL, churn, NULL) && !pthread_join(t, NULL));
	CHECK(!pthread_create(&t, NULL, give_back, NULL) && !pthread_join(t, NULL));
	prog_sleep_ms(60);
	free(malloc(100000));
	prog_sleep_ms(60);
	free(malloc(100000));
	return 0;
}
