// A Go program that traces itself: locks, channels, network, sleeps, collections, tasks, CPU samples.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"time"
)

var sink [][]byte

func worker(ch chan int, mu *sync.Mutex, wg *sync.WaitGroup) {
	defer wg.Done()
	for x := range ch {
		mu.Lock()
		sink = append(sink, make([]byte, 4096))
		if x%100 == 0 {
			time.Sleep(100 * time.Microsecond)
			sink = nil
		}
		mu.Unlock()
	}
}

func serve(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	time.Sleep(5 * time.Millisecond)
	c.Write([]byte("x"))
	c.Close()
}

func spin(d time.Duration) (n int) {
	for t := time.Now(); time.Since(t) < d; {
		n += len(fmt.Sprint(n))
	}
	return n
}

func main() {
	f, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	null, _ := os.Create(os.DevNull)
	pprof.StartCPUProfile(null) // a trace holds CPU samples only then
	trace.Start(f)
	ctx, task := trace.NewTask(context.Background(), "all")
	ch := make(chan int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go worker(ch, &mu, &wg)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go serve(l)
	trace.WithRegion(ctx, "feed", func() {
		for i := 0; i < 3000; i++ {
			ch <- i
		}
		trace.Log(ctx, "fed", "\"all\"; of it\\")
	})
	close(ch)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		panic(err)
	}
	c.Read(make([]byte, 1))
	wg.Wait()
	runtime.GC()
	spin(200 * time.Millisecond)
	task.End()
	trace.Stop()
	pprof.StopCPUProfile()
}
