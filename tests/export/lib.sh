# For tests of exports: every format of a trace, read back. After ../lib.sh.
#   totals NAME FILE     converts FILE to every format, reads each back, compares with Go's reader

py=/usr/bin/python3
[ -x $py ] || py=$(command -v python3)
FORMATS="perfetto chrome pprof-block pprof-mutex pprof-offcpu pprof-cpu pprof-heap folded offwake speedscope firefox ctf ctf-kernel"

need_readers()
{
	need babeltrace2 protoc go
	"$py" -c 'import google.protobuf' 2>/dev/null || skip "no python3-protobuf"
	[ -x "$ORACLE" ] || skip "no Go ($(cat "$B/oracle.ok" 2>/dev/null))"
	"$GT" convert --help | grep -q pprof-block || skip "gtrace was built without protobuf-c"
	PPROF=$(go tool -n pprof) && [ -x "$PPROF" ] || skip "no go tool pprof"
	export PPROF
	mkdir -p "$T/pb"
	protoc --python_out="$T/pb" tools/export/schema/perfetto.proto || fail "protoc"
}

convert_all()
{
	local f
	for f in $FORMATS; do
		rm -rf "$T/out.$f"
		"$GT" convert --to "$f" "$1" -o "$T/out.$f" 2>"$T/err" || fail "$f of $(basename "$1"): $(cat "$T/err")"
	done
}

totals()
{
	convert_all "$2"
	"$ORACLE" -events "$2" 2>/dev/null | grep '^M=' >"$T/events"
	"$py" tests/export/readback.py "$T" "$T/events" >"$T/said" || fail "$1: $(cat "$T/said")"
	echo "$1: $(cat "$T/said")"
}
