// Waits of C++ functions at lines that are known: see symbolize_c.c.
#include <cstdio>
#include <thread>
#include <time.h>
#include <vector>

namespace shop {

template <typename T> struct Queue {
	std::vector<T> items;

	__attribute__((noinline)) int take(T n, const char *)
	{
		timespec ts = { 0, 3000000 };
		nanosleep(&ts, nullptr); // @take
		items.push_back(n);
		return (int)items.size();
	}

	inline __attribute__((always_inline)) int both(T n)
	{
		const int a = take(n, ""); // @both
		return a + 1;
	}
};

__attribute__((noinline)) int serve(Queue<long> &q)
{
	int sum = 0;
	for (int i = 0; i < 10; i++)
		sum += q.both(i); // @serve
	return sum;
}

} // namespace shop

int main()
{
	shop::Queue<long> q;
	std::thread t([&] { std::printf("%d\n", shop::serve(q)); }); // @lambda
	t.join();
}
