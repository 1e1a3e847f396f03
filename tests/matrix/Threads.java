// Locks, queues, pools, timers, a child process and a lot of garbage.
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

public class Threads {
	static long shared;
	public static void main(String[] args) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(4);
		ArrayBlockingQueue<int[]> queue = new ArrayBlockingQueue<>(16);
		Object lock = new Object();
		List<Future<Long>> results = new ArrayList<>();
		for (int t = 0; t < 3; t++) {
			final int me = t;
			results.add(pool.submit(() -> {
				long sum = 0;
				for (int i = 0; i < 30000; i++) {
					int[] a = new int[200];
					Arrays.fill(a, i + me);
					queue.put(a);
					synchronized (lock) { shared += i; }
					sum += a[i % 200];
				}
				return sum;
			}));
		}
		long taken = 0;
		for (int i = 0; i < 90000; i++) taken += queue.take()[0];
		long sum = 0;
		for (Future<Long> f : results) sum += f.get();
		pool.shutdown();
		Process p = new ProcessBuilder("/bin/sh", "-c", "echo child; exit 3").redirectErrorStream(true).start();
		String line = new Scanner(p.getInputStream()).nextLine();
		long primes = IntStream.range(2, 150000).parallel().filter(n -> IntStream.rangeClosed(2, (int) Math.sqrt(n)).allMatch(k -> n % k != 0)).count();
		System.out.println(taken + " " + sum + " " + shared + " " + line + " " + p.waitFor() + " " + primes);
	}
}
