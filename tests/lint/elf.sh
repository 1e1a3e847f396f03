#!/bin/bash
# What the loader sees of libgtrace.so (interposition.md, traps 4, 6, 7).
cd "$(dirname "$0")/../.." || exit 1
so=${B:-build}/libgtrace.so
[ -f $so ] || { echo "no $so"; exit 1; }
bad=0
complain() { echo "$1"; bad=1; }
dyn=$(readelf -dW $so)
needed=$(echo "$dyn" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')
[ "$needed" = "libc.so.6 " ] || complain "NEEDED is '$needed', must be libc.so.6 only"
echo "$dyn" | grep -q 'BIND_NOW' || complain "no BIND_NOW"
echo "$dyn" | grep 'FLAGS_1' | grep -q 'NOW' || complain "FLAGS_1 without NOW"
# Our constructor calls dlopen; before libc's own constructors that would leave environ empty (docs/DESIGN.md).
! echo "$dyn" | grep 'FLAGS_1' | grep -q 'INITFIRST' || complain "INITFIRST"
echo "$dyn" | grep 'FLAGS_1' | grep -q 'NODELETE' || complain "no NODELETE"
echo "$dyn" | grep -w 'FLAGS' | grep -q 'STATIC_TLS' || complain "no STATIC_TLS: the thread-local is not initial-exec"
echo "$dyn" | grep -q 'TEXTREL' && complain "TEXTREL"
echo "$dyn" | grep -qE 'RPATH|RUNPATH' && complain "RPATH/RUNPATH"
tls=$(readelf -lW $so | awk '$1 == "TLS" { print $6 }')
[ $((${tls:-0})) -le 256 ] || complain "PT_TLS is $((tls)) bytes, 256 at most"
readelf -lW $so | grep -q 'GNU_STACK.*RWE' && complain "executable stack"
top=$(objdump -T $so | grep -F '*UND*' | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
[ "$(printf '%s\n' "${top:-GLIBC_2.2.5}" GLIBC_2.17 | sort -V | tail -1)" = GLIBC_2.17 ] ||
	complain "imports up to $top, at most GLIBC_2.17: $(objdump -T $so | grep -F "$top" | grep -F '*UND*' | awk '{ print $NF }' | tr '\n' ' ')"
echo "TLS $((${tls:-0})) bytes, highest import ${top:-none}"
exit $bad
