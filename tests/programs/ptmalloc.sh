#!/bin/bash
# Reads heaps of other versions of glibc's malloc, made by their own C libraries.
#
#   ptmalloc.sh [--rounds N] HEAP-READER-GLIBC
#
# The packages of libc6 are fetched from Debian and Ubuntu, unpacked into a folder that goes again, and
# nothing of them is installed. tests/prop/heap/worker.c is linked with each, run by its own dynamic
# linker, and judged: each of its blocks is there when it is stopped, with its size, and nothing else.
# One line a case; the last is "N passed, N failed, N skipped".
set -u

rounds=10
if [ "${1-}" = --rounds ]; then
	rounds=$2
	shift 2
fi
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
	echo "usage: ptmalloc.sh [--rounds N] HEAP-READER-GLIBC" >&2
	exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
judge=$(realpath "$1")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/plat-ptmalloc.XXXXXX") || exit 1
# shellcheck source=tests/programs/processes.sh
. "$here/processes.sh"
unset MALLOC_PERTURB_ MALLOC_ARENA_MAX GLIBC_TUNABLES

debian=http://deb.debian.org/debian/pool/main/g/glibc
ubuntu=http://archive.ubuntu.com/ubuntu/pool/main/g/glibc
eglibc=http://archive.ubuntu.com/ubuntu/pool/main/e/eglibc
# What a package is called there; each has a C library for one word size.
packages="
64 $eglibc/libc6_2.19-0ubuntu6.15_amd64.deb
64 $ubuntu/libc6_2.23-0ubuntu11.3_amd64.deb
64 $ubuntu/libc6_2.27-3ubuntu1_amd64.deb
64 $ubuntu/libc6_2.27-3ubuntu1.6_amd64.deb
64 $debian/libc6_2.31-13+deb11u11_amd64.deb
64 $ubuntu/libc6_2.35-0ubuntu3.18_amd64.deb
64 $debian/libc6_2.36-9+deb12u14_amd64.deb
64 $ubuntu/libc6_2.39-0ubuntu8.12_amd64.deb
64 $debian/libc6_2.41-12+deb13u4_amd64.deb
64 $ubuntu/libc6_2.42-0ubuntu3.1_amd64.deb
64 $debian/libc6_2.43-7_amd64.deb
32 $eglibc/libc6-i386_2.19-0ubuntu6.15_amd64.deb
32 $ubuntu/libc6-i386_2.23-0ubuntu11.3_amd64.deb
32 $ubuntu/libc6-i386_2.27-3ubuntu1_amd64.deb
32 $debian/libc6_2.31-13+deb11u11_i386.deb
32 $debian/libc6_2.36-9+deb12u14_i386.deb
32 $debian/libc6_2.41-12+deb13u4_i386.deb
32 $ubuntu/libc6-i386_2.42-0ubuntu3.1_amd64.deb
32 $debian/libc6_2.43-7_i386.deb"

# get URL NAME: unpacks it; sets libraries and loader.
get()
{
	curl -sf --max-time 120 -o "$tmp/deb" "$1" && mkdir "$tmp/$2" && dpkg-deb -x "$tmp/deb" "$tmp/$2" || return
	loader=$(find "$tmp/$2" \( -name 'ld-linux-x86-64.so.2' -o -name ld-linux.so.2 \) \
		-path '*lib*/*' ! -path "$tmp/$2/lib/ld-linux.so.2" ! -path '*/lib64/*' \
		! -path "$tmp/$2/usr/lib/ld-linux.so.2" | head -n 1)
	libraries=$(dirname "$loader")
	[ -e "$libraries/libc.so.6" ]
}

# link BITS NAME: the worker, with what that C library has.
link()
{
	local threads=$libraries/libpthread.so.0
	[ -e "$threads" ] || threads=
	gcc "-m$1" -O2 -D_GNU_SOURCE "$here/../prop/heap/worker.c" -o "$tmp/$2/worker" -nodefaultlibs \
		"$libraries/libc.so.6" ${threads:+"$threads"} "$loader" -lgcc \
		"-Wl,-rpath-link,$libraries" 2>"$tmp/errors"
}

# judge NAME WORDS...
run()
{
	local name=$1
	shift
	if timeout 600 "$judge" --workers 2 --rounds "$rounds" --loader "$loader" \
		--libraries "$libraries" "$@" "$tmp/$name/worker" >"$tmp/said" 2>&1; then
		ok "$name $*"
	else
		failed=$((failed + 1))
		printf 'FAIL  %s\n' "$name $*"
		grep '^not ok' "$tmp/said" | sed 's/^/      /'
	fi
}

while read -r bits url; do
	[ -n "$bits" ] || continue
	name=$(basename "$url" .deb)
	if ! get "$url" "$name"; then
		skip "$name" 'it cannot be had'
	elif ! link "$bits" "$name"; then
		skip "$name" "no program can be linked with it: $(head -n 1 "$tmp/errors")"
	else
		run "$name" --threads 1
		run "$name" --threads 6
		run "$name" --threads 1 --no-brk 1
	fi
	rm -rf "${tmp:?}/$name"
done <<<"$packages"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
