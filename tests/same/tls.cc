// Destructors of thread_local objects and of keys that lock, allocate, wait and throw, however the thread ends.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <pthread.h>
#include <semaphore.h>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

static std::mutex m;
static sem_t entered;
static pthread_key_t key;
static int fds[2];

static void use_everything(const char *who)
{
	std::lock_guard<std::mutex> l(m);
	std::vector<std::string> v;
	for (int i = 0; i < 50; i++)
		v.push_back(std::string(who) + " with a text that is too long for the object itself");
	try {
		throw std::runtime_error(v.back());
	} catch (const std::exception &e) {
		char c = 0;
		if (write(fds[1], "x", 1) != 1 || read(fds[0], &c, 1) != 1)
			std::printf("pipe broken\n");
		std::printf("%.20s, %zu, %c\n", e.what(), v.size(), c);
	}
}

struct local {
	const char *name = "thread_local";
	~local() { use_everything(name); }
};
static thread_local local first;
static thread_local std::string second;

static void destroy(void *p)
{
	use_everything("key");
	if (p != reinterpret_cast<void *>(1))
		pthread_setspecific(key, static_cast<char *>(p) - 1);
}

static void *work(void *arg)
{
	first.name = static_cast<const char *>(arg);
	second.assign(100, 'x');
	pthread_setspecific(key, reinterpret_cast<void *>(3));
	sem_post(&entered);
	switch (first.name[0]) {
	case 'e':
		pthread_exit(arg);
	case 'c':
		for (;;)
			pause();
	default:
		return arg;
	}
}

int main()
{
	const char *const ends[] = { "returns", "exits", "cancelled" };
	if (pipe(fds) || sem_init(&entered, 0, 0) || pthread_key_create(&key, destroy))
		return 99;
	for (int i = 0; i < 9; i++) {
		pthread_t t;
		void *v;
		if (pthread_create(&t, nullptr, work, const_cast<char *>(ends[i % 3])))
			return 98;
		while (sem_wait(&entered))
			;
		if (i % 3 == 2)
			pthread_cancel(t);
		pthread_join(t, &v);
		std::printf("%s: value kept %d\n", ends[i % 3], i % 3 == 2 ? v == PTHREAD_CANCELED : v == ends[i % 3]);
	}
	first.name = "main";
	return 0;
}
