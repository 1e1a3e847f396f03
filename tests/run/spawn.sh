#!/bin/bash
# posix_spawn, system, popen, vfork: one outer wait each in the parent, children in files of their own.
. "$(dirname "$0")/../lib.sh"
all_files()
{
	local f
	for f in "$T"/*.trace; do judge "$f"; done
}
for how in spawn vfork; do
	record -- "$PROGS/procs" $how "$(command -v sleep)" 0.02
	eq "$status" 0 "$how: exit status"
	all_files
	for child in $(sed -n 's/^child //p' "$T/stdout"); do
		fact '[.goroutines[] | waited("sleep")] | max >= 20000000' "$T/$child.trace"
	done
	# in waitpid
	fact '[.goroutines[] | waited("")] | max >= 40000000'
	# nothing of the children in the parent's file
	fact '[.goroutines[]] | length == 1'
	begins_equal_ends
	rm -f "$T"/*.trace*
done
record -- "$PROGS/procs" spawn /bin/true
all_files
eq "$(count "$TRACE" posix_spawn)" 3 "posix_spawn calls"
eq "$(count "$TRACE" waitpid)" 3 "waitpid calls"
rm -f "$T"/*.trace*

record -- "$PROGS/procs" system
eq "$status" 4 "system: exit status"
eq "$(cat "$T/stdout")" hello "popen: what it said"
all_files
fact '[.goroutines[] | waited("")] | max >= 45000000'
eq "$(count "$TRACE" system)" 1 "system calls"
eq "$(count "$TRACE" popen)" 1 "popen calls"
eq "$(count "$TRACE" pclose)" 1 "pclose calls"
begins_equal_ends
done_ok
