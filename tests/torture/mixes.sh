#!/bin/bash
# Mixes of stress-ng's stressors while generations end all the time: no hang, no crash, no invalid file.
#   SECONDS_TO_RUN=20   in all; TOTAL=file to add the seconds done to
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
need stress-ng
for_s=${SECONDS_TO_RUN:-20}
mixes=(
	"--mutex 2 --sem 2 --futex 2"
	"--pthread 2 --tsc 1 --switch 2"
	"--fork 2 --vfork 1 --exec 1 --spawn 1"
	"--sigq 1 --sigfd 1 --sigsuspend 1 --kill 1 --timer 1"
	"--pipe 2 --poll 1 --epoll 1 --eventfd 1 --sock 1 --sock-port PORT"
	"--msg 1 --mq 1 --sem-sysv 1 --aio 1 --io-uring 1"
	"--malloc 1 --mmap 1 --futex 1 --clone 1"
	"--itimer 1 --nanosleep 1 --clock 1 --yield 1 --schedpolicy 1"
	"--flock 1 --lockf 1 --fcntl 1 --splice 1 --sendfile 1 --dup 1"
	"--zombie 1 --wait 1 --daemon 1 --sigsegv 1 --sigchld 1"
)
total=0 files=0 bytes=0
while [ $total -lt "$for_s" ]; do
	mix=${mixes[$((RANDOM % ${#mixes[@]}))]}
	mix=${mix/PORT/$((10000 + RANDOM % 20000))} # (runs side by side)
	s=$((1 + RANDOM % 4))
	mkdir "$T/w"
	cd "$T/w" || exit 1
	# shellcheck disable=SC2086
	GTRACE_OUT=$T/w/%p.%n.trace GTRACE_PERIOD=${PERIOD:-0} GTRACE_BUFFER=8M LD_PRELOAD=$LIB \
		timeout -k 5 $((s + 90)) stress-ng --temp-path . --oomable --verify -t $s $mix >out 2>err </dev/null
	rc=$?
	cd "$ROOT" || exit 1
	case $rc in
	0) ;;
	7) grep -q 'counter in non-ready state' "$T/w/err" || fail "$mix: $(grep -v info "$T/w/err" | head -5)" ;; # killed while it counted: natively once in 60 runs
	3) grep -q 'aborted early, out of system resources' "$T/w/err" || fail "$mix: $(grep -v info "$T/w/err" | head -5)" ;; # its time was over before its first thread
	*)
		(cd "$T/w" && timeout -k 5 $((s + 90)) stress-ng --temp-path . --oomable --verify -t $s $mix) >"$T/n" 2>&1 </dev/null
		eq $rc $? "$mix: status (natively, traced): $(grep -v info "$T/w/err" | head -5)" ;;
	esac
	# Every file is whole, also that of a process that was killed at birth.
	for f in "$T"/w/*.trace*; do
		case $f in *.json|*.err|*'*') continue ;; esac
		settle "$f" 60
		judge_now "$f" || { [ -z "${KEEP_BAD:-}" ] || cp "$f" "$KEEP_BAD"; fail "$mix: $(basename "$f"): $(head -3 "$f.err")"; }
		files=$((files + 1)) bytes=$((bytes + $(stat -c %s "$f")))
		rm -f "$f" "$f.json" "$f.err"
	done
	rm -rf "$T/w"
	total=$((total + s))
	echo "$total s: $mix"
done
echo "$total s in all, $files files, $((bytes >> 20)) MiB"
[ -z "${TOTAL:-}" ] || echo $total >>"$TOTAL"
done_ok
