#!/bin/sh
# The library as the loader sees it, and in processes that are strange before main().
#
#	library.sh LIBPLAT-MALLOC.SO ALLOC-SHADOW
set -u
library=$(realpath "$1") shadow=$(realpath "$2")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	[ "$1" -eq 0 ] || sed 's/^/# /' log
	[ "$1" -eq 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}

# without NAME PATTERN: the library needs no symbol like this; it may use one that is there anyway.
without()
{
	nm -D --undefined-only "$library" | awk '$1 == "U" { print $2 }' | sed 's/@.*//' >symbols
	! grep -E "^($2)\$" symbols >log
	result $? "$1"
}

# run COMMAND...: on the library, like under glibc's malloc
run()
{
	"$@" >wanted 2>&1
	wanted=$?
	LD_PRELOAD=$library "$@" >log 2>&1
	[ $? -eq "$wanted" ] && cmp wanted log >/dev/null
}

echo 1..12
without 'pages are asked for past wrappers that may allocate' \
	'mmap|mmap64|munmap|mremap|madvise|mprotect|brk|read|write|open'
without 'no thread is started' 'pthread_create|clone|clone3'
without 'no walker of stacks is needed, which may allocate and lock' \
	'_Unwind_.*|backtrace|dl_iterate_phdr|dladdr'
without 'nothing is done when the process exits' 'atexit|on_exit|__cxa_atexit'

readelf -lW "$library" | awk '$1 == "TLS" { print "bytes for each thread: " $6; print $6 > "size" }' >log
[ -s size ] && [ $(($(cat size))) -le 64 ] && ! grep -q '__tls_get_addr' symbols
result $? 'a thread needs few bytes, which are there before it begins'

readelf -dW "$library" >log && grep -q NODELETE log && ! readelf -rW "$library" | grep IRELATIV >>log
result $? 'it stays loaded, and needs no resolver'

cc -shared -fPIC -x c - -o wrappers.so <<'C'
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
void *mmap(void *a, size_t n, int p, int f, int fd, off_t o)
{
	free(malloc(64));
	return (void *)syscall(SYS_mmap, a, n, p, f, fd, o);
}
int munmap(void *a, size_t n)
{
	free(malloc(64));
	return (int)syscall(SYS_munmap, a, n);
}
int madvise(void *a, size_t n, int what)
{
	free(malloc(64));
	return (int)syscall(SYS_madvise, a, n, what);
}
C
LD_PRELOAD="$library ./wrappers.so" "$shadow" --seed 1 --seeds 1 --ops 20000 >log 2>&1
result $? 'wrappers of mmap and its like allocate'

cc -shared -fPIC -x c - -o auditor.so <<'C'
#define _GNU_SOURCE
#include <link.h>
#include <stdlib.h>
unsigned la_version(unsigned version)
{
	void *volatile p = malloc(1000);

	free(p);
	return version;
}
C
LD_AUDIT=./auditor.so LD_PRELOAD=$library "$shadow" --seed 1 --seeds 1 --ops 2000 >log 2>&1
result $? 'an auditor in a namespace of its own allocates'

# In a program's own resolver the library is not served yet: its threads' memory is not filled in.
cc -shared -fPIC -x c - -o libresolver.so <<'C' && echo 'int chosen(void); int main(void) { return chosen(); }' |
#include <stdlib.h>
static int seven(void)
{
	return 7;
}
static void *resolve(void)
{
	void *volatile p = malloc(100);

	free(p);
	return seven;
}
int chosen(void) __attribute__((ifunc("resolve")));
int via(void)
{
	return chosen();
}
C
	cc -x c - -L. -lresolver -Wl,-rpath,"$dir" -o resolver 2>log && run ./resolver
result $? 'a resolver in a library allocates while it is loaded'

# Its first call is to set something, and its first block comes later.
cc -x c - -o late 2>log <<'C'
#include <malloc.h>
#include <stdlib.h>
int main(void)
{
	void *p;

	mallopt(M_MMAP_MAX, 0);
	setenv("PLAT_HARD", "7", 1);
	p = malloc(1 << 20);
	return !p || mallinfo2().hblks > 0;
}
C
PLAT_GUARD=off PLAT_MMAP_MAX=9 LD_PRELOAD=$library ./late >log 2>&1 && [ ! -s log ]
result $? 'what a program sets before its first block is not undone by the environment'
PLAT_NOTHING=1 PLAT_HARD=maybe LD_PRELOAD=$library ./late 2>log
echo 'plat-malloc: PLAT_HARD=maybe: it cannot have this value
plat-malloc: PLAT_NOTHING=1: there is no such setting' >wanted
sort log | cmp - wanted >/dev/null
result $? 'what is wrong in the environment is told once'
PLAT_GUARD=off PLAT_SCRATCH=checked LD_PRELOAD=$library ./late >log 2>&1 && [ ! -s log ]
result $? "libplat's settings are no mistakes"
