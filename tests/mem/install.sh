#!/bin/sh
# What is installed, as others use it: the headers alone, in C and in C++, both libraries by pkg-config and by
# CMake, shared and static, and the names of the pages.
#
#	install.sh BUILD PREFIX LIBDIR
#
# It is installed into a folder, and moved from there to another: the files find each other all the same.
# PREFIX and LIBDIR are the build's. What has no compiler or no CMake here is skipped.
set -u
build=$1 prefix=$2 libdir=$3
cd "$(dirname "$0")/../.." || exit 1
source=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		sed 's/^/# /' log
		echo "not ok $n - $2"
	fi
}

skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP there is no $2"
}

# Not what the tests themselves run with.
unset LD_PRELOAD CFLAGS LDFLAGS

echo 1..12
meson install -C "$build" --no-rebuild --quiet --destdir "$dir/stage" >log 2>&1 && mv "stage$prefix" at
result $? 'it is installed, and moved'
at=$dir/at
export LD_LIBRARY_PATH="$at/$libdir" PKG_CONFIG_PATH="$at/$libdir/pkgconfig"

# alone NAME COMMAND...: each header is all that a source needs.
alone()
{
	name=$1
	shift
	status=0
	: >log
	for header in "$at"/include/plat/*.h; do
		printf '#include <plat/%s>\n#include <plat/%s>\nint one;\n' "${header##*/}" "${header##*/}" >alone.c
		"$@" -Wall -Wextra -Werror -pedantic -I"$at/include" -fsyntax-only alone.c >>log 2>&1 || status=1
	done
	result $status "$name"
}
alone 'each header is C11' cc -std=c11
if command -v c++ >/dev/null; then
	alone 'each header is C++17' c++ -std=c++17 -x c++
else
	skip 'each header is C++17' c++
fi

nm -D --defined-only "$at/$libdir/libplat.so" | sed -n 's/.* [BDTiW] \(plat_[a-z0-9_]*\)@@.*/\1/p' | sort >exported
sed -n 's/^	\(plat_[a-z0-9_]*\);$/\1/p' "$source/src/mem/libplat.map" | sort | diff - exported >log
result $? 'libplat exports what its list says'
# And malloc under another name would be nobody's malloc: no private name either, but what an inline function
# of a header needs.
for name in $(nm -D --defined-only "$at/$libdir/libplat-malloc.so" "$at/$libdir/libplat.so" | grep -o 'plat__[a-z_]*'); do
	grep -qw "$name" "$at"/include/plat/*.h || echo "$name"
done >log
[ ! -s log ]
result $? 'no private name is exported'

# A page that is a file is a subject's, and may have its name; all others are functions'.
: >log
for page in "$at"/share/man/man3/*.3; do
	[ ! -L "$page" ] || grep -qx "\.Nm $(basename "$page" .3)\( ,\)*" "$page" ||
		echo "$page names another function" >>log
done
grep -v plat__ exported | while read -r name; do
	[ -e "$at/share/man/man3/$name.3" ] || echo "$name has no page"
done >>log
[ ! -s log ]
result $? 'each function has a page of its name'

# One program for C and C++, on libplat alone and on both. With an argument it copies too much.
cat >program.c <<'C'
#include <plat/alloc.h>
#include <plat/mem.h>
#include <stdio.h>
#include <stdlib.h>

extern __typeof__(plat_block_of) plat_block_of __attribute__((weak));

int main(int argc, char **argv)
{
	static char from[200];
	struct plat_usage usage;
	struct plat_block block;
	char *p = (char *)malloc(100);

	(void)argv;
	if (!p || plat_usage(&usage, sizeof(usage)) < 0 || usage.resident == 0)
		return 1;
	plat_checked_memset(p, 0, 100);
	puts(plat_block_of && plat_block_of(p, &block) == 0 && block.size == 100 ? "ours" : "another");
	fflush(stdout);
	if (argc > 1)
		plat_checked_memcpy(p, from, 101);
	free(p);
	return 0;
}
C
cp program.c program.cc

# runs WORD: the program is on this malloc; ours stops the copy.
runs()
{
	[ "$(./program 2>>log)" = "$1" ] || return 1
	case $1 in
	ours) ! (./program x >/dev/null 2>said || exit 1) 2>/dev/null &&
		grep -q '^plat-malloc: access past the end: .*, behind the block of 100 bytes at .*, destination of memcpy: 101 bytes from ' said ;;
	*) true ;;
	esac
}

# A build directory that was set up before these files could be moved says where it was to be.
told=
grep -q pcfiledir "$PKG_CONFIG_PATH/plat.pc" || told=--define-variable=prefix=$at

# by_pkgconfig NAME WORD COMPILER FILE OPTIONS PACKAGE...
by_pkgconfig()
{
	name=$1 word=$2 compiler=$3 file=$4 options=$5
	shift 5
	static=
	[ "$options" != -static ] || static=--static
	# shellcheck disable=SC2046,SC2086 # words
	"$compiler" $options "$file" -o program -Wall $(pkg-config $told $static --cflags --libs "$@") >log 2>&1 &&
		runs "$word"
	result $? "$name"
}

if command -v pkg-config >/dev/null; then
	by_pkgconfig 'pkg-config: C, libplat' another cc program.c '' plat
	by_pkgconfig 'pkg-config: C, both' ours cc program.c '' plat plat-malloc
	# The allocator's archive is asked by weak names, for which a linker takes nothing out of it.
	sed '/^extern/d; s/plat_block_of && //' program.c >static.c
	by_pkgconfig 'pkg-config: C, both, static' ours cc static.c -static plat plat-malloc
	if command -v c++ >/dev/null; then
		by_pkgconfig 'pkg-config: C++, both' ours c++ program.cc '' plat plat-malloc
	else
		skip 'pkg-config: C++, both' c++
	fi
else
	for name in 'C, libplat' 'C, both' 'C, both, static' 'C++, both'; do
		skip "pkg-config: $name" pkg-config
	done
fi

if command -v cmake >/dev/null; then
	mkdir cmake
	cp program.c static.c cmake
	cat >cmake/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.13)
project(program C)
find_package(plat 0.1 REQUIRED)
add_executable(shared program.c)
target_link_libraries(shared PRIVATE plat::plat plat::malloc)
add_executable(static static.c)
target_link_libraries(static PRIVATE plat::plat_static plat::malloc_static -static)
CMAKE
	{ cmake -S cmake -B made -DCMAKE_PREFIX_PATH="$at" && cmake --build made; } >log 2>&1 && {
		cp made/shared program && runs ours && cp made/static program && runs ours
	}
	result $? 'CMake: both, shared and static'
else
	skip 'CMake: both, shared and static' cmake
fi

# The program that README.md shows prints what it says, but for numbers.
awk -v dollar='$' '/^## / { inside = $0 == "## The library" } !inside { next }
	/^```/ { file = $0 == "```c" ? "readme.c" : file == "" && !told ? "readme.said" : ""; told = file == "readme.said"; next }
	file && index($0, dollar " ") != 1 { print > file }' "$source/README.md"
# shellcheck disable=SC2046,SC2086 # words
cc -Wall readme.c -o readme $(pkg-config $told --cflags --libs plat plat-malloc) >log 2>&1 &&
	./readme >said 2>>log && sed -Ei 's/[0-9]+/N/g' said readme.said && diff readme.said said >>log
result $? 'the example of README.md'
