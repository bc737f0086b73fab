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

# listed_blocks: the same of JSON, a block a line.
listed_blocks() {
	python3 -c '
import json, sys
for line in sys.stdin:
    block = json.loads(line)
    print(block["addr"], block["size"])' | sort
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

@test "what is read while it stands still is the same, and the pause is told" {
	start_blocks
	heap --json --blocks "$PID" >running
	heap --stop --json --blocks "$PID" >stopped
	diff running stopped
	heap --stop --blocks "$PID" >lines
	[ "$(wc -l <lines)" -eq $(($(wc -l <stopped) + 1)) ]
	heap --stop "$PID" | grep -qx 'It was stopped for [0-9.]* ms\.'
	heap --stop --json "$PID" >out
	[ "$(json "d['stopped'] and d['pause_ns'] > 0" <out)" = True ]
	heap --json "$PID" >out
	[ "$(json "d['stopped'] or d['pause_ns']" <out)" = 0 ]
	kill -0 "$PID"
}

@test "blocks, classes, arenas and totals say the same" {
	start_blocks
	stop "$PID"
	heap --json --blocks --state all "$PID" >lines
	heap --json "$PID" >out
	python3 - <<'END'
import json
d = json.load(open('out'))
blocks = [json.loads(line) for line in open('lines')]
t = d['totals']
live = [b for b in blocks if b['state'] == 'live']
free = [b for b in blocks if b['state'] != 'live']
assert d['schema'] == 2 and d['allocator']['name'] == 'plat' and d['allocator']['in_use'] is True
assert all(b['size_is'] == 'requested' for b in live)
assert all(b['size_is'] == 'usable' for b in free)
assert all(0 <= b['resident'] <= b['size'] for b in blocks)
assert t['live_resident'] == sum(b['resident'] for b in live)
for arena in d['arenas']:
    mine = [b for b in blocks if b['arena'] == arena['arena']]
    assert arena['live_bytes'] == sum(b['size'] for b in mine if b['state'] == 'live')
    assert arena['free'] == sum(b['extent'] for b in mine if b['state'] != 'live')
    assert 0 <= arena['returnable_resident'] <= arena['returnable'] <= arena['free'] + arena['slack']
for key in ('held', 'live_bytes', 'live_blocks', 'slack', 'free', 'cached', 'resident',
            'free_resident', 'returnable', 'returnable_resident', 'pinned'):
    assert t[key] == sum(a[key] for a in d['arenas']), key
assert sum(h['blocks'] for h in d['histogram']) == len(live)
assert sum(h['bytes'] for h in d['histogram']) == t['live_bytes']
l = d['ladder']
assert l['rss'] >= l['anonymous'] >= l['held'] == l['free'] + l['slack'] + l['live']
assert l['anonymous'] == l['held'] + sum(l['not_held'].values())
assert abs(l['anonymous'] - l['rss_anon']) < 1 << 20
assert [p['result'] for p in d['proofs']['list']] == ['holds']
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
ends = [(int(b['addr'], 16), int(b['addr'], 16) + b['size']) for b in blocks]
assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:]))
END
}

# tid_of ADDRESS: of that block.
tid_of() {
	python3 -c '
import json, sys
print(next(b["tid"] for b in map(json.loads, sys.stdin) if b["addr"] == sys.argv[1]))' "$1"
}

@test "a block belongs to the thread that asked for it" {
	local address
	start_blocks
	heap --json --blocks "$PID" >out
	address=$(tail -n 2 program.out | awk '$1 == "block" { print $2 }')
	[ "$(tid_of "$address" <out)" = \
		"$(find "/proc/$PID/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -n 1)" ]
	address=$(awk '$1 == "block" && $3 == 500 { print $2 }' program.out)
	[ "$(tid_of "$address" <out)" = "$PID" ]
}

@test "an address is explained by its block" {
	local address
	start_blocks
	address=$(awk '$1 == "block" && $3 == 500 { print $2 }' program.out)
	plat explain --json "$PID" "$(at "$address" 499)" >out
	[ "$(json "dict(list(d['addresses'][0]['block'].items())[:8])" <out)" = "{\
'allocator': 'plat', 'addr': '$address', 'size': 500, 'size_is': 'requested', 'state': 'live', 'offset': 499, \
'arena': 'thread 1', 'tid': $PID}" ]
	plat explain "$PID" "$(at "$address" 501)" | tr -s '\n ' ' ' >lines
	grep -q "block live, 500 bytes as asked for, from $address on; this is 1 behind its end" lines
	grep -q "arena thread 1 of plat's malloc, of thread $PID" lines
	address=$(awk '$1 == "block" && $3 == 3000000 { print $2 }' program.out)
	plat explain "$PID" "$(at "$address" 2000000)" | tr -s '\n ' ' ' >lines
	grep -q '; this is byte 2000000 ' lines
	plat explain --no-blocks "$PID" "$address" >lines
	run ! grep -q '^  block' lines
}

@test "plat map tells what allocators have in each region" {
	start_blocks
	stop "$PID"
	plat map --heap --json "$PID" >regions
	heap --json "$PID" >out
	python3 - <<'END'
import json
regions = json.load(open("regions"))['regions']
totals = json.load(open('out'))['totals']
shares = [r for r in regions if r['arena'] is not None]
for key, total in (('held', 'held'), ('live', 'live_bytes'), ('free', 'free')):
    assert sum(r[key] for r in shares) == totals[total], key
assert all(r['live'] + r['free'] <= r['held'] <= r['size'] for r in shares)
assert any(r['kind'] == 'heap' and r['live'] for r in shares)
assert any(r['arena'] == 'mapped' for r in shares)
assert any(r['kind'] == 'text' and r['held'] is None for r in regions)
END
	plat map --heap "$PID" | grep -q '^ *START .* ARENA *HELD *LIVE *FREE NAME'
	run plat map --heap -- true
	[ "$status" -eq 64 ]
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
	[ "$(heap --json --blocks --state free,cached "$PID" | grep -o '"state":"[a-z]*"' | sort -u |
		tr '\n' ' ')" = '"state":"cached" "state":"free" ' ]
	[ -z "$(heap --json --blocks --min-size 1G "$PID")" ]
}

@test "of a process that ends while it is looked at that is said" {
	local command i
	for command in heap leaks owners; do
		for i in 0 1 2 3 4 5; do
			start_on "" "$BLOCKS"
			await program.out '^ready'
			(sleep "0.0$((2 * i))" && kill -KILL "$PID") &
			code=0
			plat "$command" "$PID" >out 2>err || code=$?
			[ "$code" -le 3 ]
			wait $! || true
			cat err
			run ! grep -qE "No such|nobody may read|$PID.*$PID" err
			[ "$code" -ne 3 ] || grep -qE "^plat $command: $PID( \(blocks\))?: (the process is gone|it has ended|is a zombie|is about to end|there is no such process|its memory cannot be read: Permission denied)" err
		done
	done
}

@test "sizes in bytes stand apart, however large, and are not cut" {
	start_blocks
	stop "$PID"
	heap --bytes --trim --classes "$PID" >out
	heap --json "$PID" >doc
	for key in held live_bytes free; do
		grep -qw "$(json "d['totals']['$key']" <doc)" out
	done
	[ "$(awk '$1 == "held" { print $3 }' out)" = "$(json "d['totals']['held']" <doc)" ]
	[ "$(awk '$1 == "all" && NF == 6 { print $2 }' out)" = "$(json "d['totals']['returnable']" <doc)" ]
	json "'\n'.join('%d %d' % (a['held'], a['live_bytes']) for a in d['arenas'])" <doc >arenas
	while read -r held live; do
		[ "$held" -eq 0 ] || grep -q " $held  *$live " out
	done <arenas
	run ! grep -q '…' <(sed -n '/^LADDER/,$p' out)
}

@test "all tables fit into 80 columns, and --ascii is ASCII" {
	start_blocks
	heap --classes --trim "$PID" >lines
	fits 80 <lines
	for word in RSS anonymous held ARENA 'thread 1' PAGES TRIM CLASS mapping holds; do
		grep -q "^$word " lines
	done
	grep -qx 'It was running: .*' lines
	heap --ascii --classes --trim "$PID" | is_ascii
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

# A library that looks like jemalloc from outside, and hands out what it has mapped.
make_other() {
	cc -x c -shared -fPIC -o libjemalloc.so - <<'END'
#include <stddef.h>
#include <sys/mman.h>
static char *at, *end;
int mallctl(void);
int mallctl(void) { return 0; }
void *malloc(size_t size)
{
	if (size > (size_t)(end - at)) {
		at = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		end = at + (1 << 24);
	}
	at += (size + 15) / 16 * 16;
	return at - (size + 15) / 16 * 16;
}
void free(void *p) { (void)p; }
void *calloc(size_t n, size_t size) { return malloc(n * size); }
void *realloc(void *p, size_t size)
{
	char *from = p, *to = malloc(size);
	for (size_t i = 0; from && i < size && from + i < at; i++)
		to[i] = from[i];
	return to;
}
END
}

@test "an allocator that cannot be read is named, and its memory shown; exit 2" {
	make_other
	start_on "$PWD/libjemalloc.so" "$BLOCKS"
	await program.out '^ready'
	run heap "$PID"
	[ "$status" -eq 2 ]
	[[ "$output" == *"plat heap: $PID: it uses jemalloc, of "*"/libjemalloc.so, whose blocks cannot be read"* ]]
	heap --json "$PID" 2>/dev/null >out || [ $? -eq 2 ]
	[ "$(json "d['allocator']['name']" <out)" = jemalloc ]
	[ "$(json "d['ladder']['opaque']['resident'] >= 3000000" <out)" = True ]
	[ "$(json "d['ladder']['opaque']['resident'] <= d['ladder']['anonymous']" <out)" = True ]
	run heap --blocks "$PID"
	[ "$status" -ge 2 ]
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

@test "options may stand behind the process, too" {
	start_blocks
	plat heap --json --top 2 "$PID" >before
	plat heap "$PID" --json --top 2 >behind
	[ "$(python3 -c 'import json, sys; print(sorted(json.load(sys.stdin)))' <before)" = \
		"$(python3 -c 'import json, sys; print(sorted(json.load(sys.stdin)))' <behind)" ]
	run plat heap "$PID" --no-such-option
	[ "$status" -eq 64 ]
}
