#!/bin/bash
# A Rust program in every format: totals agree with Go's reader to the ns.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
need_readers
need rustc
cat >"$T/r.rs" <<'END'
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::Duration;
fn main() {
    let (tx, rx) = mpsc::sync_channel::<u64>(2);
    let sum = Arc::new(Mutex::new(0u64));
    let hs: Vec<_> = (0..4u64).map(|i| {
        let (tx, sum) = (tx.clone(), sum.clone());
        thread::Builder::new().name(format!("rust-{}", i)).spawn(move || {
            for n in 0..50 {
                let mut s = sum.lock().unwrap();
                *s += n;
                thread::sleep(Duration::from_micros(200));
                drop(s);
                tx.send(n).unwrap();
            }
        }).unwrap()
    }).collect();
    drop(tx);
    println!("{}", rx.iter().sum::<u64>());
    for h in hs { h.join().unwrap(); }
}
END
rustc -O -g -o "$T/r" "$T/r.rs" 2>"$T/stderr" || skip "rustc cannot build"
record -- "$T/r"
eq "$status" 0 "exit status"
judge
totals rust "$TRACE"
# With lines: frames say where in the source they are.
if "$GT" symbolize -q "$TRACE" -o "$T/x.trace" 2>/dev/null; then
	"$GT" convert --to speedscope --lines "$TRACE" -o "$T/o.lines" || fail "--lines"
	jq -e '[.shared.frames[] | select((.file // "") | endswith("/r.rs")) | select(.line > 1)] | length > 0' "$T/o.lines" >/dev/null ||
		fail "--lines: no frame in r.rs"
fi
done_ok
