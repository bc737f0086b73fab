#!/usr/bin/env bats
# plat heap, of a program ($BLOCKS, see blocks.c) that says itself which blocks it has.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&-
	clean_up
}

heap() {
	plat heap "$@"
}

# start_on LIBRARY PROGRAM [WORD...]: with it before the C library; sets PID. Its input is open as 7.
start_on() {
	local object=$1
	shift
	rm -f program.in
	mkfifo program.in
	exec 7<>program.in
	LD_PRELOAD=$object start program.out "$@" <program.in
}

start_blocks() {
	start_on "$LIBRARY" "$BLOCKS"
	await program.out '^ready'
}

# said_blocks: what the program has said, as "ADDRESS SIZE", sorted.
said_blocks() {
	awk '$1 == "block" { print $2, $3 }' program.out | sort
}

# listed_blocks: the same of a JSON document.
listed_blocks() {
	python3 -c '
import json, sys
for block in json.load(sys.stdin)["blocks"]:
    print(block["address"], block["size"])' | sort
}

@test "each block that the program says it has is there with its size" {
	start_blocks
	stop "$PID"
	heap --json --blocks "$PID" | listed_blocks >listed
	said_blocks >said
	[ "$(wc -l <said)" -eq 1072 ]
	[ -z "$(comm -13 listed said)" ]
	# What is not of the program itself is of the C library: its threads.
	[ "$(wc -l <listed)" -lt 1090 ]
}

@test "blocks, classes and totals say the same" {
	start_blocks
	stop "$PID"
	heap --json --blocks --state all "$PID" >out
	python3 - <<'END'
import json
d = json.load(open('out'))
t = d['totals']
live = [b for b in d['blocks'] if b['state'] == 'live']
free = [b for b in d['blocks'] if b['state'] != 'live']
assert d['stopped'] is True
assert t['live_blocks'] == len(live)
assert t['live_bytes'] == sum(b['size'] for b in live)
assert t['free'] == sum(b['extent'] for b in free)
assert t['cached'] == sum(b['extent'] for b in free if b['state'] == 'cached')
assert t['held'] == t['live_bytes'] + t['slack'] + t['free']
assert 0 < t['idle_resident'] < t['resident'] <= t['held']
assert t['faults'] == 0 and t['heaps_with_thread'] == 2
for key in ('live_blocks', 'live_bytes', 'slack', 'cached'):
    assert t[key] == sum(c[key] for c in d['classes']), key
# Free granules are of no class.
assert t['held'] - sum(c['held'] for c in d['classes']) == \
    sum(b['extent'] for b in free if b['class'] is None)
p = d['proofs']
assert (p['unreadable'], p['unsteady'], p['broken']) == (0, 0, 0) and p['proved'] > 10
ends = [(int(b['address'], 16), int(b['address'], 16) + b['size']) for b in d['blocks']]
assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:]))
END
}

@test "a block belongs to the thread that asked for it" {
	local address
	start_blocks
	heap --json --blocks "$PID" >out
	address=$(tail -n 2 program.out | awk '$1 == "block" { print $2 }')
	[ "$(json "next(b['tid'] for b in d['blocks'] if b['address'] == '$address')" <out)" = \
		"$(find "/proc/$PID/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -n 1)" ]
	address=$(awk '$1 == "block" && $3 == 500 { print $2 }' program.out)
	[ "$(json "next(b['tid'] for b in d['blocks'] if b['address'] == '$address')" <out)" = "$PID" ]
}

@test "what is resident agrees with smaps" {
	local rss
	start_blocks
	stop "$PID"
	heap --json "$PID" >out
	rss=$(json "d['totals']['resident']" <out)
	# The heap, its mappings and the allocator's own state are anonymous; so are stacks and .bss.
	[ "$rss" -ge 3000000 ]
	[ "$rss" -le "$(kib smaps_rollup Anonymous)" ]
}

@test "filters choose blocks" {
	start_blocks
	heap --blocks --min-size 31000 --max-size 1M --bytes --noheadings "$PID" >lines
	[ "$(awk '{ print $2 }' lines)" = 100000 ]
	grep -q ' live ' lines
	heap --blocks --limit 3 "$PID" >lines 2>left
	[ "$(wc -l <lines)" -eq 4 ]
	grep -q "^plat heap: $PID: [0-9]* more blocks are not shown$" left
	[ "$(heap --json --blocks --state free,cached "$PID" |
		json "{b['state'] for b in d['blocks']} == {'free', 'cached'}")" = True ]
	heap --json --blocks --min-size 1G "$PID" | json "d['blocks']" | grep -qx '\[\]'
}

@test "sums and classes fit into 80 columns, and --ascii is ASCII" {
	start_blocks
	heap "$PID" >lines
	fits 80 <lines
	grep -q '^held ' lines
	grep -q '^CLASS ' lines
	grep -q '^mapping ' lines
	grep -qx 'It was running: .*' lines
	heap --ascii "$PID" | is_ascii
	stop "$PID"
	heap "$PID" >lines
	run ! grep -q 'was running' lines
}

@test "the state is found by its note where the symbol is not exported" {
	LC_ALL=C sed 's/plat_malloc_state/plat_malloc_stars/g' "$LIBRARY" >other.so
	run ! cmp -s "$LIBRARY" other.so
	start_on "$PWD/other.so" "$BLOCKS"
	await program.out '^ready'
	heap "$PID" | grep -q '^held '
}

@test "another allocator is named, exit 3" {
	start program.out sleep 60
	await "/proc/$PID/comm" sleep
	run heap "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat heap: $PID: it uses glibc's malloc, of "*"/libc.so.6, which cannot be read yet" ]] ||
		[[ "$output" == "plat heap: $PID: it uses "*", which cannot be read yet" ]]
}

@test "who may not read the process is told so, exit 3" {
	need_nobody
	start_blocks
	run "${as_nobody[@]}" "$OPEN/plat" heap "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat heap: $PID: its memory cannot be read: "* ]]
}

@test "wrong usage is exit 64, no process is exit 3" {
	run heap
	[ "$status" -eq 64 ]
	run heap $$ $$
	[ "$status" -eq 64 ]
	run heap --state dead $$
	[ "$status" -eq 64 ]
	run heap --limit 0 --blocks $$
	[ "$status" -eq 64 ]
	run heap --min-size 3 $$
	[ "$status" -eq 64 ]
	run heap 2147483646
	[ "$status" -eq 3 ]
	run heap --help
	[ "$status" -eq 0 ]
	[[ "$output" == *"--min-size SIZE"* ]]
}
