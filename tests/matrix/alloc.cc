// Threads that allocate, free what others allocated, and talk by a queue: for allocators beside gtrace, and sanitizers.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

static std::mutex m;
static std::condition_variable more;
static std::deque<std::vector<std::string> *> queue;

int main(int argc, char **argv)
{
	const int rounds = argc > 1 ? std::atoi(argv[1]) : 6000;
	unsigned long sum = 0;
	std::vector<std::thread> v;
	for (int t = 0; t < 3; t++)
		v.emplace_back([=] {
			for (int i = 0; i < rounds; i++) {
				auto *w = new std::vector<std::string>;
				for (int k = 0; k < 60; k++)
					w->push_back(std::string(static_cast<size_t>(k * 7 % 300), 'a'));
				std::lock_guard<std::mutex> g(m);
				queue.push_back(w);
				more.notify_one();
			}
		});
	for (int i = 0; i < 3 * rounds; i++) {
		std::unique_lock<std::mutex> g(m);
		more.wait(g, [] { return !queue.empty(); });
		auto *w = queue.front();
		queue.pop_front();
		g.unlock();
		for (auto &s : *w)
			sum += s.size();
		delete w;
	}
	for (auto &t : v)
		t.join();
	std::printf("%lu\n", sum);
	return 0;
}
