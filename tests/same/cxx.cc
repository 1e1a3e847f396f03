// Exceptions through our frames: call_once that throws and is tried again, a throw in a qsort callback's caller, forced unwind
// that runs destructors, exceptions in threads, thread_local destructors.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <pthread.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

struct say {
	const char *what;
	~say() { std::printf("~%s\n", what); }
};
static std::once_flag once;
static int tries;
static void maybe()
{
	if (++tries < 3)
		throw std::runtime_error("not yet");
}
static int compare(const void *, const void *)
{
	throw 42;
}
static thread_local say tl{ "thread_local" };
static std::mutex m;
static std::condition_variable cv;

int main()
{
	for (int i = 0; i < 4; i++) {
		try {
			std::call_once(once, maybe);
			std::printf("once\n");
		} catch (const std::exception &e) {
			std::printf("%s\n", e.what());
		}
	}
	try {
		int v[] = { 2, 1 };
		std::qsort(v, 2, sizeof(int), compare);
	} catch (int x) {
		std::printf("caught %d\n", x);
	}
	std::thread([] {
		(void)tl;
		say a{ "a" };
		try {
			say b{ "b" };
			throw std::logic_error("x");
		} catch (const std::exception &e) {
			std::printf("%s\n", e.what());
		}
	}).join();
	pthread_t t;
	pthread_create(&t, nullptr, [](void *) -> void * {
		say s{ "cancelled in cond_wait" };
		std::unique_lock<std::mutex> l(m);
		for (;;)
			cv.wait(l);
	}, nullptr);
	usleep(20000);
	pthread_cancel(t);
	pthread_join(t, nullptr);
	std::printf("mutex free %d\n", m.try_lock());
	std::thread([] {
		say s{ "pthread_exit" };
		pthread_exit(nullptr);
	}).join();
	return 0;
}
