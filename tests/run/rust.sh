#!/bin/bash
# Rust's Mutex, Condvar, park and channels wait in syscall(SYS_futex). No crates.
. "$(dirname "$0")/../lib.sh"
need rustc
cat >"$T/r.rs" <<'END'
use std::sync::{mpsc, Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;
fn main() {
    let pair = Arc::new((Mutex::new(0u64), Condvar::new()));
    let mut hs = vec![];
    for i in 0..4u64 {
        let p = pair.clone();
        hs.push(thread::Builder::new().name(format!("rust-{}", i)).spawn(move || {
            for _ in 0..20 {
                let mut g = p.0.lock().unwrap();
                *g += i;
                thread::sleep(Duration::from_micros(500));
            }
            let mut g = p.0.lock().unwrap();
            while *g < 1_000_000 { g = p.1.wait(g).unwrap(); }
            *g
        }).unwrap());
    }
    let (tx, rx) = mpsc::channel();
    let h = thread::spawn(move || { thread::sleep(Duration::from_millis(80)); tx.send(120).unwrap(); });
    println!("{}", rx.recv().unwrap());
    h.join().unwrap();
    *pair.0.lock().unwrap() = 1_000_000;
    pair.1.notify_all();
    for h in hs { assert!(h.join().unwrap() >= 1_000_000); }
}
END
rustc -O -g -o "$T/r" "$T/r.rs" 2>"$T/stderr" || skip "rustc cannot build"
record -- "$T/r"
eq "$status" 0 "exit status"
eq "$(cat "$T/stdout")" 120 "stdout"
judge
for i in 0 1 2 3; do fact "thr(\"rust-$i\") | waited(\"sync\") > 10000000"; done
begins_equal_ends
# Names in a plain dump; lines of the source as well.
"$GT" dump "$TRACE" | grep -q 'stack=[0-9]*\[clock_nanosleep .* < std::thread::.*sleep ' || fail "no names: $("$GT" dump "$TRACE" | grep nanosleep | head -2)"
if ! "$GT" symbolize /dev/null 2>&1 | grep -q 'built without'; then
	at=$(grep -n 'from_micros(500)' "$T/r.rs" | cut -d: -f1)
	"$GT" dump --lines "$TRACE" | grep "stack=[0-9]*\[clock_nanosleep" | grep -q "$T/r.rs:$at\b" || fail "no line of r.rs"
fi
done_ok
