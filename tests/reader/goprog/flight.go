//go:build go1.25

package main

import (
	"os"
	"runtime/trace"
	"time"
)

func init() { kinds = append(kinds, kind{"flightrecorder", flightRecorder}) }

// The last part of a trace whose beginning is gone: the recorder writes the file itself.
func flightRecorder() {
	r := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 300 * time.Millisecond, MaxBytes: 1 << 20})
	if err := r.Start(); err != nil {
		panic(err)
	}
	for range 30 {
		parallel(8, func(i int) { spin(time.Millisecond); gcSome() })
		time.Sleep(20 * time.Millisecond)
	}
	f, err := os.Create(os.Args[2])
	if err != nil {
		panic(err)
	}
	if _, err := r.WriteTo(f); err != nil {
		panic(err)
	}
	f.Close()
	r.Stop()
}
