#!/usr/bin/env bats
# Folded stacks and profiles for pprof, of plat heap and plat profile: what is in them, told by
# pprof.py, which knows nothing of plat, and by Go's own pprof where there is one.

load common

setup() {
	set_up 80
	unset MALLOC_PERTURB_
}

teardown() {
	exec 7>&-
	clean_up
}

# pprof FILE: as JSON.
pprof() {
	python3 "$BATS_TEST_DIRNAME/pprof.py" "$1"
}

# total FILE: the sum of folded stacks.
total() {
	awk '{ sum += $NF } END { printf "%.0f\n", sum }' "$1"
}

# same_sums: plat heap --pprof and --folded have the sums of --json.
same_sums() {
	local sum
	plat heap --json "$PID" >heap.json
	plat heap --pprof heap.pb.gz "$PID"
	pprof heap.pb.gz >pprof.json
	python3 - <<'END'
import json
heap, pprof = json.load(open('heap.json')), json.load(open('pprof.json'))
assert pprof['types'] == [['live_objects', 'count'], ['live_space', 'bytes'], ['free_resident', 'bytes']]
assert pprof['default'] == 'live_space'
all = [heap] + heap['others']
keys = ('live_blocks', 'live_bytes', 'free_resident')
want = [sum(h['totals'][key] for h in all) for key in keys]
assert pprof['sums'] == want and want[0] > 0, (pprof['sums'], want)
END
	for sum in live_objects live_space free_resident; do
		plat heap --folded "$sum" --sum "$sum" "$PID"
		[ "$(total "$sum")" = "$(json "d['sums'][[t[0] for t in d['types']].index('$sum')]" <pprof.json)" ]
	done
	plat heap --folded - "$PID" | cmp - live_space
}

@test "sums are those of plat heap --json, for plat's malloc and the C library's" {
	start_own PLAT_SAMPLE=4K
	tell leak_small 1
	tell leak_large 2
	tell waste 4
	stop "$PID"
	same_sums
	[ "$(total free_resident)" -gt 1000000 ]
	start_leaks
	# shellcheck disable=SC2034 # it is tell's
	ntold=0
	tell leak_medium 1
	tell waste 4
	stop "$PID"
	same_sums
	[ "$(total free_resident)" -gt 1000000 ]
}

@test "a sample stands below its calls, what nobody has sampled below what it is" {
	start_own PLAT_SAMPLE=4K
	tell leak_small 1
	tell leak_large 2
	stop "$PID"
	plat heap --pprof heap.pb.gz "$PID"
	pprof heap.pb.gz >pprof.json
	python3 - "$LEAKS" <<'END'
import json, os, subprocess, sys
d = json.load(open('pprof.json'))
def of(name):
    return [s for s in d['samples'] if s['stack'][-1]['name'] == name]
# Each of its blocks is so large that it is a sample.
large = of('leak_large')
assert [s['values'][:2] for s in large] == [[20, 2000000]], large
frame = large[0]['stack'][-1]
assert os.path.samefile(frame['mapping'], sys.argv[1]) and d['mappings'][0] == frame['mapping']
assert frame['source'].endswith('leaks.c') and frame['line'] > 0, frame
assert frame['build_id'] in subprocess.run(['readelf', '-n', sys.argv[1]], capture_output=True, text=True).stdout
assert 'main' in [f['name'] for f in large[0]['stack'][:-1]]
# Of the small ones some are, and none counts twice.
small = of('leak_small')
rest = of('112-byte class')
assert 0 < sum(s['values'][0] for s in small) < 10485 <= sum(s['values'][0] for s in small + rest) <= 10600
assert all(s['values'][1] == 100 * s['values'][0] for s in small)
assert [f['name'] for f in rest[0]['stack']][0] in ('heap', 'anon'), rest
assert all(f['address'] == 0 and not f['mapping'] for f in rest[0]['stack'])
END
	plat heap --folded - "$PID" >folded
	grep -q ';main;leak_large 2000000$' folded
	grep -qE '^(heap|anon);thread 1;112-byte class [0-9]+$' folded
}

@test "a guarded block stands below its calls, sample or not" {
	start_own PLAT_GUARD=all
	tell leak_medium 1
	stop "$PID"
	plat heap --folded - --sum live_objects "$PID" | grep -q ';leak_medium 1048$'
	same_sums
}

@test "plat heap --blocks says where samples were made" {
	local options
	start_own PLAT_SAMPLE=4K
	tell leak_small 1
	tell leak_large 2
	stop "$PID"
	for options in --no-stop --stop; do
		plat heap --blocks --json $options "$PID" >blocks || [ $? -eq 2 ]
		jq -s 'map(select(.size == 100000 and .site[0].symbol == "leak_large")) | length' blocks >large
		[ "$(cat large)" -eq 20 ]
		jq -s '[.[] | select(.size == 100)] | [length, (map(select(.site)) | length)] |
			.[1] > 0 and .[1] < .[0] and .[0] >= 10485' blocks >small
		[ "$(cat small)" = true ]
	done
	plat heap --blocks --json --state free "$PID" | jq -s -e 'all(.[]; .site == null)'
}

@test "objects of C++ stand below their class, by type" {
	command -v g++ >/dev/null || skip "no g++"
	cat >program.cc <<'END'
#include <cstdio>
#include <unistd.h>
namespace shop {
struct Item { virtual ~Item() {} char room[40]; };
template <class T> struct Box : Item { T content; };
}
static shop::Item *volatile items[300];
int main() {
	for (int i = 0; i < 300; i++)
		items[i] = i % 3 ? new shop::Item : new shop::Box<long>;
	puts("ready");
	fflush(stdout);
	pause();
}
END
	g++ -o program program.cc || skip "g++ cannot link"
	start program.out ./program
	await program.out '^ready'
	plat heap --folded - --sum live_objects "$PID" >folded
	grep -E '^(heap|anon);main;.*;shop::Item 200$' folded
	grep -E '^(heap|anon);main;.*;shop::Box<long> 100$' folded
	plat heap --pprof out "$PID"
	[ "$(pprof out | json "sum(s['values'][0] for s in d['samples'] if s['stack'][-1]['name'] == 'shop::Item')")" -eq 200 ]
	same_sums
}

@test "plat profile has sites, with what samples stand for" {
	start_own PLAT_SAMPLE=16K
	tell churn 20
	tell leak_small 5
	tell leak_large 5
	stop "$PID"
	plat profile --json --top all "$PID" >profile.json
	plat profile --pprof profile.pb.gz "$PID"
	pprof profile.pb.gz >pprof.json
	for sum in live_objects live_space made_objects made_space; do
		plat profile --folded "$sum" --sum "$sum" "$PID"
	done
	plat profile --folded - "$PID" | cmp - live_space
	python3 - <<'END'
import json
profile, d = json.load(open('profile.json')), json.load(open('pprof.json'))
types = [t[0] for t in d['types']]
assert types == ['live_objects', 'live_space', 'made_objects', 'made_space']
assert d['period'] == 16384 and d['period_type'] == ['space', 'bytes'] and d['time'] > 10**18
keys = ('live_blocks', 'live_bytes', 'made_blocks', 'made_bytes')
assert d['sums'] == [sum(s[k] for s in profile['sites']) for k in keys]
for name, sum_of in zip(types, d['sums']):
    assert sum(int(line.split()[-1]) for line in open(name)) == sum_of, name
assert len(d['samples']) == sum(1 for s in profile['sites'] if s['made_bytes'])
END
	plat profile --folded - --top 1 "$PID" >one
	[ "$(wc -l <one)" -eq 1 ]
	plat profile --folded - --no-symbols "$PID" | grep -q 'leaks+0x'
}

@test "a snapshot and a core say the same as the process" {
	start_own PLAT_SAMPLE=4K
	tell leak_small 1
	tell leak_large 1
	stop "$PID"
	plat heap --folded live "$PID"
	plat heap --pprof live.pb.gz "$PID"
	plat snapshot -o snap "$PID"
	plat heap --folded again ./snap
	cmp live again
	plat heap --pprof snap.pb.gz ./snap
	# But for the time, which is that of the snapshot, in whole seconds.
	[ "$(pprof snap.pb.gz | json "d['time'] % 10**9 == 0 < d['time']")" = True ]
	diff <(pprof live.pb.gz | json "d.pop('time'), d") <(pprof snap.pb.gz | json "d.pop('time'), d") |
		grep -c '^[<>]' | grep -qx 2
	diff <(pprof live.pb.gz | json "d['samples']") <(pprof snap.pb.gz | json "d['samples']")
	command -v gcore >/dev/null || skip "no gcore"
	gcore -o core "$PID" >gcore.out 2>&1 || skip "gcore cannot attach"
	# A core does not tell which pages were in memory: there is no such sum, and not a sum of 0.
	run -2 plat heap --pprof core.pb.gz "./core.$PID"
	[ "$(pprof core.pb.gz | json "[t[0] for t in d['types']]")" = "['live_objects', 'live_space']" ]
	[ "$(pprof core.pb.gz | json "d['sums']")" = "$(pprof live.pb.gz | json "d['sums'][:2]")" ]
	run -3 plat heap --folded - --sum free_resident "./core.$PID"
	[[ "$output" == *": free_resident: "* ]]
}

@test "Go's pprof reads them" {
	command -v go >/dev/null || skip "no go"
	go tool pprof -help >/dev/null 2>&1 || skip "this go has no pprof"
	export PPROF_BINARY_PATH=/nonexistent HOME=$PWD
	# So small a mean that no block of 100,000 bytes is missed.
	start_own PLAT_SAMPLE=4K
	tell leak_large 3
	tell waste 2
	stop "$PID"
	plat heap --pprof heap.pb.gz "$PID"
	plat profile --pprof profile.pb.gz "$PID"
	pprof heap.pb.gz >pprof.json
	go tool pprof -raw heap.pb.gz >raw
	grep -qx 'live_objects/count live_space/bytes\[dflt\] free_resident/bytes' raw
	# Values, a colon, numbers of locations: the same as ours.
	awk '/^Locations$/ { exit } /^ *[0-9]+ +[0-9]+ +[0-9]+:/ { a += $1; b += $2; c += $3 }
		END { printf "[%.0f, %.0f, %.0f]\n", a, b, c }' raw >sums
	[ "$(cat sums)" = "$(json "d['sums']" <pprof.json)" ]
	go tool pprof -top -unit=B heap.pb.gz >top
	grep -qE '^ *3100000B .* leak_large$' top
	go tool pprof -traces -sample_index=live_objects heap.pb.gz >traces
	grep -qE '^ +31 +leak_large$' traces
	for sum in live_objects live_space made_objects made_space; do
		go tool pprof -top -sample_index="$sum" profile.pb.gz >top
		grep -qx "Type: $sum" top
		grep -q ' leak_large$' top
	done
}

@test "a file is there as a whole or not at all, and its owner's alone" {
	start_leaks
	tell leak_small 1
	plat heap --folded out --pprof out.pb.gz "$PID"
	[ "$(stat -c %a out out.pb.gz | sort -u)" = 600 ]
	[ -s out ] && [ -s out.pb.gz ]
	# Another one takes its place.
	echo old >out
	plat heap --folded out "$PID"
	run ! grep -q old out
	for place in /dev/full "$PWD" no/such/folder; do
		run plat heap --pprof "$place" "$PID"
		[ "$status" -eq 3 ]
		[[ "$output" == "plat heap: $place: "* ]]
	done
	run bash -c '"$0" heap --folded - "$1" >/dev/full' "$PLAT" "$PID"
	[ "$status" -eq 3 ]
	# Under a limit on files: what was there stays, and nothing is left beside it.
	echo old >out
	rm -f out.pb.gz
	run bash -c 'trap "" XFSZ; ulimit -f 0; exec "$0" heap --folded out "$1" 2>&1 | cat' "$PLAT" "$PID"
	[[ "$output" == "plat heap: out: cannot be written: "* ]]
	[ "$(cat out)" = old ]
	[ "$(find . -newer out -name '.out*' | wc -l)" -eq 0 ]
}

@test "wrong usage is exit 64" {
	local wrong
	for wrong in '--sum live_space' '--folded - --pprof -' '--folded - --json' '--folded - --blocks' \
		'--folded - --sum size' '--folded' '--pprof'; do
		# shellcheck disable=SC2086 # words
		run plat heap $wrong $$
		echo "$wrong: $output"
		[ "$status" -eq 64 ]
	done
	for wrong in '--sum made_space' '--folded - --sum free_resident' '--rate 64K --folded -'; do
		# shellcheck disable=SC2086 # words
		run plat profile $wrong $$
		echo "$wrong: $output"
		[ "$status" -eq 64 ]
	done
	run plat heap --folded - --sum size $$
	[[ "$output" == *"size: not a sum; there are live_objects, live_space and free_resident"* ]]
}
