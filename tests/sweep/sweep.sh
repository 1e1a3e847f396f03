#!/bin/bash
# Every pc of the text of real files: our unwind rule against libdw's. Prints a line per file.
. "$(dirname "$0")/../lib.sh"
[ -x "$B/tests/sweep/sweep" ] || skip "no libdw (libdw-dev): the sweep is not built"
files=("$LIB")
add()
{
	local f
	for f; do
		f=$(readlink -f "$f" 2>/dev/null) && [ -f "$f" ] && files+=("$f")
	done
}
libs=/usr/lib/x86_64-linux-gnu
add $libs/libc.so.6 $libs/libstdc++.so.6 $libs/libcrypto.so.3 $libs/libpython3.*.so.1.0 $libs/libapt-pkg.so.6.0 /usr/bin/python3 \
	"$(command -v redis-server)" "$PROGS/cxx20"
if command -v rustc >/dev/null 2>&1; then
	cat >"$T/r.rs" <<'END'
fn main() {
    let h = std::thread::spawn(|| (0..10u64).map(|i| i.to_string()).collect::<Vec<_>>().join(","));
    println!("{}", h.join().unwrap());
}
END
	rustc -O -o "$T/rust-program" "$T/r.rs" 2>"$T/stderr" && add "$T/rust-program"
fi
timeout 500 "$B/tests/sweep/sweep" "${files[@]}" || fail "a rule differs from libdw's, or too many pcs have none"
done_ok
