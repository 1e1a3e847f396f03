# Turns the rows of a run into docs/MATRIX.md.
median()
{
	awk -F '\t' -v class="$1" -v col="$2" '$2 == class && $3 == "same" && $col != "-" { print $col }' "$T/rows" | sort -g |
		awk '{ v[NR] = $1 } END { if (!NR) print "-"; else printf "%.3f\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
table()
{
	awk -F '\t' -v class="$1" '$2 == class && $3 == "same" {
		printf "| %s | same | %d | %d | %.1f | %d | %.0f | %.0f | %s | %s |\n", $1, $4, $5, $6 / 1024, $7, $8, $9, $10, $11 }' "$T/rows"
}
report()
{
	cat <<'END'
# Real programs

Written by `make matrix` (tests/matrix/run; one line a program in tests/matrix/programs.bash). Every row: the same output and
status with and without gtrace in its default setting, in every round; every file passes Go's reader (strict) and `gtrace check`.
Slowdown is the lower quartile of the traced rounds by that of the native ones, which alternate in one run: wall time, and CPU (user +
system) of the program with all its children and gtrace's writer. Figures differ by a few per cent from
run to run on a shared machine. All files are in memory (/dev/shm): ext4 looks at each inode that was freed within the last minute
when a file is made, which costs rows that make and delete a thousand files a round more than gtrace does.

END
	echo "Made on $(nproc) CPUs, load average $(cut -d' ' -f1-3 /proc/loadavg) at its end (a figure above the number of CPUs: others worked there too,"
	echo "and only CPU ratios say anything). Goal: medians of 1.02 for programs that rarely wait, 1.10 for the others."
	echo
	local class
	for class in rarely often; do
		echo "## Programs that $class wait"
		echo
		echo "| program | result | rounds | files | KiB a round | waits a round | native wall ms | native CPU ms | wall x | CPU x |"
		echo "|---|---|---|---|---|---|---|---|---|---|"
		table $class
		echo
		echo "Median: wall $(median $class 10), CPU $(median $class 11)."
		echo
	done
	if grep -qP '\trefused\t' "$T/rows"; then
		echo "## Refused, clearly"
		echo
		echo "| program | what gtrace says |"
		echo "|---|---|"
		awk -F '\t' '$3 == "refused" { printf "| %s | %s |\n", $1, $4 }' "$T/rows"
		echo
	fi
	if grep -qP '\t(left out|FAIL)\t' "$T/rows"; then
		echo "## Left out, failed"
		echo
		echo "| program | why |"
		echo "|---|---|"
		awk -F '\t' '$3 == "left out" || $3 == "FAIL" { printf "| %s | %s: %s |\n", $1, $3, $4 }' "$T/rows"
		echo
	fi
}
