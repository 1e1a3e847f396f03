#!/bin/bash
# Includes follow the arrow of style.md section 1. The encoder knows five C headers and no libc but mem*.
cd "$(dirname "$0")/../.." || exit 1
bad=0
complain() { echo "$1"; bad=1; }
# folder, regex of what of ours it may include, regex of system headers
rule()
{
	local f line inc
	for f in $(find "$1" -name '*.[chS]' -o -name '*.def' 2>/dev/null); do
		while IFS= read -r line; do
			inc=$(sed -E 's/^[^"<]*(["<][^">]*)[">].*/\1/' <<<"$line")
			case $inc in
			\"*) [[ ${inc#\"} =~ ^($2)$ ]] || complain "$f: may not include ${inc#\"} (style.md section 1)" ;;
			\<*) [[ ${inc#<} =~ ^($3)$ ]] || complain "$f: may not include <${inc#<}> (style.md section 1)" ;;
			esac
		done < <(grep -E '^[[:space:]]*#[[:space:]]*include' "$f")
	done
}
pub='(include/)?gtrace/[a-z_]+\.(h|def)'
any='[A-Za-z0-9_/.+-]+'
rule include "$pub" "$any"
rule encoder "$pub|encoder/$any" '(stdint|stddef|stdbool|string|stdatomic)\.h'
rule preload "$pub|encoder/$any|preload/$any" "$any"
# (the command lists the hooks; it reads their tables, nothing else of preload/)
rule tools "$pub|encoder/$any|tools/$any|preload/(hooks|groups|old)\.def" "$any"
# Within the tools: lib <- read <- symbol <- analysis <- export; merge <- read
up() { rule "tools/$1" "$pub|encoder/$any|tools/cmd.h|tools/($2)/[a-z0-9_./-]+" "$any"; }
up lib 'lib'
up read 'lib|read'
up symbol 'lib|read|symbol'
up analysis 'lib|read|symbol|analysis'
up export 'lib|read|symbol|analysis|export'
up merge 'lib|read|merge'
exit $bad
