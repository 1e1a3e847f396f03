#!/bin/bash
# dlopen and dlmopen keep their caller: plugins are found by $ORIGIN, of the program and of a library; each with its
# namespace; a failing dlopen leaves its message; deep binding stays what it is.
. "$(dirname "$0")/../lib.sh"
need gcc
cd "$T" || exit 1
mkdir -p lib/plugins alone
cat >plugin.c <<'C'
#include <unistd.h>
#ifdef DEEP
int getpagesize(void) { return 5; }
#endif
int plugin(void) { return getpagesize(); }
C
cat >host.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
/* finds a plugin by the run path of the library that asks, not by the program's */
void *find(const char *name) { return dlopen(name, RTLD_NOW); }
C
cat >prog.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
void *find(const char *name);
int getpagesize(void) { return 7; }
static void show(const char *what, void *lib)
{
	int (*fn)(void) = lib ? (int (*)(void))dlsym(lib, "plugin") : NULL;
	printf("%s: %d\n", what, fn ? fn() : -1);
}
int main(void)
{
	show("program's own", dlopen("alone.so", RTLD_NOW));
	show("library's, asked by the program", dlopen("plugin.so", RTLD_NOW));
	printf("error: %s\n", dlerror());
	show("library's", find("plugin.so"));
	show("loaded already", dlopen("plugin.so", RTLD_NOW | RTLD_NOLOAD));
	show("deep", dlopen("deep.so", RTLD_NOW | RTLD_DEEPBIND));
	printf("itself: %d\n", dlopen(NULL, RTLD_NOW) != NULL);
	Lmid_t ns = -1;
	void *other = dlmopen(LM_ID_NEWLM, "alone.so", RTLD_NOW);
	printf("namespace: %d %d\n", other && dlinfo(other, RTLD_DI_LMID, &ns) == 0, ns != LM_ID_BASE);
	printf("closed: %d\n", other ? dlclose(other) : -1);
	return 0;
}
C
gcc -shared -fPIC -o alone/alone.so plugin.c && gcc -shared -fPIC -o lib/plugins/plugin.so plugin.c &&
	gcc -DDEEP -shared -fPIC -o alone/deep.so plugin.c &&
	gcc -shared -fPIC -o lib/libhost.so host.c -ldl '-Wl,-rpath,$ORIGIN/plugins' &&
	gcc -o prog prog.c -rdynamic -Llib -lhost -ldl '-Wl,-rpath,$ORIGIN/alone:$ORIGIN/lib' || skip "cannot build a plugin"
./prog >want || fail "natively: $(cat want)"
grep -q '^library.s: 7' want || fail "natively the plugin is not found: $(cat want)"
record -- ./prog
eq "$status" 0 "exit status"
cmp -s want stdout || fail "differs: $(diff want stdout)"
judge
eq "$(count "$TRACE" dlopen) $(count "$TRACE" dlmopen) $(count "$TRACE" dlclose)" "6 1 1" "calls"
done_ok
