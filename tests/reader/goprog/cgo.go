//go:build cgo

package main

/*
#include <pthread.h>
#include <unistd.h>
extern void goCallback(int);
static void *body(void *arg) { goCallback(*(int *)arg); usleep(2000); goCallback(-1); return 0; }
static void run(int i) {
	pthread_t t;
	pthread_create(&t, 0, body, &i);
	pthread_join(t, 0);
}
static void nap(void) { usleep(500); }
*/
import "C"

func init() { kinds = append(kinds, kind{"cgo", cgo}) }

//export goCallback
func goCallback(i C.int) { spin(100000) }

// Threads that C made and that call Go.
func cgo() {
	parallel(5, func(i int) {
		for range 5 {
			C.run(C.int(i))
			C.nap()
		}
	})
}
