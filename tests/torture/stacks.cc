/*
 * stacks WAITS [SEED]: waits on every kind of call chain that a compiler and a C library make, in an order that the seed
 * decides. Under the judging build of the library (build/judge) every tenth stack is captured a second time, by libgcc, at the
 * same moment. Prints what was judged; exit 1 when any stack differed.
 *
 * Chains: depths up to 160, recursion, two callers at the same sp, alloca and VLA frames, aligned frames, frames with and
 * without a frame pointer, callbacks from libc, exceptions, a library that is replaced by another at the same address,
 * handlers on the thread's stack and on an alternate one, coroutines on heap memory and on the thread's own stack, small stacks.
 */
#include <alloca.h>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>
#include <string>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static std::atomic<bool> stop;
static std::atomic<long> waits;
static std::string folder;

struct ctx {
	uint64_t random;
	int fd[2];
	pthread_mutex_t m;
	pthread_cond_t c;
	bool small;
	long same_place, other_place;
};
static thread_local ctx *self;

static unsigned pick(ctx *c, unsigned n)
{
	c->random = c->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(c->random >> 33) % n;
}

/* ---- waits ---- */

static NOINLINE void wait_once(ctx *c)
{
	char b = 0;
	const timespec none = { 0, 0 }, past = { 1, 0 };
	waits.fetch_add(1, std::memory_order_relaxed);
	switch (pick(c, 4)) {
	case 0:
	case 1:
		if (write(c->fd[1], &b, 1) == 1 && read(c->fd[0], &b, 1) != 1)
			_exit(98);
		break;
	case 2:
		nanosleep(&none, nullptr);
		break;
	default:
		pthread_mutex_lock(&c->m);
		pthread_cond_timedwait(&c->c, &c->m, &past);
		pthread_mutex_unlock(&c->m);
	}
}

static NOINLINE void leaf(ctx *c)
{
	for (unsigned i = 1 + pick(c, 3); i; i--)
		wait_once(c);
}

/* ---- frames ---- */

static void go(ctx *c, int depth);
static volatile long sink;

static NOINLINE void node_plain(ctx *c, int depth)
{
	go(c, depth - 1);
	sink = depth;
}

/* Two callers at the same sp: only the return address differs. */
static NOINLINE void node_two_sites(ctx *c, int depth)
{
	if (pick(c, 2))
		go(c, depth - 1);
	else
		go(c, depth - 1 + (int)(sink & 0));
	sink = depth;
}

/* All saved registers are in use. */
static NOINLINE void node_registers(ctx *c, int depth)
{
	long a = sink, b = sink, d = sink, e = sink, f = sink, g = sink;
	go(c, depth - 1);
	sink = a + 2 * b + 3 * d + 4 * e + 5 * f + 6 * g + depth;
}

static NOINLINE void node_alloca(ctx *c, int depth)
{
	char *p = (char *)alloca(16 + pick(c, 20) * 16);
	p[0] = 1;
	asm volatile("" : : "r"(p) : "memory");
	go(c, depth - 1);
	sink = p[0];
}

static NOINLINE void node_vla(ctx *c, int depth)
{
	const unsigned n = 1 + pick(c, 30);
	long v[n];
	v[n - 1] = depth;
	asm volatile("" : : "r"(v) : "memory");
	go(c, depth - 1);
	sink = v[n - 1];
}

static NOINLINE void node_aligned(ctx *c, int depth)
{
	alignas(64) char v[64];
	asm volatile("" : : "r"(v) : "memory");
	go(c, depth - 1);
	asm volatile("" : : "r"(v) : "memory");
}

__attribute__((noinline, noclone, optimize("no-omit-frame-pointer"))) static void node_fp(ctx *c, int depth)
{
	go(c, depth - 1);
	sink = depth;
}

/* rbp and rbx carry other values each time: nothing that an unwind may rest on. */
static NOINLINE void node_garbage(ctx *c, int depth)
{
	long x = (long)c->random, y = (long)(c->random >> 7);
	go(c, depth - 1);
	sink = x ^ y;
}

struct call {
	ctx *c;
	int depth;
	bool done;
};

static int compare(const void *a, const void *b)
{
	auto *k = (call *)a;
	(void)b;
	if (!k->done) {
		k->done = true;
		go(k->c, k->depth - 1);
	}
	return 0;
}

static NOINLINE void node_libc(ctx *c, int depth)
{
	call k = { c, depth, false };
	char one[1] = { 0 };
	sink = (long)bsearch(&k, one, 1, 1, compare);
}

static NOINLINE void node_throw(ctx *c, int depth)
{
	if (depth > 2)
		go(c, 2);
	throw depth;
}

static NOINLINE void node_exception(ctx *c, int depth)
{
	try {
		node_throw(c, depth > 6 ? 6 : depth);
	} catch (int) {
		go(c, depth - 1); /* inside the handler */
	}
	sink = depth;
}

static NOINLINE void node_destructor(ctx *c, int depth)
{
	struct at_end {
		ctx *c;
		~at_end()
		{
			wait_once(c);
		}
	};
	try {
		at_end e{ c }; /* waits while the stack is unwound */
		throw depth;
	} catch (int) {
	}
	go(c, depth - 1);
	sink = depth;
}

static void go(ctx *c, int depth)
{
	typedef void (*node)(ctx *, int);
	static const node nodes[] = { node_plain, node_two_sites, node_registers, node_alloca, node_vla, node_aligned,
		node_fp, node_garbage, node_libc, node_exception, node_destructor };
	if (depth <= 0) {
		leaf(c);
		return;
	}
	/* mostly the same way down again, so that the memo has something to prove */
	const unsigned n = c->small ? 4 : 9;
	nodes[pick(c, 12) ? ((unsigned)depth * 7 + (unsigned)(c->random >> 60)) % n : pick(c, c->small ? 4 : 11)](c, depth);
	sink = depth;
}

/* ---- handlers ---- */

static void handler(int sig)
{
	(void)sig;
	ctx *c = self;
	go(c, (int)pick(c, 4));
}

/* ---- coroutines ---- */

static thread_local ucontext_t back, there;

static void coroutine()
{
	ctx *c = self;
	go(c, 1 + (int)pick(c, 5));
}

static NOINLINE void run_coroutine(ctx *c, char *stack, size_t size)
{
	(void)c;
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = size;
	there.uc_link = &back;
	makecontext(&there, coroutine, 0);
	swapcontext(&back, &there);
}

static NOINLINE void coroutine_on_own_stack(ctx *c)
{
	char stack[32768];
	run_coroutine(c, stack, sizeof(stack));
	sink = stack[0];
}

/* ---- a library that is replaced ---- */

static void in_library(void *arg)
{
	auto *c = (ctx *)arg;
	go(c, (int)pick(c, 3));
}

static void use_libraries(ctx *c)
{
	static void *last;
	for (int i = 1; i <= 2; i++) {
		const std::string path = folder + "/stacks-" + std::to_string(i) + ".so";
		void *lib = dlopen(path.c_str(), RTLD_NOW);
		auto call = lib ? (void (*)(void (*)(void *), void *))dlsym(lib, "stacks_call") : nullptr;
		if (!call) {
			fprintf(stderr, "%s\n", dlerror());
			_exit(97);
		}
		++((void *)call == last ? c->same_place : c->other_place);
		last = (void *)call;
		for (int k = 0; k < 20; k++)
			call(in_library, c);
		dlclose(lib);
	}
}

/* ---- threads ---- */

static void *small_thread(void *arg)
{
	static thread_local ctx mine;
	ctx *c = self = &mine;
	*c = *(ctx *)arg;
	c->small = true;
	for (int i = 0; i < 20; i++)
		go(c, (int)pick(c, 5));
	return nullptr;
}

static void run_small_thread(ctx *c)
{
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 32768);
	pthread_t t;
	if (pthread_create(&t, &a, small_thread, c) == 0)
		pthread_join(t, nullptr);
	pthread_attr_destroy(&a);
}

static void *work(void *arg)
{
	static const int depths[] = { 1, 5, 20, 50, 126, 160 };
	ctx *c = (ctx *)arg;
	const bool is_first = c->random & 1;
	self = c;
	if (pipe(c->fd))
		_exit(96);
	pthread_mutex_init(&c->m, nullptr);
	pthread_cond_init(&c->c, nullptr);
	char *alternate = (char *)malloc(65536), *heap = (char *)malloc(65536);
	const stack_t ss = { alternate, 0, 65536 };
	sigaltstack(&ss, nullptr);
	for (unsigned round = 0; !stop; round++) {
		const unsigned k = pick(c, 100);
		if (k < 80)
			go(c, depths[k % 16 < 6 ? k % 4 : pick(c, 6)]);
		else if (k < 86)
			raise(SIGUSR1);
		else if (k < 90)
			raise(SIGUSR2);
		else if (k < 94)
			run_coroutine(c, heap, 65536);
		else if (k < 97)
			coroutine_on_own_stack(c);
		else if (k == 98 && is_first)
			use_libraries(c);
		else if (k == 99 && pick(c, 8) == 0)
			run_small_thread(c);
	}
	return nullptr;
}

static uint64_t told(const char *name)
{
	auto *p = (const uint64_t *)dlsym(RTLD_DEFAULT, name);
	return p ? __atomic_load_n(p, __ATOMIC_RELAXED) : 0;
}

int main(int argc, char **argv)
{
	const long want = argc > 1 ? atol(argv[1]) : 200000;
	const uint64_t seed = argc > 2 ? strtoull(argv[2], nullptr, 0) : (uint64_t)time(nullptr);
	folder = argv[0];
	folder.erase(folder.rfind('/'));
	struct sigaction sa = {};
	sa.sa_handler = handler;
	sa.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &sa, nullptr);
	sa.sa_flags = 0;
	sigaction(SIGUSR2, &sa, nullptr);

	static ctx all[2];
	pthread_t t[2];
	for (unsigned i = 0; i < 2; i++) {
		all[i].random = (seed * 2 + i) * 0x9e3779b97f4a7c15u;
		all[i].random = (all[i].random & ~1ull) | i;
		pthread_create(&t[i], nullptr, work, &all[i]);
	}
	while (waits.load() < want)
		usleep(1000);
	stop = true;
	for (auto &i : t)
		pthread_join(i, nullptr);
	printf("seed %llu: %ld waits, %llu captures, %llu judged, %llu of them cut, %llu different; library at the same place %ld times, elsewhere %ld\n",
	        (unsigned long long)seed, waits.load(), (unsigned long long)told("judge_captures"),
	        (unsigned long long)told("judge_judged"), (unsigned long long)told("judge_cut"),
	        (unsigned long long)told("judge_bad"), all[1].same_place, all[1].other_place);
	return told("judge_bad") ? 1 : 0;
}
