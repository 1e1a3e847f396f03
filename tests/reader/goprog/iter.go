//go:build go1.23

package main

import "iter"

func init() { kinds = append(kinds, kind{"coroutines", coroutines}) }

// Goroutines that hand over to each other directly.
func coroutines() {
	for range 20 {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for i := range 50 {
				if !yield(i) {
					return
				}
			}
		})
		for i := 0; i < 40; i++ {
			next()
		}
		stop()
	}
}
