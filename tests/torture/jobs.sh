#!/bin/bash
# Job control on a terminal: Ctrl-C, Ctrl-Z and fg, a line typed, hang-up; as natively, and the file is whole.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/lib.sh"
need python3 bash
cat >"$T/jobs.py" <<'END'
import os, pty, sys, time, select, signal
lib, out, how = sys.argv[1:4]
pid, fd = pty.fork()
if pid == 0:
    if lib:
        os.environ["LD_PRELOAD"], os.environ["GTRACE_OUT"] = lib, out + "/%e.%p.%n.trace"
    os.environ["PS1"], os.environ["HISTFILE"] = "READY>", ""
    os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i"])
got = b""
def until(text, n=1):
    global got
    end = time.time() + 30
    while got.count(text) < n:
        if time.time() > end: sys.exit("no %r in %r" % (text, got))
        if select.select([fd], [], [], 0.1)[0]:
            try: got += os.read(fd, 4096)
            except OSError: return
def typed(s): os.write(fd, s)
def children(state):
    # the kernel says that sleep (not the shell) is in this state
    end = time.time() + 30
    while time.time() < end:
        for p in os.listdir("/proc"):
            if p.isdigit():
                try:
                    s = open("/proc/%s/stat" % p).read()
                    name, rest = s[s.index("(") + 1:s.rindex(")")], s[s.rindex(")") + 2:].split()
                    if name == "sleep" and int(rest[1]) == pid and rest[0] == state: return int(p)
                except OSError: pass
        time.sleep(0.01)
    sys.exit("sleep is not %s: %r" % (state, got))
until(b"READY>")
typed(b"sleep 100\n"); children("S"); typed(b"\x03"); until(b"READY>", 2)
typed(b"echo status $?\n"); until(b"status 130\r\n"); 
typed(b"sleep 1.5\n"); children("S"); typed(b"\x1a"); until(b"Stopped"); children("T")
typed(b"fg\n"); children("S"); until(b"READY>", 5)
typed(b"echo status $?\n"); until(b"status 0\r\n")
typed(b"read -r x; echo \"got <$x>\"\n"); typed(b"a line\n"); until(b"got <a line>\r\n")
typed(b"sleep 200 & jobs; kill %1; wait %1; echo status $?\n"); until(b"status 143\r\n")
if how == "hangup":
    typed(b"sleep 100\n"); c = children("S"); os.close(fd)
else:
    typed(b"exit 9\n")
_, st = os.waitpid(pid, 0)
if how == "hangup":
    end = time.time() + 20
    while os.path.exists("/proc/%d" % c) and time.time() < end: time.sleep(0.02)
    print("sleep is gone", not os.path.exists("/proc/%d" % c))
print("status", os.WEXITSTATUS(st) if os.WIFEXITED(st) else -os.WTERMSIG(st))
END
for how in exit hangup; do
	native=$(python3 "$T/jobs.py" "" "$T" $how 2>&1)
	case $native in *"no b'"*|*"is not"*) skip "natively: $native" ;; esac
	traced=$(python3 "$T/jobs.py" "$LIB" "$T" $how 2>&1)
	eq "$traced" "$native" "$how"
	echo "$native" | grep -q '^status' || fail "$how: $native"
	echo "$how: $(echo "$native" | tr '\n' ' ')"
	n=0
	for f in "$T"/*.trace; do judge "$f"; n=$((n + 1)); done
	[ $n -ge 4 ] || fail "$how: $n files"
	rm -f "$T"/*.trace*
done
done_ok
