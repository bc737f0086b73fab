#!/bin/bash
# Profiles of a real program, read by Go's pprof: what python3 allocates on plat's malloc.
#
#	pprof.sh [--library FILE] PLAT
#
# One line for each case: ok, FAILED with what was said, or skip with the reason; the last line is
# "N passed, N failed, N skipped". Nothing of the system is used or left.
set -u

library=
if [ "${1:-}" = --library ]; then
	library=$(realpath "$2")
	shift 2
fi
if [ $# -ne 1 ]; then
	echo "usage: pprof.sh [--library FILE] PLAT" >&2
	exit 64
fi
plat=$(realpath "$1")
library=${library:-$(realpath "$(dirname "$plat")/../alloc/libplat-malloc.so.1")}
passed=0 failed=0
if ! command -v python3 >/dev/null || ! go tool pprof -help >/dev/null 2>&1; then
	echo "skip    pprof: no python3, or no go with pprof"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

tmp=$(mktemp -d) || exit 1
# The profiles say it all: pprof must not look for programs, nor keep anything.
export HOME=$tmp PPROF_TMPDIR=$tmp PPROF_BINARY_PATH=$tmp LC_ALL=C.UTF-8
cd "$tmp" || exit 1
mkfifo in
exec 7<>in
LD_PRELOAD=$library PLAT_SAMPLE=4K PYTHONMALLOC=malloc python3 -c '
kept = [bytes(2000) for _ in range(5000)]
print("ready", flush=True)
input()' <in >out &
pid=$!
trap 'kill $pid 2>/dev/null; rm -rf "$tmp"' EXIT
for ((i = 0; i < 600; i++)); do
	grep -q ready out && break
	sleep 0.1
done
kill -STOP $pid

# judge NAME COMMAND...: a case.
judge()
{
	local name=$1
	shift
	if "$@" >said 2>&1; then
		echo "ok      $name"
		passed=$((passed + 1))
	else
		echo "FAILED  $name"
		tail -n 20 said
		failed=$((failed + 1))
	fi
}

# The sum of all samples that pprof sees: the COLUMN-th value of FILE.
sum_of()
{
	go tool pprof -raw "$2" >raw
	awk -v column="$1" '/^Locations$/ { exit }
		/^ *[0-9]+( +[0-9]+)*:/ { sub(":", " "); sum += $column } END { printf "%.0f\n", sum }' raw
}

all_bytes()
{
	"$plat" heap --pprof heap.pb.gz $pid && "$plat" heap --folded heap.folded $pid &&
		[ "$(sum_of 2 heap.pb.gz)" = "$(awk '{ sum += $NF } END { printf "%.0f\n", sum }' heap.folded)" ] &&
		[ "$(sum_of 2 heap.pb.gz)" -gt 10000000 ]
}

# Ten million bytes are live there, within what samples may be off.
names_the_cause()
{
	"$plat" profile --pprof profile.pb.gz $pid &&
		go tool pprof -sample_index=live_space -unit=B -cum -top profile.pb.gz >top && cat top &&
		awk '$NF ~ /^(unicode|bytes|PyBytes|_PyBytes)/ { n = $4 + 0; if (n > 8000000 && n < 13000000) found = 1 }
			END { exit !found }' top
}

shows_lines_and_files()
{
	go tool pprof -raw profile.pb.gz >raw && tail -n 30 raw &&
		grep -qE '^[0-9]+: 0x[0-9a-f]+/0x[0-9a-f]+/0x[0-9a-f]+ .*python3[^ ]* [0-9a-f]{40}' raw
}

judge "all live bytes of python3, by plat heap" all_bytes
judge "the function that holds them, by plat profile" names_the_cause
judge "programs with their build-ids" shows_lines_and_files
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
