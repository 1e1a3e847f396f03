#!/bin/bash
# Encoder objects import only mem* (and each other): no clock, no malloc, no libc.
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
bad=0
ls encoder/*.c >/dev/null 2>&1 || { echo "skipped: no encoder/*.c yet"; exit 77; }
for c in encoder/*.c; do
	for o in "$B/obj/lib/${c%.c}.o" "$B/obj/cli/${c%.c}.o"; do
		[ -f "$o" ] || { echo "$o is not built"; bad=1; continue; }
		# __memcpy_chk and the like: the CLI's objects are fortified
		for s in $(nm -u "$o" | awk '{ print $2 }'); do
			case $s in mem*|__mem*_chk|gt_*|_GLOBAL_OFFSET_TABLE_) ;; *) echo "$o imports $s"; bad=1 ;; esac
		done
	done
done
exit $bad
