package main

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"golang.org/x/exp/trace"
)

// The events of a file in a form that the C reader writes, too (tests/reader/canon.c): one line an
// event, everything that the reader says of it. Stacks are hashes of their frames.

func quote(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c := s[i]; c > 0x20 && c < 0x7f && c != '%' {
			out = append(out, c)
		} else {
			out = append(out, fmt.Sprintf("%%%02x", c)...)
		}
	}
	return string(out)
}

func stackHash(s trace.Stack) string {
	h := fnv.New64a()
	n := 0
	for f := range s.Frames() {
		fmt.Fprintf(h, "%d %s %s %d\n", f.PC, quote(f.Func), quote(f.File), f.Line)
		n++
	}
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%d:%016x", n, h.Sum64())
}

func canonRange(w io.Writer, ev trace.Event, what string) {
	r := ev.Range()
	scope := "-"
	switch r.Scope.Kind {
	case trace.ResourceGoroutine:
		scope = fmt.Sprintf("g%d", r.Scope.Goroutine())
	case trace.ResourceProc:
		scope = fmt.Sprintf("p%d", r.Scope.Proc())
	}
	fmt.Fprintf(w, "range-%s %s %s", what, quote(r.Name), scope)
	if what == "end" {
		for _, a := range ev.RangeAttributes() {
			fmt.Fprintf(w, " %d", a.Value.Uint64())
		}
	}
}

func canonEvent(w io.Writer, ev trace.Event) {
	if ev.Kind() == trace.EventSync {
		if k := ev.Sync().ClockSnapshot; k != nil {
			fmt.Fprintf(w, "%d sync %d %d %d.%d\n", ev.Time(), k.Trace, k.Mono, k.Wall.Unix(), k.Wall.Nanosecond())
		}
		return
	}
	fmt.Fprintf(w, "%d %d %d %d ", ev.Time(), ev.Thread(), ev.Proc(), ev.Goroutine())
	switch ev.Kind() {
	case trace.EventMetric:
		m := ev.Metric()
		fmt.Fprintf(w, "metric %s %d", m.Name, m.Value.Uint64())
	case trace.EventLabel:
		l := ev.Label()
		fmt.Fprintf(w, "label %s g%d", quote(l.Label), l.Resource.Goroutine())
	case trace.EventStackSample:
		fmt.Fprint(w, "sample")
	case trace.EventRangeBegin:
		canonRange(w, ev, "begin")
	case trace.EventRangeActive:
		canonRange(w, ev, "active")
	case trace.EventRangeEnd:
		canonRange(w, ev, "end")
	case trace.EventTaskBegin:
		t := ev.Task()
		fmt.Fprintf(w, "task-begin %d %d %s", t.ID, t.Parent, quote(t.Type))
	case trace.EventTaskEnd:
		t := ev.Task()
		fmt.Fprintf(w, "task-end %d %d %s", t.ID, t.Parent, quote(t.Type))
	case trace.EventRegionBegin:
		r := ev.Region()
		fmt.Fprintf(w, "region-begin %d %s", r.Task, quote(r.Type))
	case trace.EventRegionEnd:
		r := ev.Region()
		fmt.Fprintf(w, "region-end %d %s", r.Task, quote(r.Type))
	case trace.EventLog:
		l := ev.Log()
		fmt.Fprintf(w, "log %d %s %s", l.Task, quote(l.Category), quote(l.Message))
	case trace.EventStateTransition:
		t := ev.StateTransition()
		if t.Resource.Kind == trace.ResourceProc {
			from, to := t.Proc()
			fmt.Fprintf(w, "p%d %v->%v", t.Resource.Proc(), from, to)
		} else {
			from, to := t.Goroutine()
			fmt.Fprintf(w, "g%d %v->%v %s %s", t.Resource.Goroutine(), from, to, quote(t.Reason), stackHash(t.Stack))
		}
	case trace.EventExperimental:
		e := ev.Experimental()
		fmt.Fprintf(w, "experiment %s", e.Name)
		for i := range e.Args {
			fmt.Fprintf(w, " %d", e.ArgValue(i).Uint64())
		}
	default:
		fmt.Fprintf(w, "kind %v", ev.Kind())
	}
	fmt.Fprintf(w, " %s\n", stackHash(ev.Stack()))
}

// canon writes all events of a file and whether it was read to its end.
func canon(out io.Writer, name string) (err error) {
	w := bufio.NewWriterSize(out, 1<<20)
	defer w.Flush()
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(w, "file %s\n", name)
	defer func() {
		if p := recover(); p != nil { // some broken files make the reader panic
			err = fmt.Errorf("panic: %v", p)
		}
		if err == io.EOF {
			fmt.Fprintln(w, "end")
			err = nil
			return
		}
		fmt.Fprintln(w, "error")
	}()
	var line bytes.Buffer // an event that makes the reader panic leaves nothing
	r, err := trace.NewReader(bufio.NewReaderSize(f, 1<<16))
	for err == nil {
		var ev trace.Event
		if ev, err = r.ReadEvent(); err == nil {
			line.Reset()
			canonEvent(&line, ev)
			w.Write(line.Bytes())
		}
	}
	return err
}
