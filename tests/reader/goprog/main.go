// Command goprog writes traces of Go's own runtime for the reader's tests: each KIND makes the
// runtime say something that the others do not.
//
//	goprog KIND FILE
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"syscall"
	"time"
)

type kind struct {
	name string
	run  func()
}

var kinds = []kind{
	{"goroutines", goroutines},
	{"channels", channels},
	{"locks", locks},
	{"gc", gc},
	{"stw", stw},
	{"network", network},
	{"syscalls", syscalls},
	{"steals", steals},
	{"annotations", annotations},
	{"cpusamples", cpuSamples},
	{"manyps", manyPs},
	{"timers", timers},
	{"threads", threads},
	{"generations", generations},
	{"manygoroutines", manyGoroutines},
	{"allocfree", gc}, // with GODEBUG=traceallocfree=1
}

func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() { defer wg.Done(); f(i) }()
	}
	wg.Wait()
}

var sink [64]any

func spin(d time.Duration) (n int) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for i := range 1000 {
			n += i
		}
	}
	return n
}

func goroutines() {
	for range 20 {
		parallel(50, func(i int) { runtime.Gosched() })
	}
}

func channels() {
	a, b := make(chan int), make(chan int, 3)
	go func() {
		for i := range 500 {
			a <- i
		}
		close(a)
	}()
	go func() {
		for v := range a {
			select {
			case b <- v:
			case <-time.After(time.Second):
			}
		}
		close(b)
	}()
	for range b {
	}
}

func locks() {
	var mu sync.RWMutex
	cond := sync.NewCond(&sync.Mutex{})
	ready := 0
	parallel(8, func(i int) {
		for k := range 100 {
			if (i+k)%4 == 0 {
				mu.Lock()
				spin(10 * time.Microsecond)
				mu.Unlock()
			} else {
				mu.RLock()
				mu.RUnlock()
			}
		}
		cond.L.Lock()
		ready++
		cond.Broadcast()
		for ready < 8 {
			cond.Wait()
		}
		cond.L.Unlock()
	})
}

func gc() {
	parallel(4, func(i int) {
		var list [][]byte
		for k := range 4000 {
			list = append(list, make([]byte, 100+k%5000))
			if k%500 == 0 {
				list = nil
			}
		}
		sink[i] = list
	})
	debug.SetGCPercent(20)
	gcSome()
	debug.SetGCPercent(100)
}

func gcSome() {
	for i := range 20000 {
		sink[i%len(sink)] = make([]byte, 3000)
	}
}

func stw() {
	var m runtime.MemStats
	for range 5 {
		runtime.GC()
		runtime.ReadMemStats(&m)
		runtime.GOMAXPROCS(1 + runtime.GOMAXPROCS(0)%4)
		pprof.Lookup("goroutine").WriteTo(null{}, 0)
	}
}

type null struct{}

func (null) Write(b []byte) (int, error) { return len(b), nil }

func network() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 100)
				for {
					n, err := c.Read(b)
					if err != nil {
						return
					}
					c.Write(b[:n])
				}
			}()
		}
	}()
	parallel(4, func(i int) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			panic(err)
		}
		defer c.Close()
		b := make([]byte, 10)
		for range 50 {
			c.Write(b)
			c.Read(b)
		}
	})
	l.Close()
}

func syscalls() {
	parallel(4, func(i int) {
		for range 200 {
			if f, err := os.Open("/proc/self/stat"); err == nil {
				b := make([]byte, 200)
				f.Read(b)
				f.Close()
			}
		}
	})
}

// Calls that block long enough for their processor to be taken away.
func steals() {
	runtime.GOMAXPROCS(2)
	parallel(6, func(i int) {
		for range 5 {
			ts := syscall.Timespec{Nsec: 3e6}
			syscall.Nanosleep(&ts, nil)
			spin(time.Millisecond)
		}
	})
}

func annotations() {
	ctx, outer := trace.NewTask(context.Background(), "outer")
	parallel(4, func(i int) {
		ctx, task := trace.NewTask(ctx, fmt.Sprint("task ", i))
		defer task.End()
		for k := range 20 {
			trace.WithRegion(ctx, "region", func() {
				defer trace.StartRegion(ctx, "inner").End()
				trace.Logf(ctx, "key", "value %d of \"%d\"\n", k, i)
				runtime.Gosched()
			})
		}
	})
	outer.End()
	trace.Log(context.Background(), "", "")
}

func cpuSamples() {
	pprof.StartCPUProfile(null{})
	parallel(3, func(i int) { spin(200 * time.Millisecond) })
	pprof.StopCPUProfile()
}

func manyPs() {
	runtime.GOMAXPROCS(64)
	parallel(200, func(i int) {
		for range 5 {
			spin(50 * time.Microsecond)
			runtime.Gosched()
		}
	})
}

func timers() {
	parallel(20, func(i int) {
		for range 10 {
			time.Sleep(time.Duration(i) * 100 * time.Microsecond)
		}
		t := time.NewTicker(time.Millisecond)
		for range 5 {
			<-t.C
		}
		t.Stop()
	})
}

// Threads that end, and goroutines that keep theirs.
func threads() {
	parallel(10, func(i int) {
		runtime.LockOSThread()
		time.Sleep(time.Millisecond)
		if i%2 == 0 {
			runtime.UnlockOSThread()
		}
	})
}

// Longer than a generation, with things that go on across its end.
func generations() {
	ctx, task := trace.NewTask(context.Background(), "long")
	region := trace.StartRegion(ctx, "across")
	stop := make(chan bool)
	go func() { <-stop }()
	go func() { select {} }()
	r, w, _ := os.Pipe()
	go func() { r.Read(make([]byte, 1)) }()
	for range 26 {
		parallel(8, func(i int) { spin(5 * time.Millisecond) })
		gcSome()
		time.Sleep(50 * time.Millisecond)
	}
	w.Close()
	close(stop)
	region.End()
	task.End()
}

func manyGoroutines() {
	stop := make(chan bool)
	for range 5000 {
		go func() { <-stop }()
	}
	parallel(100, func(i int) { time.Sleep(time.Millisecond) })
	close(stop)
	time.Sleep(10 * time.Millisecond)
}

func main() {
	if len(os.Args) != 3 {
		for _, k := range kinds {
			fmt.Println(k.name)
		}
		return
	}
	for _, k := range kinds {
		if k.name != os.Args[1] {
			continue
		}
		if k.name == "flightrecorder" { // no other trace beside it
			k.run()
			return
		}
		f, err := os.Create(os.Args[2])
		if err != nil {
			panic(err)
		}
		if err := trace.Start(f); err != nil {
			panic(err)
		}
		k.run()
		trace.Stop()
		if err := f.Close(); err != nil {
			panic(err)
		}
		return
	}
	fmt.Fprintln(os.Stderr, "no such kind")
	os.Exit(2)
}
