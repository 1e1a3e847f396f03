#!/bin/bash
# The heap metric: bytes in use rise to what the program holds and fall again; at most 100 events a second.
. "$(dirname "$0")/../lib.sh"
record -- "$PROGS/heap"
eq "$status" 0 "exit status"
judge
M='.metrics["/memory/classes/heap/objects:bytes"]'
fact "$M.max >= 33554432 and $M.max < 60000000"
fact "$M.last < 8000000"
fact "$M.count <= .duration_ns / 10000000 + 2 + (.wire.generations | length)"
done_ok
