#!/bin/bash
# gtrace stat shows exactly the number of calls that the program made; from 1 and from 16 threads; waited or not.
. "$(dirname "$0")/../lib.sh"
[ -x "$GT" ] || skip "no build/gtrace"
run()
{
	(cd "$T" && : ) || exit 1
	record "$@"
	eq "$status" 0 "$*: exit status"
	judge
	cp "$T/stdout" "$T/want"
	stat_json "$TRACE" >"$T/stat.json" || fail "gtrace stat: $(cat "$T/stat.json")"
	jq -r '[.calls[] | {call, count}] | group_by(.call)[] | "\(.[0].call) \(map(.count) | add)"' "$T/stat.json" >"$T/got"
}
got()
{
	awk -v n="$1" '$1 == n { s += $2 } END { print s + 0 }' "$T/got"
}
for threads in 1 16; do
	for min in 1us 0 1s; do
		cd "$T" || exit 1
		run GTRACE_MIN_WAIT=$min -- "$PROGS/counters" $threads 40
		bad=
		while read -r name n; do
			case $name in +*) continue ;; esac
			[ "$(got "$name")" = "$n" ] || bad="$bad $name: $(got "$name"), not $n;"
		done <"$T/want"
		[ -z "$bad" ] || fail "threads=$threads min_wait=$min:$bad"
		rm -f "$T"/*.trace*
	done
	# libc allocates as well: the difference of two runs is exact
	run -- "$PROGS/counters" $threads 20
	cp "$T/got" "$T/got1"; cp "$T/want" "$T/want1"
	rm -f "$T"/*.trace*
	run -- "$PROGS/counters" $threads 60
	bad=
	while read -r name n; do
		case $name in +*) ;; *) continue ;; esac
		name=${name#+}
		n1=$(awk -v n="+$name" '$1 == n { print $2 }' "$T/want1")
		g1=$(awk -v n="$name" '$1 == n { print $2 }' "$T/got1")
		[ $(($(got "$name") - g1)) = $((n - n1)) ] || bad="$bad $name: $(got "$name") - $g1, not $n - $n1;"
	done <"$T/want"
	[ -z "$bad" ] || fail "threads=$threads:$bad"
	rm -f "$T"/*.trace*
done
done_ok
