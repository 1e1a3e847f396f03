#!/bin/bash
# Writes FORMAT.md, HOOKS.md, CONFIG.md and EXPORTS.md from the tables to the folder given. `make docs` and docs.sh use it.
cd "$(dirname "$0")/../.." || exit 1
out=$1
mkdir -p "$out" build
gen=$(mktemp build/gendocs.XXXXXX)
trap 'rm -f "$gen"' EXIT
${CC:-gcc} -std=gnu17 -I. -Iinclude -o "$gen" tests/lint/gendocs.c || exit 1
# The comment at the head of a table, as text
head_of()
{
	[ -f "$1" ] || return 0
	awk '/^\/\*/ { on = 1; next } on && /\*\// { exit } on { sub(/^ \* ?/, ""); print }' "$1"
}
page()
{
	local name=$1 title=$2 t
	shift 2
	{
		echo "# $title"
		echo
		echo "Made by \`make docs\` from $(for t; do printf '%s ' "\`$t\`"; done)- do not edit."
		for t; do
			printf '\n```\n'; head_of "$t"; printf '```\n'
		done
		echo
		"./$gen" "$name"
	} >"$out/$name.md"
}
page FORMAT "The file: events, records, reasons" include/gtrace/events.def include/gtrace/records.def include/gtrace/whys.def
page HOOKS "Functions that gtrace stands in for" preload/hooks.def
page CONFIG "Settings and counters" preload/config.def preload/counters.def
page EXPORTS "Other tools: what gtrace convert writes" tools/export/open.def tools/export/formats.def
