#!/usr/bin/env bats
# plat diff, of programs ($BLOCKS, see blocks.c) on plat's malloc.

load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&- 8>&-
	clean_up
}

# start_two: the same program twice, in FIRST and SECOND; the second one with more that it had mapped.
start_two() {
	mkfifo first.in second.in
	exec 7<>first.in 8<>second.in
	LD_PRELOAD=$LIBRARY start first.out "$BLOCKS" <first.in
	FIRST=$PID
	LD_PRELOAD=$LIBRARY start second.out "$BLOCKS" nap <second.in
	SECOND=$PID
	await first.out '^ready'
	await "/proc/$SECOND/maps" libplat-malloc
	stop "$FIRST"
	stop "$SECOND"
}

@test "a process does not differ from itself: exit 0" {
	start_two
	run -0 --separate-stderr plat diff "$FIRST" "$FIRST"
	[[ $output != *REGIONS* && $output != *"BLOCKS OF"* ]]
	run -0 --separate-stderr plat diff --json "$FIRST" "$FIRST"
	[ "$(json "d['differs'], d['sizes'], d['regions'], d['heap']['held']['change']" <<<"$output")" = \
		"(False, [], [], 0)" ]
}

@test "a file is named by its path, not as if it were the process" {
	start_two
	plat snapshot --no-stop "$FIRST" -o first.snap >out
	run plat diff first.snap "$FIRST"
	[ "$(head -n 2 <<<"$output")" = "A  first.snap, of blocks $FIRST
B  blocks $FIRST" ]
	plat diff --json first.snap "$FIRST" >out || [ $? -eq 1 ]
	[ "$(json "d['a']['pid'], d['a']['snapshot'], 'snapshot' in d['b']" <out)" = "($FIRST, 'first.snap', False)" ]
}

@test "what one has more is told both ways: exit 1" {
	start_two
	run -1 --separate-stderr plat diff --json "$FIRST" "$SECOND"
	echo "$output" >there
	run -1 --separate-stderr plat diff --json "$SECOND" "$FIRST"
	echo "$output" >back
	plat heap --json "$FIRST" >first
	plat heap --json "$SECOND" >second
	python3 - <<'END'
import json
there, back, first, second = (json.load(open(n)) for n in ('there', 'back', 'first', 'second'))
assert there['differs'] and back['differs']
heap = there['heap']
for key, value in heap.items():
    assert value['change'] == value['b'] - value['a'] == -back['heap'][key]['change'], key
assert heap['live_bytes']['a'] == first['totals']['live_bytes']
assert heap['live_blocks']['b'] == second['totals']['live_blocks']
assert heap['live_bytes']['change'] < -3000000
size = next(s for s in there['sizes'] if s['size'] == 3000000)
assert (size['blocks']['a'], size['blocks']['b']) == (1, 0)
assert there['sizes'][0]['size'] == 3000000
changed = sum(s['size'] * s['blocks']['change'] for s in there['sizes'])
assert changed == heap['live_bytes']['change']
assert sum(h['blocks']['change'] for h in there['histogram']) == heap['live_blocks']['change']
# The first one's second thread.
kinds = {r['kind']: r for r in there['regions'] if r['name'] is None}
assert kinds['thread-stack']['regions'] == {'a': 1, 'b': 0, 'change': -1}
END
}

@test "the tables fit into 80 columns" {
	start_two
	run -1 --separate-stderr plat diff "$FIRST" "$SECOND"
	fits 80 <<<"$output"
	for word in A B FIGURES VmRSS HEAP live 'BLOCKS OF' 3000000 REGIONS thread-stack; do
		grep -q "^$word " <<<"$output"
	done
	grep -q '^thread-stack .* gone$' <<<"$output"
	run -1 --separate-stderr plat diff --ascii --top 1 "$SECOND" "$FIRST"
	is_ascii <<<"$output"
	grep -qx 'and [0-9]* more: --top [0-9]*' <<<"$output"
	grep -q '^3000000  *0  *1  *+1  *+2.9M$' <<<"$output"
}

@test "sites are compared by their calls, also those of another process" {
	start_own PLAT_SAMPLE=4K
	tell leak_small 1
	tell churn 5
	stop "$PID"
	local first=$PID
	start_own PLAT_SAMPLE=4K
	# shellcheck disable=SC2034 # it is tell's
	ntold=0
	tell leak_small 1
	tell leak_large 3
	stop "$PID"
	run -1 --separate-stderr plat diff --json "$first" "$PID"
	echo "$output" >diff.json
	python3 - <<'END'
import json
d = json.load(open('diff.json'))
def of(name):
    return [s for s in d['sites'] if s['calls'][0].startswith(name + '+0x')]
large = of('leak_large')
assert [(s['blocks']['a'], s['blocks']['b']) for s in large] == [(0, 31)], large
assert 3100000 <= large[0]['bytes']['change'] < 3200000 and d['sites'][0] == large[0]
assert large[0]['calls'][0].endswith('  leaks') and large[0]['calls'][1].startswith('main+0x')
# As much was made there in both; it is one site, though the program lies elsewhere.
small = of('leak_small')
assert len(small) <= 1 and all(abs(s['bytes']['change']) < 500000 for s in small), small
assert not of('churn')
END
	run -1 --separate-stderr plat diff "$first" "$PID"
	fits 80 <<<"$output"
	grep -qE '^ +0 +3M +\+3M +\+31$' <<<"$output"
	grep -qE '^  leak_large\+0x[0-9a-f]+  leaks$' <<<"$output"
	# Without samples nothing is known of sites, which is not that there are none.
	start_own
	run -1 --separate-stderr plat diff --json "$first" "$PID"
	[ "$(json "d['sites'], d['sites_why']" <<<"$output")" = "(None, 'there were no samples')" ]
	run -1 --separate-stderr plat diff "$first" "$PID"
	run ! grep -q '^SITES' <<<"$output"
}

@test "types are compared by name" {
	command -v g++ >/dev/null || skip "no g++"
	cat >program.cc <<'END'
#include <cstdio>
#include <cstdlib>
#include <unistd.h>
namespace shop { struct Item { virtual ~Item() {} char room[40]; }; }
static shop::Item *volatile items[300];
int main(int, char **argv) {
	for (int i = 0; i < atoi(argv[1]); i++)
		items[i] = new shop::Item;
	puts("ready");
	fflush(stdout);
	pause();
}
END
	g++ -o program program.cc || skip "g++ cannot link"
	start program.out ./program 100
	await program.out '^ready'
	local first=$PID
	start program.out ./program 250
	await program.out '^ready'
	run -1 --separate-stderr plat diff --json "$first" "$PID"
	[ "$(json "[(t['name'], t['blocks']['a'], t['blocks']['b']) for t in d['types']]" <<<"$output")" = \
		"[('shop::Item', 100, 250)]" ]
	# Who holds them is told where that is asked for.
	[ "$(json "d['owners'], d['owners_why']" <<<"$output")" = "(None, 'not asked for: --owners')" ]
	run -1 --separate-stderr plat diff --owners --json "$first" "$PID"
	[ "$(json "[o['blocks']['change'] for o in d['owners'] if o['name'].startswith('items')]" <<<"$output")" = "[150]" ]
	run -1 --separate-stderr plat diff --owners "$first" "$PID"
	grep -qE '^OWNERS .*HOLDER$' <<<"$output"
	fits 80 <<<"$output"
	run -1 --separate-stderr plat diff "$first" "$PID"
	grep -qE '^ +5.[0-9]K +1[34](\.[0-9])?K +\+[0-9.]+K +\+150  shop::Item$' <<<"$output"
}

@test "owners are compared by what they are in any process" {
	cat >program.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int n;
static pthread_barrier_t stand;
static void wait_with(void **volatile held)
{
	pthread_barrier_wait(&stand);
	pause();
	held[0] = NULL;
}
static __attribute__((noinline)) void serve(int count)
{
	void **volatile held = calloc(count + 1, sizeof(*held));
	for (int i = 0; i < count; i++)
		held[i] = calloc(1, 300);
	wait_with(held);
}
static void *work(void *name)
{
	pthread_setname_np(pthread_self(), name);
	serve(n);
	return NULL;
}
int main(int argc, char **argv)
{
	pthread_t threads[3];
	n = atoi(argv[1]);
	pthread_barrier_init(&stand, NULL, 4);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, work, i < 2 ? "worker" : "other");
	pthread_barrier_wait(&stand);
	puts("ready");
	fflush(stdout);
	serve(argc);
}
END
	gcc -g -O1 -fno-optimize-sibling-calls -pthread -o program program.c || skip "gcc cannot link"
	start program.out ./program 100
	await program.out '^ready'
	local first=$PID
	start program.out ./program 250
	await program.out '^ready'
	run -1 --separate-stderr plat diff --owners --json "$first" "$PID"
	# Two threads of one name are one, and no number of a thread nor address is left.
	[ "$(json "[(o['name'], o['blocks']['change']) for o in d['owners'] if o['name'].startswith('thread')]" \
		<<<"$output")" = "[('thread worker, serve', 300), ('thread other, serve', 150)]" ]
	[ "$(json "[o['name'] for o in d['owners'] if '0x' in o['name']]" <<<"$output")" = "[]" ]
}

@test "an allocator that cannot be read, and no process, are told apart" {
	start_two
	start third.out sleep 60
	await "/proc/$PID/comm" sleep
	run plat diff "$FIRST" 2147483646
	[ "$status" -eq 3 ]
	run plat diff "$FIRST"
	[ "$status" -eq 64 ]
	run plat diff "$FIRST" "$SECOND" "$PID"
	[ "$status" -eq 64 ]
	run plat diff --top 0 "$FIRST" "$SECOND"
	[ "$status" -eq 64 ]
}
