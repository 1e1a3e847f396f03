#!/bin/bash
# libgtrace.so must not import what allocates, locks, ends the host or has its own hooks in the host (style.md section 6).
# A real function is called through gt_real, the kernel through gt_sys_*.
cd "$(dirname "$0")/../.." || exit 1
so=${B:-build}/libgtrace.so
[ -f $so ] || { echo "no $so"; exit 1; }
bad=0
imports=$(nm -D --undefined-only $so | awk '{ print $NF }' | sed 's/@.*//' | sort -u)
for s in $imports; do
	case $s in
	malloc|free|calloc|realloc|reallocarray|memalign|posix_memalign|aligned_alloc|strdup|strndup|asprintf|vasprintf) why="allocates" ;;
	*printf|*printf_chk|fopen*|fclose|fwrite|fread|fput*|fget*|puts|putchar|fflush|perror|stdout|stderr|stdin|getline) why="stdio" ;;
	abort|exit|_exit|_Exit|quick_exit|__assert_fail|__assert|atexit|err|errx|__cxa_atexit) why="ends the host, or runs at its end" ;;
	getenv|secure_getenv|setenv|putenv|unsetenv) why="environment: not ready in the constructor" ;;
	localtime*|gmtime*|mktime|strftime|ctime*|asctime*|tzset|setlocale|newlocale|strerror*|strtod|iconv*|strcoll*) why="locale or time zone" ;;
	pthread_*|sem_*|mtx_*|cnd_*|call_once|thrd_*) why="goes through a hook, or locks" ;;
	read|write|open*|close|fcntl*|ioctl|poll|ppoll|select|nanosleep|usleep|sleep|fork|vfork|clone|execv*|wait*|kill|raise|sigaction|sigprocmask|signal) why="goes through a hook, sets errno: use gt_sys_*" ;;
	mmap*|munmap|mprotect|madvise|mremap|brk|sbrk|prctl|getpid|gettid|syscall|sched_yield|clock_gettime|gettimeofday|time) why="kernel: use gt_sys_*" ;;
	dlopen|dlmopen|dlclose|dl_iterate_phdr|dladdr*|dlerror) why="loader lock" ;;
	backtrace*|_Unwind_*|unw_*|__gcc_personality_v0) why="unwinder in the host" ;;
	__*_chk|__stack_chk_fail) why="fortify or stack protector" ;;
	qsort*|bsearch|rand*|random|strtok) why="not re-entrant" ;;
	*) continue ;;
	esac
	# Allowed, each for a reason:
	grep -qE "^$s( |$)" tests/lint/imports.allow && continue
	echo "imports $s ($why)"; bad=1
done
echo "imports:" $imports
exit $bad
