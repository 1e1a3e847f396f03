#!/bin/bash
# What this machine's libc says of the hooked functions: another public name of one is hooked too, and one whose versions
# are not the same function is in old.def.
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
libc=$(${CC:-gcc} -print-file-name=libc.so.6)
[ -f "$libc" ] || { echo "skipped: no libc.so.6"; exit 77; }
# __libc_*: by these names allocators pass by all hooks, on purpose. __pthread_*: no program can be linked to them any more.
allowed='^(__libc_.*|__pthread_.*)$'
# "address name version" of public functions
readelf -W --dyn-syms "$libc" | awk '($4 == "FUNC" || $4 == "IFUNC") && $7 != "UND" && $8 !~ /PRIVATE/ {
	split($8, part, /@+/); print $2, part[1], part[2] }' >"$B/obj/libc.txt"
old=$(sed -n 's/^GT_OLD(\([^,]*,\)\{3\} *\([a-z_0-9]*\),.*/\2/p' preload/old.def)
bad=$(awk -v allowed="$allowed" -v old="$old" '
	BEGIN { n = split(old, o, "\n"); for (i = 1; i <= n; i++) is_old[o[i]] = 1 }
	FILENAME ~ /hooks.txt$/ { hooked[$1] = 1; next }
	{ names[$1] = names[$1] " " $2
	  if (!(($2, $1) in seen)) { seen[$2, $1] = 1; places[$2]++ } }
	END {
		for (at in names) {
			n = split(names[at], l, " "); is_ours = 0
			for (i = 1; i <= n; i++) if (hooked[l[i]]) is_ours = 1
			for (i = 1; is_ours && i <= n; i++)
				if (!hooked[l[i]] && l[i] !~ allowed) print l[i] ": another name of a hooked function, not hooked"
		}
		for (name in places)
			if (hooked[name] && (places[name] > 1) != (name in is_old))
				print name ": " places[name] " functions in libc by version, but old.def says otherwise"
	}' "$B/obj/hooks.txt" "$B/obj/libc.txt" | sort -u)
[ -z "$bad" ] || { echo "$bad"; exit 1; }
