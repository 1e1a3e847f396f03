#!/bin/bash
# Writes docs/ANSWERS.md: runs each example and shows what gtrace says of it. `make answers`. The figures are of the machine
# and the moment; tests/run/locks.sh and tests/run/why.sh check the same answers against what the programs measure.
set -eu
cd "$(dirname "$0")/.."
B=${B:-build}
t=$(mktemp -d "${TMPDIR:-/tmp}/gtrace-answers.XXXXXX")
trap 'rm -rf "$t"' EXIT
# The comment at the head of a program
head_of()
{
	awk '/^\/\*/ { on = 1; next } on && /\*\// { exit } on { sub(/^ \* ?/, ""); print }' "$1"
}
# show COMMAND...: the command as it is typed, then what it prints
show()
{
	printf '\n    $ gtrace %s\n' "$*"
	(cd "$t" && COLUMNS=${WIDE:-80} "$GT" "$@" 2>&1) | sed 's/^/    /; s/ *$//'
}
example()
{
	printf '\n## %s\n\n' "$2"
	head_of "examples/$1.c"
	printf '\n    $ gtrace record -q -o %s.trace -- examples/%s\n' "$1" "$1"
	"$GT" record -q -o "$t/$1.trace" -- "$B/examples/$1" | sed 's/^/    /'
}
GT=$(realpath "$B/gtrace")
{
	cat <<'END'
# What gtrace answers

Made by `make answers` from the programs in `examples/` - do not edit. Each has a problem that is known beforehand, and measures
itself what gtrace has to find; the tests compare the two.

| question | command |
|---|---|
| Where did each thread's life go? | `gtrace threads FILE` |
| Which lock costs most, who had it meanwhile, what to change first? | `gtrace locks FILE` |
| Why did this thread wait then? | `gtrace why --thread NAME --at TIME FILE` |
| All waits in one picture | `gtrace flame FILE`, `gtrace flame --off-wake FILE` |
| What does the new version wait for that the old one did not? | `gtrace diff OLD NEW`, for CI `--limit 10%` |

A lock has the name of its variable where the program's file has symbols (`queue+0x28`: inside of `queue`), else its address. Try
one: `make examples`.
END
	example held_over_sleep "A lock held over a sleep"
	show locks held_over_sleep.trace
	show why held_over_sleep.trace
	example convoy "A convoy"
	show locks convoy.trace
	last=$("$GT" why --json "$t/convoy.trace" | sed -n 's/.*"thread": {"name": "\([^"]*\)".*/\1/p' | head -1)
	show why --thread "$last" convoy.trace
	example chain "A chain of three locks and a slow read"
	show why --thread asker chain.trace
	show locks chain.trace
	WIDE=100 show threads chain.trace
	example slow_producer "A producer that is too slow"
	show locks slow_producer.trace
	show why --thread consumer slow_producer.trace
} >"$t/ANSWERS.md"
mv "$t/ANSWERS.md" "${1:-docs/ANSWERS.md}"
