#!/bin/bash
# xz -T2 on 32 MB: the same bytes as without us, both workers in the trace.
. "$(dirname "$0")/../lib.sh"
need xz
{ head -c 16000000 /dev/zero; head -c 4000000 /dev/urandom; yes "gtrace $$" | head -c 12000000; } >"$T/data"
xz -T2 -1 --block-size=4MiB -c "$T/data" | sha256sum >"$T/want"
record -- xz -T2 -1 --block-size=4MiB -c "$T/data"
eq "$status" 0 "exit status"
eq "$(sha256sum <"$T/stdout")" "$(cat "$T/want")" "output"
judge
fact '[.goroutines[]] | length >= 3'
fact '[.goroutines[] | select(waited("sync.(*Cond).Wait") > 0)] | length >= 2'
done_ok
