// C++20: latch, barrier, counting_semaphore, atomic wait: they wait in syscall(SYS_futex), not in pthread calls.
#include "tests/run/prog.h"

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <latch>
#include <pthread.h>
#include <semaphore>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

int main()
{
	std::latch go(1), all(4);
	std::counting_semaphore<8> items(0);
	std::barrier phase(4);
	std::atomic<int> word(0), sum(0), arrived(0), tids[4] = {};
	std::vector<std::thread> v;
	for (int i = 0; i < 4; i++)
		v.emplace_back([&, i] {
			char name[16];
			std::snprintf(name, sizeof(name), "worker-%d", i);
			pthread_setname_np(pthread_self(), name);
			tids[i] = gettid();
			arrived++;
			go.wait();
			arrived++;
			items.acquire();
			phase.arrive_and_wait();
			arrived++;
			word.wait(0);
			sum += i + 1;
			all.count_down();
		});
	// All are asleep in the next wait, and stay there for 50 ms.
	const auto hold = [&](int n) {
		while (arrived < n)
			std::this_thread::yield();
		for (auto &tid : tids)
			while (!prog_is_asleep(tid))
				std::this_thread::yield();
		std::this_thread::sleep_for(50ms);
	};
	hold(4);
	go.count_down();
	hold(8);
	items.release(4);
	hold(12);
	word = 1;
	word.notify_all();
	all.wait();
	for (auto &t : v)
		t.join();
	std::printf("%d\n", sum.load());
	return 0;
}
