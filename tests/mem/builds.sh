#!/bin/sh
# libplat as others build it: by one line for cc, for processors of 32 bits and with NEON, and in a static
# program of musl. Each is tried by tests that need no other library; tests/mem/ops-builds.sh has the operations.
#
#	builds.sh
#
# What cannot be built here for lack of a compiler is skipped.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

# shellcheck source=tests/compilers.sh
. tests/compilers.sh

# The files for a processor, a folder of src/mem/ops.
files()
{
	ls src/mem/*.c src/mem/ops/*.c src/mem/ops/portable/plain.c "src/mem/ops/$1"/*.c
}

# Tests of the library, linked with it. run RUNNER TESTS COMMAND...
run()
{
	runner=$1 tests=$2
	shift 2
	for test in $tests; do
		help=
		[ "$test" = checked ] || help="tests/mem/locks.c tests/mem/refuse.c"
		# shellcheck disable=SC2086 # none, or two
		"$@" -w -O1 -D_GNU_SOURCE -fno-builtin -Isrc -Iinclude -Itests "tests/mem/$test.c" $help tests/check.c \
			-o "$dir/$test" -L"$dir" -lplat -pthread || return 1
		$runner "$dir/$test" || return 1
	done
}

# What COMMAND has made is tried. try NAME RUNNER TESTS BUILD PROCESSOR COMMAND...
try()
{
	name=$1 runner=$2 tests=$3 build=$4 processor=$5
	shift 5
	n=$((n + 1))
	if ! can "$@" || { [ -n "$runner" ] && ! command -v "${runner%% *}" >/dev/null; }; then
		echo "ok $n - $name # SKIP it cannot be built here"
		return
	fi
	rm -rf "$dir"/libplat.* "$dir/objects"
	if ! { $build "$processor" "$@" && run "$runner" "$tests" "$@" -Wl,-rpath,"$dir"; } >"$dir/log" 2>&1; then
		sed 's/^/# /' "$dir/log"
		printf 'not '
	fi
	echo "ok $n - $name"
}

# shared PROCESSOR COMMAND...
shared()
{
	processor=$1
	shift
	# shellcheck disable=SC2046 # a list
	"$@" -O1 -shared -fPIC -D_GNU_SOURCE -Isrc $(files "$processor") \
		-Wl,--version-script,src/mem/libplat.map -Wl,-soname,libplat.so.1 \
		-o "$dir/libplat.so.1" -pthread && ln -s libplat.so.1 "$dir/libplat.so"
}

# archive PROCESSOR COMMAND...
archive()
{
	processor=$1 root=$PWD
	shift
	mkdir "$dir/objects"
	# shellcheck disable=SC2046 # a list
	(cd "$dir/objects" && "$@" -O1 -D_GNU_SOURCE -I"$root/src" -c $(cd "$root" && files "$processor" | sed "s|^|$root/|")) &&
		ar rcs "$dir/libplat.a" "$dir"/objects/*.o
}

echo 1..4
try 'one line for cc makes the library' '' 'checked usage' shared x86 cc
# musl has no sigabbrev_np, and comes without the kernel's headers, which the other test needs.
try 'in static programs of musl' '' checked archive x86 musl-gcc -static -Dsigabbrev_np=strsignal
# Debian's cross compilers are not there at the same time as gcc-multilib, but its parts are.
try 'for 32-bit x86' '' 'checked usage' shared x86 cc -m32 -D_FILE_OFFSET_BITS=64 -idirafter /usr/include/x86_64-linux-gnu
# Its /proc is qemu's own.
try 'for aarch64' 'qemu-aarch64 -L /usr/aarch64-linux-gnu' checked shared arm aarch64-linux-gnu-gcc
