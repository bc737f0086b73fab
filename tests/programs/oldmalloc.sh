#!/bin/sh
# The reader of musl's oldmalloc against programs linked with one: oldmalloc.sh JUDGE, which is
# heap-reader-musl of a build. No distribution that is alive has such a musl, so MUSL_OLD_GCC names its
# musl-gcc; without it all is skipped. The last line is "N passed, N failed, N skipped".
set -u
judge=$1
worker=$(dirname "$0")/../prop/heap/worker.c
passed=0 failed=0

if ! command -v "${MUSL_OLD_GCC:-}" >/dev/null; then
	echo 'skipped: MUSL_OLD_GCC does not name the musl-gcc of a musl with oldmalloc'
	echo '0 passed, 0 failed, 4 skipped'
	exit 77 # as meson wants it
fi
dir=$(mktemp -d) || exit 3
trap 'rm -rf "$dir"' EXIT

# run NAME THREADS LINK-OPTION...
run()
{
	name=$1 threads=$2
	shift 2
	if "$MUSL_OLD_GCC" -std=gnu17 -O2 -D_GNU_SOURCE "$worker" -o "$dir/$name" "$@" &&
		"$judge" --threads "$threads" --workers 2 --rounds 10 "$dir/$name"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

run dynamic 1
run dynamic-8 8
run static 1 -static
run static-8 8 -static
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
