// C++20: barrier, semaphore, latch, jthread, async, shared_mutex around some computing.
#include <barrier>
#include <cstdio>
#include <future>
#include <latch>
#include <numeric>
#include <semaphore>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <vector>

int main()
{
	std::shared_mutex rw;
	std::counting_semaphore<2> two(2);
	std::latch all(4);
	unsigned long total = 0;
	std::vector<unsigned long> part(4);
	{
		std::barrier phase(4, [&]() noexcept { total += std::accumulate(part.begin(), part.end(), 0ul); });
		std::vector<std::jthread> v;
		for (unsigned t = 0; t < 4; t++)
			v.emplace_back([&, t] {
				for (unsigned i = 0; i < 2000; i++) {
					two.acquire();
					for (unsigned long k = 0; k < 20000; k++)
						part[t] = part[t] * 6364136223846793005ul + t + k;
					two.release();
					phase.arrive_and_wait();
					std::shared_lock<std::shared_mutex> g(rw);
				}
				all.count_down();
			});
		all.wait();
	}
	auto f = std::async(std::launch::async, [&] { return total ^ 1; });
	std::printf("%lu\n", f.get());
	return 0;
}
