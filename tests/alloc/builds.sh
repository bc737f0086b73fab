#!/bin/sh
# The library as others build it: by one line for cc, into static programs, for other processors.
#
#	builds.sh LIBPLAT-MALLOC.A
#
# What cannot be built here for lack of a compiler is skipped.
set -u
archive=$(realpath "$1")
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		sed 's/^/# /' "$dir/log"
		echo "not ok $n - $2"
	fi
}

skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP there is no $2"
}

# shellcheck source=tests/compilers.sh
. tests/compilers.sh

# Runs the family's tests on the library. shared NAME RUNNER COMMAND...
shared()
{
	name=$1 runner=$2
	shift 2
	"$@" -shared -fPIC -Isrc src/alloc/*.c -o "$dir/malloc.so" >"$dir/log" 2>&1 &&
		"$@" -w -O1 -D_GNU_SOURCE -fno-builtin -Itests tests/alloc/names.c \
			tests/check.c -o "$dir/names" -pthread -ldl >>"$dir/log" 2>&1 &&
		case $runner in
		'') LD_PRELOAD="$dir/malloc.so" "$dir/names" >>"$dir/log" 2>&1 ;;
		*) $runner -E "LD_PRELOAD=$dir/malloc.so" "$dir/names" >>"$dir/log" 2>&1 ;;
		esac && ! grep -q SKIP "$dir/log" # as it is without the library
	result $? "$name"
}

# static NAME ARCHIVE COMMAND...
static()
{
	name=$1 from=$2
	shift 2
	"$@" -w -O1 -fno-builtin tests/alloc/static.c "$from" -o "$dir/static" -pthread \
		>"$dir/log" 2>&1 &&
		"$dir/static" >>"$dir/log" 2>&1 &&
		! nm "$dir/static" | grep -E ' (_int_malloc|__libc_malloc_impl)$' >>"$dir/log"
	result $? "$name"
}

# Compiles the files of the library one by one. archive_of COMMAND...
archive_of()
{
	rm -rf "$dir/objects" "$dir/other.a"
	mkdir "$dir/objects"
	for file in src/alloc/*.c; do
		case $file in *_shared.c) continue ;; esac
		"$@" -O1 -fPIC -Isrc -c "$file" -o "$dir/objects/${file##*/}.o" || return 1
	done
	ar rcs "$dir/other.a" "$dir"/objects/*.o
}

echo 1..8
shared 'one line for cc makes the library' '' cc -O2
if can clang; then
	shared 'one line for clang makes the library' '' clang -O1
else
	skip 'one line for clang makes the library' clang
fi
static 'static with glibc' "$archive" cc -static
static 'static and position-independent' "$archive" cc -static-pie
if can musl-gcc -static; then
	static 'static with musl' "$archive" musl-gcc -static
	archive_of musl-gcc >"$dir/log" 2>&1
	static 'built and static with musl' "$dir/other.a" musl-gcc -static
else
	skip 'static with musl' musl-gcc
	skip 'built and static with musl' musl-gcc
fi
# Debian's cross compilers are not there at the same time as gcc-multilib, but its parts are.
if can cc -m32 -idirafter /usr/include/x86_64-linux-gnu; then
	# A size is 32 bits there: what is compared with a larger number says nothing.
	shared 'for 32-bit x86' '' cc -O1 -Werror=type-limits -m32 \
		-idirafter /usr/include/x86_64-linux-gnu
else
	skip 'for 32-bit x86' 'cc -m32'
fi
if can aarch64-linux-gnu-gcc && command -v qemu-aarch64 >/dev/null; then
	shared 'for aarch64' 'qemu-aarch64 -L /usr/aarch64-linux-gnu' aarch64-linux-gnu-gcc -O1
else
	skip 'for aarch64' 'aarch64-linux-gnu-gcc or qemu-aarch64'
fi
