// std::thread, std::mutex, std::condition_variable (wait, wait_for), std::shared_mutex, std::async, thread_local
// destructors. Prints a sum that depends on every hand-over.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <pthread.h>
#include <queue>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static std::mutex m;
static std::condition_variable cv;
static std::queue<int> q;
static std::shared_mutex sm;
static bool done;

struct noisy {
	std::vector<int> v;
	~noisy() { std::lock_guard<std::mutex> l(m); }
};
static thread_local noisy tl;

int main()
{
	long sum = 0;
	std::thread consumer([&] {
		pthread_setname_np(pthread_self(), "consumer");
		tl.v.push_back(1);
		std::unique_lock<std::mutex> l(m);
		for (;;) {
			cv.wait(l, [] { return !q.empty() || done; });
			if (q.empty())
				break;
			sum += q.front();
			q.pop();
		}
		std::condition_variable never;
		if (never.wait_for(l, 20ms) != std::cv_status::timeout)
			sum = -1;
	});
	std::thread producer([&] {
		pthread_setname_np(pthread_self(), "producer");
		pthread_setname_np(pthread_self(), "producer");
		for (int i = 0; i < 300; i++) {
			{
				std::lock_guard<std::mutex> l(m);
				q.push(i);
			}
			cv.notify_one();
			if (i % 10 == 0)
				std::this_thread::sleep_for(1ms);
		}
		std::lock_guard<std::mutex> l(m);
		done = true;
		cv.notify_all();
	});
	producer.join();
	consumer.join();
	auto f = std::async(std::launch::async, [] {
		std::unique_lock<std::shared_mutex> l(sm);
		std::this_thread::sleep_for(5ms);
		return 7;
	});
	sum += f.get();
	auto g = std::async(std::launch::async, []() -> int { throw std::runtime_error("expected"); });
	try {
		g.get();
	} catch (const std::runtime_error &e) {
		sum += 1000;
	}
	std::printf("%ld\n", sum);
	return 0;
}
