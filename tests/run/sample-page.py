#!/usr/bin/python3
"""Asks the page of `go tool trace` for its time line; prints "FUNCTION n" of the CPU samples' innermost functions."""
import collections, json, os, re, signal, subprocess, sys, urllib.request

# N.B. a session of its own: "go" starts the server as its child
server = subprocess.Popen(["go", "tool", "trace", "-http=127.0.0.1:0", sys.argv[1]], stderr=subprocess.PIPE, text=True, start_new_session=True)
try:
    url = None
    for line in server.stderr:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            url = found.group(0)
            break
    if not url:
        sys.exit("go tool trace gave no address")
    page = json.load(urllib.request.urlopen(url + "/jsontrace?view=thread", timeout=60))
finally:
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
samples = [e for e in page["traceEvents"] if e["name"] == "CPU profile sample"]
leaves = collections.Counter(page["stackFrames"][str(e["sf"])]["name"].split(":")[0] for e in samples)
for name, n in leaves.most_common():
    print(name, n)
