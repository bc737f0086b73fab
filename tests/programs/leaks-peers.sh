#!/bin/sh
# The workers of tests/prop/leaks, asked by plat leaks, by LeakSanitizer and by Memcheck: a table of what each
# finds, by how it was lost, and of what each calls lost that is held. docs/leaks.md says why they differ.
#
#   leaks-peers.sh [--seeds N] PLAT
#
# The last line is "N passed, N failed, N skipped": it fails if plat errs.
set -u
seeds=10
if [ "${1-}" = --seeds ]; then
	seeds=$2
	shift 2
fi
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
	echo "usage: leaks-peers.sh [--seeds N] PLAT" >&2
	exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
prop=$here/../prop/leaks
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# build NAME WORDS...
build()
{
	name=$1
	shift
	gcc -std=gnu17 -O2 -g -D_GNU_SOURCE "$prop/build.c" "$prop/hold.c" "$prop/lose.c" "$prop/stand.c" \
		"$prop/worker.c" "$@" -o "$tmp/$name" -pthread -ldl 2>"$tmp/errors"
}

if ! command -v valgrind >/dev/null || ! build worker-examined "$here/leaks_examine.c" ||
	! build worker-lsan "$here/leaks_examine.c" -fsanitize=leak; then
	echo "skip  LeakSanitizer and Memcheck: they are not there: $(head -n 1 "$tmp/errors" 2>/dev/null)"
	echo '0 passed, 0 failed, 1 skipped'
	exit 0
fi
build worker && gcc -O2 -shared -fPIC "$prop/library.c" -o "$tmp/library.so" || exit 1
unset MALLOC_PERTURB_
if "$here/leaks_peers.py" --seeds "$seeds" "$1" "$tmp/worker" "$tmp/worker-lsan" "$tmp/library.so"; then
	echo '1 passed, 0 failed, 0 skipped'
else
	echo '0 passed, 1 failed, 0 skipped'
	exit 1
fi
