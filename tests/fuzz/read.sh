#!/bin/bash
# Hostile input for the reader, under sanitizers. N=inputs SEED=seed B=build folder.
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
fuzz=
for p in "$B/address-undefined/tests/fuzz/fuzz_read" "$B/tests/fuzz/fuzz_read"; do
	[ -z "$fuzz" ] && [ -x "$p" ] && fuzz=$p
done
[ -n "$fuzz" ] || { echo "skipped: no fuzz_read, run make fuzz"; exit 77; }
cd "$(mktemp -d "${TMPDIR:-/tmp}/gtrace-fuzz.XXXXXX")" || exit 1
here=$OLDPWD
case $fuzz in /*) ;; *) fuzz=$here/$fuzz ;; esac
# The last input of a failure stays here as fuzz_read.crash.
"$fuzz" -n "${N:-1000000}" ${SEED:+-s "$SEED"} "$here/tests/fuzz/corpus" || { echo "kept: $PWD"; exit 1; }
# Old formats; what they become is in memory, too.
"$fuzz" -n "$((${N:-1000000} / 4))" ${SEED:+-s "$SEED"} "$here/tests/fuzz/old" || { echo "kept: $PWD"; exit 1; }
cd "$here" && rm -rf "$OLDPWD"
