#!/bin/sh
# Fuzzes: run.sh [-j JOBS] SECONDS [TARGET...]. Each target runs for SECONDS seconds, JOBS at once
# (default 1). What crashes one is left in build/fuzz/found; put it into tests/fuzz/corpus with the fix.
# The last line is "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/../.." || exit 3
build=build/fuzz
jobs=1
all="auxv core elf facts graph kinds leaks limits maps musl operations ops own ptmalloc scratch script smaps snapshot stacks types"

usage()
{
	echo 'usage: run.sh [-j JOBS] SECONDS [TARGET...]' >&2
	exit 64
}

while getopts j: option; do
	case $option in
	j) jobs=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || usage
seconds=$1
shift
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $all
targets=$#

# skip REASON: nothing can be fuzzed here.
skip()
{
	echo "skipped: $1"
	echo "0 passed, 0 failed, $targets skipped"
	exit 0
}

clang=$(command -v clang-14 || command -v clang) || skip 'there is no clang'
mkdir -p "$build/found"
echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return n < 0 && *d; }' |
	"$clang" -x c -fsanitize=fuzzer,address,undefined -o "$build/found/try" - 2>/dev/null ||
	skip "$clang has no libFuzzer (libclang-rt)"
rm "$build/found/try"

[ -f "$build/build.ninja" ] ||
	CC=$clang meson setup "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
		>"$build.log" 2>&1 || { cat "$build.log"; echo "0 passed, $targets failed, 0 skipped"; exit 1; }
for target; do
	printf 'tests/fuzz/fuzz-%s\n' "$target"
done | xargs ninja -C "$build" >"$build.log" 2>&1 ||
	{ tail -n 40 "$build.log"; echo "0 passed, $targets failed, 0 skipped"; exit 1; }

# one TARGET: fuzzes it, beginning with the corpus and with what earlier runs have found. Time is that
# of clocks: where others work too, an input of some milliseconds can wait for long.
one()
{
	log=$build/$1.log
	mkdir -p "$build/corpus/$1"
	if UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 nice -n 5 "$build/tests/fuzz/fuzz-$1" \
		-max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -max_len=65536 \
		-print_final_stats=1 -artifact_prefix="$build/found/$1-" \
		"$build/corpus/$1" "tests/fuzz/corpus/$1" >"$log" 2>&1; then
		echo passed >"$build/$1.result"
		echo "passed  $1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
	else
		echo failed >"$build/$1.result"
		echo "FAILED  $1"
		grep -E 'this must hold|runtime error|ERROR|Test unit written|^SUMMARY' "$log"
	fi
}

n=0
for target; do
	rm -f "$build/$target.result"
	one "$target" &
	n=$((n + 1))
	[ $((n % jobs)) -ne 0 ] || wait
done
wait
passed=0 failed=0
for target; do
	if [ "$(cat "$build/$target.result" 2>/dev/null)" = passed ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
