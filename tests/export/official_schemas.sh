#!/bin/bash
# Perfetto's own protos (its wheel) and speedscope's own JSON schema (its npm package) accept what we write. Both come from
# registries: no network, no test.
. "$(dirname "$0")/../lib.sh"
. tests/export/lib.sh
need_readers
record GTRACE_MIN_WAIT=0 -- "$PROGS/pingpong" cond 300
eq "$status" 0 "exit status"
judge
missing=

# 1. Perfetto: every field is known to the full schema, and the message is the same when it writes it again.
"$GT" convert --to perfetto "$TRACE" -o "$T/o.pftrace" || fail perfetto
if timeout 120 "$py" -m pip install --quiet --target "$T/pip" perfetto protobuf >"$T/pip.log" 2>&1; then
	PYTHONPATH=$T/pip "$py" - "$T/o.pftrace" <<'END' || fail "Perfetto's schema"
import sys
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb
from google.protobuf.unknown_fields import UnknownFieldSet
raw = open(sys.argv[1], "rb").read()
trace = pb.Trace()
trace.ParseFromString(raw)
def walk(m, at):
    u = UnknownFieldSet(m)
    assert len(u) == 0, "%s: unknown field %d" % (at, u[0].field_number)
    for field, v in m.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for x in v if field.is_repeated else [v]:
                walk(x, at + "." + field.name)
kinds = set()
for p in trace.packet:
    walk(p, "packet")
    kinds |= {f.name for f, _ in p.ListFields()}
want = {"track_event", "ftrace_events", "interned_data", "track_descriptor", "clock_snapshot", "trace_packet_defaults"}
assert want <= kinds, "no " + ", ".join(want - kinds)
names = [e.name for p in trace.packet for e in p.interned_data.event_names]
assert any(n.startswith("wait") for n in names), names
assert {p.thread.thread_name for p in (x.track_descriptor for x in trace.packet) if p.HasField("thread")} >= {"ping", "pong"}
print("perfetto: %d packets" % len(trace.packet))
END
else
	missing="no perfetto wheel ($(tail -1 "$T/pip.log" | cut -c1-100))"
fi

# 2. speedscope: its published schema.
"$GT" convert --to speedscope "$TRACE" -o "$T/o.speedscope" || fail speedscope
if command -v npm >/dev/null && (cd "$T" && timeout 120 npm pack --silent speedscope >/dev/null 2>npm.log) &&
	"$py" -c 'import jsonschema' 2>/dev/null; then
	tar xzf "$T"/speedscope-*.tgz -C "$T" package/dist/release/file-format-schema.json || fail "the package has no schema"
	"$py" - "$T/package/dist/release/file-format-schema.json" "$T/o.speedscope" <<'END' || fail "speedscope's schema"
import json, sys, jsonschema
schema, data = (json.load(open(f)) for f in sys.argv[1:3])
jsonschema.validate(data, schema)
data["profiles"][0]["events"][0]["frame"] = "x"
try:
    jsonschema.validate(data, schema)
    sys.exit("the schema takes anything")
except jsonschema.ValidationError:
    print("speedscope: %d profiles" % len(data["profiles"]))
END
else
	missing="$missing no speedscope package or python3-jsonschema"
fi
[ -z "$missing" ] || skip "$missing; the rest passed"
done_ok
