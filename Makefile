# gtrace: one Makefile, no recursion into folders. `make help` lists the targets.
#
# Everything built lies under build/. Folders may be empty: what is not there is not built.
#   CC=clang  SAN=address,undefined  SAN=thread  V=1  WERROR=1 (or CI=true)  PREFIX=  DESTDIR=

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
CXX     ?= g++
AR      ?= ar
GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

comma   := ,
VARIANT := $(if $(SAN),$(subst $(comma),-,$(SAN)))
# B holds what is used, O the objects. A sanitizer has a B of its own.
B       := build$(if $(VARIANT),/$(VARIANT))
O       := $(B)/obj
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

# ---------------------------------------------------------------- flags

ifneq ($(filter true 1 yes,$(CI) $(WERROR)),)
# (whether a value may be uninitialized is the optimiser's guess: a warning)
WERR    := -Werror -Wno-error=maybe-uninitialized
endif
CFLAGS  ?= -O2 -g
C_STD   := -std=gnu17 -D_GNU_SOURCE -I. -Iinclude -pthread
C_WARN  := -Wall -Wextra -Wshadow -Wundef -Wvla -Wformat=2 -Wwrite-strings -Wstrict-prototypes \
           -Wmissing-prototypes $(WERR)
C_ALL   := $(C_STD) $(C_WARN) $(CFLAGS) -DGT_VERSION='"$(VERSION)"'
C_SAN   := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
           $(if $(filter thread,$(SAN)),-Wno-tsan)
# The library: see docs/DESIGN.md and style.md for the reason of each. No sanitizer: it would need a
# run-time library in the host.
C_LIB   := -DGT_PRELOAD -fPIC -fvisibility=hidden -ftls-model=initial-exec -fexceptions \
           -fasynchronous-unwind-tables -fno-builtin-malloc -fno-stack-protector -U_FORTIFY_SOURCE
IS_GCC  := $(shell $(CC) --version 2>/dev/null | grep -c 'Free Software')
C_STACK := $(if $(filter 1,$(IS_GCC)),-Wstack-usage=1024)
LD_LIB  := -shared -nodefaultlibs -Wl,-z,defs,-z,now,-z,nodelete,-z,relro -Wl,-Bsymbolic-functions \
           -Wl,-soname,libgtrace.so
L_LIB   := -lgcc -lc
# Names and lines (tools/symbol, tools/lib/demangle.c): without these libraries the rest still works. Only the
# command links them, never the library.
has_dw      := $(wildcard /usr/include/elfutils/libdwfl.h /usr/local/include/elfutils/libdwfl.h)
has_iberty  := $(wildcard /usr/include/libiberty/demangle.h /usr/local/include/libiberty/demangle.h)
C_SYM   := $(if $(has_dw),-DGT_HAS_DW) $(if $(has_iberty),-DGT_HAS_IBERTY)
L_SYM   := $(if $(has_dw),-ldw -lelf) $(if $(has_iberty),-liberty)
# Exports to Perfetto and pprof: code made from schemas by protoc-c. Without it those formats are left out.
has_protobuf := $(and $(shell command -v protoc-c 2>/dev/null),$(wildcard /usr/include/protobuf-c/protobuf-c.h \
           /usr/local/include/protobuf-c/protobuf-c.h),$(wildcard /usr/include/zlib.h /usr/local/include/zlib.h))
C_SYM   += $(if $(has_protobuf),-DGT_HAS_PROTOBUF -I$(O)/schema)
L_SYM   += $(if $(has_protobuf),-lprotobuf-c -lz)
C_CLI   := -U_FORTIFY_SOURCE $(if $(SAN),,-D_FORTIFY_SOURCE=2) $(C_SYM)
L_CLI   ?=
# Code under test: the library's modules without what only makes sense when preloaded.
C_TEST  := -DGT_TEST -U_FORTIFY_SOURCE -fexceptions -fno-builtin-malloc $(C_SYM)
L_TEST  := -ldl $(L_SYM)

# ---------------------------------------------------------------- files

encoder_c := $(wildcard encoder/*.c)
preload_c := $(wildcard preload/*.c)
preload_S := $(wildcard preload/*.S)
needs_pb  := $(if $(has_protobuf),,tools/export/perfetto%.c tools/export/pprof%.c)
tools_c   := $(filter-out $(needs_pb),$(wildcard tools/*.c tools/*/*.c))
schemas   := $(if $(has_protobuf),$(wildcard tools/export/schema/*.proto))
headers   := $(wildcard include/gtrace/* encoder/*.h preload/*.h preload/*.def tools/*.h tools/*.def tools/*/*.h)

lib_o   := $(encoder_c:%.c=$(O)/lib/%.o) $(preload_c:%.c=$(O)/lib/%.o) $(preload_S:%.S=$(O)/lib/%.S.o)
# Code made from schemas lies in $(O)/schema, under the path of the schema.
schema_c := $(schemas:%.proto=$(O)/schema/%.pb-c.c)
schema_o := $(schema_c:%.c=%.o)
cli_o   := $(encoder_c:%.c=$(O)/cli/%.o) $(tools_c:%.c=$(O)/cli/%.o) $(schema_o)
core_c  := $(encoder_c) $(filter-out preload/hook_%.c,$(preload_c)) $(filter-out tools/gtrace.c,$(tools_c))
core_o  := $(core_c:%.c=$(O)/test/%.o) $(O)/test/tests/judge/stack_slow.o $(schema_o)

# Where Criterion or a C++ compiler is missing, those tests are skipped, not the whole build.
has_criterion := $(wildcard /usr/include/criterion/criterion.h /usr/local/include/criterion/criterion.h)
has_libdw := $(wildcard /usr/include/elfutils/libdw.h)
has_cxx := $(shell command -v $(CXX) 2>/dev/null)
unit    := $(if $(has_criterion),$(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c)))
stress  := $(patsubst %.c,$(B)/%,$(wildcard tests/stress/*.c))
fuzz    := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
golden  := $(patsubst %.c,$(B)/%,$(wildcard tests/golden/*.c tests/reader/*.c))
sweep   := $(if $(has_libdw),$(B)/tests/sweep/sweep)
bench   := $(B)/bench/bench $(B)/bench/nohooks $(B)/bench/null.so
has_sqlite := $(wildcard /usr/include/sqlite3.h)
matrix  := $(patsubst %.c,$(B)/%,$(filter-out $(if $(has_sqlite),,%/sqlite.c),$(wildcard tests/matrix/*.c))) $(if $(has_cxx),$(patsubst %.cc,$(B)/%,$(wildcard tests/matrix/*.cc)))
progs   := $(patsubst %.c,$(B)/%,$(wildcard tests/same/*.c tests/run/*.c tests/torture/*.c examples/*.c)) \
           $(if $(has_cxx),$(patsubst %.cc,$(B)/%,$(wildcard tests/same/*.cc tests/run/*.cc tests/torture/*.cc)))

.PHONY: all help check sweep bench-stack bench-reader test lint format docs demo bench stress torture matrix fuzz analyze ci clean install \
        deps deps-demo deps-test test-programs FORCE

ifeq ($(VARIANT),)
all: $(B)/libgtrace.so $(B)/gtrace
else
all: $(B)/gtrace
endif

# ---------------------------------------------------------------- objects

# Written again only when the flags change; all objects depend on it.
flags_text := $(CC) $(CXX) $(C_ALL) | $(C_SAN) | $(C_LIB) $(C_STACK) $(LD_LIB) | $(C_CLI) $(L_CLI) | $(C_TEST)
$(O)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(flags_text))' >$@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(O)/lib/encoder/%.o: encoder/%.c $(O)/flags
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(C_ALL) $(C_LIB) $(C_STACK) -Wconversion -MMD -MP -c -o $@ $<
$(O)/lib/%.o: %.c $(O)/flags
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(C_ALL) $(C_LIB) $(C_STACK) -MMD -MP -c -o $@ $<
$(O)/lib/%.S.o: %.S $(O)/flags
	$(call say,AS,$<)mkdir -p $(@D) && $(CC) $(C_STD) $(C_LIB) $(CFLAGS) -MMD -MP -c -o $@ $<
$(O)/cli/encoder/%.o: encoder/%.c $(O)/flags
	$(call say,CC,$< (cli))mkdir -p $(@D) && $(CC) $(C_ALL) $(C_CLI) $(C_SAN) -Wconversion -MMD -MP -c -o $@ $<
$(O)/cli/%.o: %.c $(O)/flags
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(C_ALL) $(C_CLI) $(C_SAN) -MMD -MP -c -o $@ $<
$(O)/test/preload/%.o: preload/%.c $(O)/flags
	$(call say,CC,$< (test))mkdir -p $(@D) && $(CC) $(C_ALL) -DGT_PRELOAD $(C_TEST) $(C_SAN) -MMD -MP -c -o $@ $<
$(O)/test/%.o: %.c $(O)/flags
	$(call say,CC,$< (test))mkdir -p $(@D) && $(CC) $(C_ALL) $(C_TEST) $(C_SAN) -MMD -MP -c -o $@ $<

# N.B. made before anything that includes the headers; -w: not our code
$(schema_c): $(O)/schema/%.pb-c.c: %.proto
	$(call say,PROTOC,$<)mkdir -p $(O)/schema && protoc-c --c_out=$(O)/schema $<
$(schema_o): %.o: %.c $(O)/flags
	$(call say,CC,$(notdir $<))$(CC) $(C_STD) $(CFLAGS) $(C_SYM) $(C_SAN) -w -c -o $@ $<
pb_o := $(foreach d,cli test,$(patsubst %.c,$(O)/$(d)/%.o,$(wildcard tools/export/p*.c)))
$(pb_o): | $(schema_c)

# ---------------------------------------------------------------- products

# Names of all rows of hooks.def, by the preprocessor, for lint: exports are exactly these, by visibility.
$(O)/hooks.txt: tests/lint/hooks.h $(wildcard preload/hooks.def) $(O)/flags
	$(Q)mkdir -p $(@D); if [ -f preload/hooks.def ]; then \
		$(CC) $(C_STD) -E -P -x c tests/lint/hooks.h | tr ';' '\n' | \
		sed -n 's/^.*@hook *\([A-Za-z0-9_]*\) *$$/\1/p' | sort -u; fi >$@
# Exported is what is GT_EXPORT (all else is hidden), without a version, so that it answers for every version that a
# program may ask for. Only the five old condition-variable functions have one, and an anonymous node (with a list of
# names) may not stand beside a named one: therefore tests/lint/exports.sh compares with hooks.txt instead.
# N.B. -nodefaultlibs: libgcc_s must not become NEEDED, and a static libgcc_eh would import
# _dl_find_object@GLIBC_2.35. What the unwinder needs is in preload/.
$(B)/libgtrace.so: $(lib_o) preload/versions.map $(O)/hooks.txt
	$(call say,LD,$@)if [ -z '$(strip $(preload_c))' ]; then echo 'no preload/*.c yet'; else \
		$(CC) $(LD_LIB) -Wl,--version-script=preload/versions.map -o $@ $(lib_o) $(L_LIB); fi

# For tests/torture/fault.sh: the same library, but its own kernel calls can fail.
fault_o := $(filter-out %/sys.o,$(lib_o)) $(O)/fault/sys.o $(O)/fault/fault.o
$(O)/fault/sys.o: preload/sys.c $(O)/flags
	$(call say,CC,$< (fault))mkdir -p $(@D) && $(CC) $(C_ALL) $(C_LIB) -DGT_TEST -MMD -MP -c -o $@ $<
$(O)/fault/fault.o: tests/torture/fault.inc $(O)/flags
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(C_ALL) $(C_LIB) -MMD -MP -c -o $@ -x c $<
$(B)/fault/libgtrace.so: $(fault_o) preload/versions.map
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(LD_LIB) -Wl,--version-script=preload/versions.map -o $@ $(fault_o) $(L_LIB)
.PHONY: fault-library
fault-library: $(B)/fault/libgtrace.so
# The same library with a judge inside: stacks are captured twice, in two ways, and compared (tests/torture/stacks.sh).
judge_o := $(filter-out $(O)/lib/preload/stack.o,$(lib_o)) $(O)/judge/preload/stack.o $(O)/judge/tests/judge/stack_slow.o
$(O)/judge/%.o: %.c $(O)/flags
	$(call say,CC,$< (judge))mkdir -p $(@D) && $(CC) $(C_ALL) $(C_LIB) -DGT_JUDGE -MMD -MP -c -o $@ $<
$(B)/judge/libgtrace.so: $(judge_o) preload/versions.map
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(LD_LIB) -Wl,--version-script=preload/versions.map -o $@ $(judge_o) $(L_LIB)

$(B)/gtrace: $(cli_o)
	$(call say,LD,$@)if [ ! -f tools/gtrace.c ]; then echo 'no tools/gtrace.c yet'; else \
		$(CC) $(CFLAGS) $(C_SAN) -pthread -o $@ $(cli_o) $(L_SYM) $(L_CLI); fi

# ---------------------------------------------------------------- test programs

# One archive of all modules: a test gets what it names. `q` keeps equal file names of two folders.
$(O)/test/core.a: $(core_o)
	$(call say,AR,$@)mkdir -p $(@D) && rm -f $@ && $(AR) qcs $@ $(core_o)

$(unit): $(B)/%: %.c $(O)/test/core.a $(O)/flags
	$(call say,TEST,$@)mkdir -p $(@D) && $(CC) $(C_ALL) -Wno-missing-prototypes -Wno-shadow -Wno-discarded-qualifiers $(C_TEST) $(C_SAN) \
		-MMD -MP -MF $@.d -o $@ $< $(O)/test/core.a -lcriterion $(L_TEST)
$(stress) $(fuzz) $(golden): $(B)/%: %.c $(O)/test/core.a $(O)/flags
	$(call say,TEST,$@)mkdir -p $(@D) && $(CC) $(C_ALL) $(C_TEST) $(C_SAN) \
		-MMD -MP -MF $@.d -o $@ $< $(O)/test/core.a $(L_TEST)
$(sweep): $(B)/%: %.c $(O)/test/core.a $(O)/flags
	$(call say,TEST,$@)mkdir -p $(@D) && $(CC) $(C_ALL) $(C_TEST) $(C_SAN) \
		-MMD -MP -MF $@.d -o $@ $< $(O)/test/core.a -ldw -lelf $(L_TEST)
# Programs to be traced: no flags of ours, they stand for anybody's. Never sanitized.
# Some of them pass bad arguments on purpose.
C_PROG  := -O2 -g -D_GNU_SOURCE -I. -Iinclude -pthread -Wall -Wno-nonnull -Wno-stringop-overflow \
           -Wno-array-bounds $(WERR)
$(B)/tests/same/%: tests/same/%.c
	$(call say,PROG,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -MMD -MP -MF $@.d -o $@ $< -ldl -lm
$(B)/tests/run/%: tests/run/%.c
	$(call say,PROG,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -MMD -MP -MF $@.d -o $@ $< -ldl -lm
$(B)/examples/%: examples/%.c
	$(call say,PROG,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -fno-optimize-sibling-calls -MMD -MP -MF $@.d -o $@ $<
$(B)/tests/torture/%: tests/torture/%.c
	$(call say,PROG,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -MMD -MP -MF $@.d -o $@ $< -ldl -lm
$(B)/tests/same/%: tests/same/%.cc
	$(call say,PROG,$@)mkdir -p $(@D) && $(CXX) $(C_PROG) -std=c++20 -MMD -MP -MF $@.d -o $@ $<
$(B)/tests/run/%: tests/run/%.cc
	$(call say,PROG,$@)mkdir -p $(@D) && $(CXX) $(C_PROG) -std=c++20 -MMD -MP -MF $@.d -o $@ $<
# Two libraries that differ in every frame, to be mapped one after the other at the same place.
$(B)/tests/torture/stacks-%.so: tests/torture/stacks-lib.inc $(O)/flags
	$(call say,PROG,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -shared -fPIC -DVARIANT=$* -x c -o $@ $<
$(B)/tests/torture/%: tests/torture/%.cc
	$(call say,PROG,$@)mkdir -p $(@D) && $(CXX) $(C_PROG) -std=c++20 -MMD -MP -MF $@.d -o $@ $< -ldl
$(B)/tests/matrix/%: tests/matrix/%.c
	$(call say,PROG,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -MMD -MP -MF $@.d -o $@ $< $(if $(filter %/sqlite,$@),-lsqlite3)
$(B)/tests/matrix/%: tests/matrix/%.cc
	$(call say,PROG,$@)mkdir -p $(@D) && $(CXX) $(C_PROG) -std=c++20 -MMD -MP -MF $@.d -o $@ $<
# Measuring programs likewise: the driver with the works that it runs, the library's own objects without hooks, and a
# twin of the library that does nothing.
bench_h := $(wildcard bench/*.h bench/*.def)
bench_c := $(filter-out bench/nohooks.c bench/null.c bench/stack.c bench/bigtrace.c bench/reader.c,$(wildcard bench/*.c))
bench_o := $(filter-out $(O)/lib/preload/hook_%,$(lib_o))
$(B)/bench/bench: $(bench_c) $(bench_h) $(O)/flags
	$(call say,BENCH,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -o $@ $(bench_c)
$(B)/bench/nohooks: bench/nohooks.c bench/harness.c $(bench_h) $(bench_o)
	$(call say,BENCH,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -DGT_PRELOAD -o $@ $(filter-out %.h %.def,$^) -ldl
$(B)/bench/stack: bench/stack.c bench/harness.c $(bench_h) $(bench_o)
	$(call say,BENCH,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -DGT_PRELOAD -o $@ $(filter-out %.h %.def,$^) -lunwind -ldl
# A big made-up trace, and who reads it how fast.
$(B)/bench/bigtrace: bench/bigtrace.c $(encoder_c) $(O)/flags
	$(call say,BENCH,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -o $@ $(filter %.c,$^)
$(B)/bench/reader: bench/reader.c $(O)/flags
	$(call say,BENCH,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -o $@ $<
$(B)/bench/null.so: bench/null.c $(O)/flags
	$(call say,BENCH,$@)mkdir -p $(@D) && $(CC) $(C_PROG) -std=gnu17 -shared -fPIC -fvisibility=hidden -Wl,-z,now \
		-o $@ $< -ldl
.PHONY: examples
examples: all $(patsubst %.c,$(B)/%,$(wildcard examples/*.c))
.PHONY: answers
answers: examples
	$(Q)examples/answers.sh
test-programs: $(progs) $(B)/bench/bigtrace $(B)/judge/libgtrace.so $(B)/tests/torture/stacks-1.so $(B)/tests/torture/stacks-2.so $(B)/oracle.ok $(if $(VARIANT),,fault-library)

# Go's reader as judge. Never fails: build/oracle.ok says why where there is no oracle.
$(B)/oracle.ok: $(wildcard tests/oracle/*.go tests/oracle/go.mod tests/oracle/go.sum) tests/oracle/build.sh
	$(call say,GO,$(B)/oracle)mkdir -p $(@D) && GO='$(GO)' tests/oracle/build.sh $(abspath $(B))/oracle >$@

# ---------------------------------------------------------------- targets

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))

#: make                 build/libgtrace.so and build/gtrace
#: make demo            install what is missing, record redis under load, show what to type next
#: make test            install what is missing, run everything that must pass
#: make examples        build/examples: programs with a known problem (docs/ANSWERS.md)
#: make answers         runs them and writes docs/ANSWERS.md anew
#: make check           unit, golden, same and run tests (nothing is installed)
#: make lint            format, includes, exports, imports, docs in sync, lengths
#: make docs            write docs/FORMAT.md HOOKS.md CONFIG.md EXPORTS.md from the tables
#: make format          clang-format all C files
#: make stress | torture | fuzz     longer tests; N=, SECONDS= as the scripts say
#: make matrix          real programs: same results, valid files, slowdown; writes docs/MATRIX.md (K=regex: some)
#: make sweep           every pc of libc, python3, redis, ...: our unwind rules against libdw's
#: make bench           costs, native and traced; writes bench/RESULTS.md
#: make bench-reader    a trace of BIG=1G, made up: time and memory of our reader beside Go's
#: make bench-stack     a stack by memo, rules, frame pointers, glibc, libunwind; means of all stacks of real programs
#: make analyze         clang-tidy, -fanalyzer, cppcheck (what is there)
#: make install         PREFIX=/usr/local DESTDIR=
#: make deps deps-demo deps-test    install Debian packages for building, the demo, the tests
#: make clean
#: variables: CC= SAN=address,undefined SAN=thread V=1 WERROR=1 CI=true

check: all $(unit) $(golden) test-programs
	$(Q)B=$(B) tests/run-all unit golden same run

# The tests run after the packages are there, so make starts anew in between.
test:
	$(Q)tests/deps.sh build test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) test-all
.PHONY: test-all
test-all: all $(unit) $(golden) $(stress) $(sweep) test-programs $(B)/fuzz-programs $(B)/thread-programs
	$(Q)B=$(B) tests/run-all lint oracle unit golden sweep same run export thread stress fuzz reader torture demo

lint: all
	$(Q)B=$(B) tests/run-all lint

format:
	$(Q)clang-format-14 -i $$(find encoder preload tools tests bench examples include \
		\( -name '*.c' -o -name '*.h' \) -not -path '*/oracle/*')

docs:
	$(Q)CC='$(CC)' tests/lint/gendocs.sh docs

demo:
	$(Q)tests/deps.sh build demo
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)examples/demo.sh

sweep: all $(sweep) test-programs
	$(Q)tests/sweep/sweep.sh
stress: $(stress)
	$(Q)B=$(B) tests/run-all stress
torture: all test-programs
	$(Q)B=$(B) tests/run-all torture
# K=regex: only these rows (then docs/MATRIX.md stays as it is)
matrix:
	$(Q)tests/deps.sh build test matrix
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all $(B)/oracle.ok $(matrix)
	$(Q)B=$(B) tests/matrix/run $(if $(K),-k '$(K)',-o docs/MATRIX.md)
# Fuzzing always with sanitizers, in their own variant.
.PHONY: $(B)/fuzz-programs fuzz-programs
fuzz-programs: $(fuzz)
$(B)/fuzz-programs:
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined fuzz-programs
# Races: the same programs under ThreadSanitizer.
.PHONY: $(B)/thread-programs stress-programs
stress-programs: $(stress)
$(B)/thread-programs:
	$(Q)$(MAKE) --no-print-directory SAN=thread stress-programs
fuzz: $(B)/fuzz-programs
	$(Q)B=$(B) tests/run-all fuzz
bench: all $(bench)
	$(Q)BENCH_RESULTS=bench/RESULTS.md $(B)/bench/bench && cat bench/notes.md >>bench/RESULTS.md
bench-stack: all $(B)/bench/stack $(B)/judge/libgtrace.so
	$(Q)tests/deps.sh build bench
	$(Q)$(B)/bench/stack; a=$$?; B=$(B) bench/stackmeans.sh && exit $$a
# BIG=1G: how big; needs Go. The file stays in build/bench for the next time.
BIG     ?= 1G
bench-reader: all $(B)/bench/bigtrace $(B)/bench/reader $(B)/oracle.ok
	$(Q)[ -e $(B)/bench/$(BIG).trace ] || $(B)/bench/bigtrace $(B)/bench/$(BIG).trace $(BIG)
	$(Q)$(B)/bench/reader $(B)/gtrace $(B)/oracle $(B)/bench/$(BIG).trace

analyze:
	$(Q)CC='$(CC)' tests/lint/analyze '$(C_ALL)'

ci: test analyze

deps:
	@tests/deps.sh build
deps-demo:
	@tests/deps.sh build demo
deps-test:
	@tests/deps.sh build test

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/gtrace $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 755 $(B)/gtrace $(DESTDIR)$(PREFIX)/bin/gtrace
	install -m 755 $(B)/libgtrace.so $(DESTDIR)$(PREFIX)/lib/gtrace/libgtrace.so
	printf 'prefix=%s\nlibdir=$${prefix}/lib/gtrace\nincludedir=$${prefix}/include\n\nName: gtrace\nDescription: traces multi-threaded programs into Go execution traces\nVersion: %s\nCflags: -I$${includedir}\n' \
		'$(PREFIX)' '$(VERSION)' >$(DESTDIR)$(PREFIX)/lib/pkgconfig/gtrace.pc
	if [ -f include/gtrace/gtrace.h ]; then install -d $(DESTDIR)$(PREFIX)/include/gtrace && \
		install -m 644 include/gtrace/gtrace.h $(DESTDIR)$(PREFIX)/include/gtrace/; fi

clean:
	rm -rf build

FORCE:

-include $(shell find $(O) $(B)/tests $(B)/bench $(B)/examples -name '*.d' 2>/dev/null)
