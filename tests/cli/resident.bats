#!/usr/bin/env bats
# plat resident, on towns that are stopped: their pages stay as they are.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	clean_up
}

start_stopped_town() {
	start_town
	stop "$PID"
}

resident() {
	plat resident "$@"
}

@test "regions add up to what the kernel counts" {
	start_stopped_town
	resident --json --exclusive "$PID" >out
	resident --json --exclusive --pages "$PID" >pages
	[ "$(json "d['totals']['rss']" <out)" = "$(kib smaps Rss)" ]
	[ "$(json "d['totals']['anon']" <out)" = "$(kib smaps Anonymous)" ]
	[ "$(json "d['totals']['swap']" <out)" = "$(kib status VmSwap)" ]
	[ "$(json "sum(r['rss'] for r in d['regions']) == d['totals']['rss']" <out)" = True ]
	[ "$(json "sum(r['size'] for r in d['regions']) == d['totals']['size']" <out)" = True ]
	# It has no children: all of its anonymous memory is its own. Files are shared with who knows whom.
	[ "$(json "sum(p['size'] for p in d['pages'] if {'anon', 'exclusive'} <= set(p['state']))" <pages)" = \
		"$(kib smaps Anonymous)" ]
	[ "$(json "d['totals']['anon'] < d['totals']['exclusive'] < d['totals']['rss']" <out)" = True ]
}

@test "each mapping has the RSS that smaps says" {
	start_stopped_town
	resident --json "$PID" >out
	python3 - "$PID" <<'END'
import json, re, sys
regions = json.load(open('out'))['regions']
start = end = 0
for line in open(f'/proc/{sys.argv[1]}/smaps'):
    if re.match('[0-9a-f]+-', line):
        start, end = (int(x, 16) for x in line.split()[0].split('-'))
        name = line.split(None, 5)[5:]
    if line.startswith('Rss:') and '[vsyscall]\n' not in name:
        inside = [r for r in regions if start <= int(r['start'], 16) < end]
        assert sum(r['rss'] for r in inside) == int(line.split()[1]) * 1024, line
        assert sum(r['size'] for r in inside) == end - start, line
END
}

@test "regions are those of plat map, cut at guards in the page table too" {
	start_stopped_town
	resident --json "$PID" >out
	plat map --json "$PID" >map.json
	regions="[[r['start'], r['end'], r['kind'], r['rss'], r['swap']] for r in d['regions'] if r['kind'] != 'vsyscall']"
	[ "$(json "$regions" <out)" = "$(json "$regions" <map.json)" ]
	if grep -q '^guard-madvise ' "$LIST" && [ "$(json "d['totals']['guard']" <out)" != None ]; then
		[ "$(json "sum(r['size'] for r in d['regions'] if r['kind'] == 'guard' and r['guard'])" <out)" = \
			"$(json "d['totals']['guard']" <out)" ]
		resident --pages -n --kind guard "$PID" >lines
		[[ "$(cat lines)" == *"8K guard"* ]]
		run resident --ascii --kind guard "$PID" "$(range guard-madvise)"
		[[ "$output" == *"8K  rw-p  guard "*"  GG"* ]]
	fi
}

@test "the vsyscall page counts for nothing, and plat map says the same" {
	start_stopped_town
	grep -q vsyscall "/proc/$PID/maps" || skip "the kernel has none"
	figures="[[r['rss'], r['swap']] for r in d['regions']]"
	resident --json "$PID" 0xffffffffff600000 >out
	[ "$(json "$figures" <out)" = "[[0, 0]]" ]
	[ "$(plat map --json --kind vsyscall "$PID" | json "$figures")" = "[[0, 0]]" ]
	run resident --ascii "$PID" 0xffffffffff600000
	[[ "$output" == *"RSS 0, "*"  ."* ]]
}

@test "--pages lists the same bytes, run by run" {
	start_stopped_town
	resident --pages --json "$PID" >out
	[ "$(json "sum(p['size'] for p in d['pages'] if p['state'][0] == 'resident')" <out)" = \
		"$(kib smaps Rss)" ]
	resident --pages -b -n "$PID" >lines
	[ "$(awk '$4 == "resident" { sum += $3 } END { print sum }' lines)" = "$(kib smaps Rss)" ]
	sort -c lines
}

@test "the page of zeros, huge pages and guards are seen" {
	start_stopped_town
	resident --json "$PID" >out
	if [ "$(json "d['totals']['zero']" <out)" = None ]; then
		skip "the kernel does not tell (before Linux 6.7)"
	fi
	run resident --color=never "$PID" "$(range zero)"
	[[ "$output" == *"zero 64K"*0000000000000000* ]]
	if grep -q '^huge ' "$LIST" && [ "$(kib smaps AnonHugePages)" -gt 0 ]; then
		run resident --color=never "$PID" "$(range huge)"
		[[ "$output" == *"huge "*"■■■■■■■■"* ]]
	fi
	if grep -q '^guard-madvise ' "$LIST" && [ "$(json "d['totals']['guard']" <out)" != None ]; then
		run resident --color=never "$PID" "$(range guard-madvise)"
		[[ "$output" == *"guard 8K"*GG* ]]
		resident --pages -n "$PID" "$(range guard-madvise)" >lines
		[[ "$(cat lines)" == *"8K guard" ]]
	fi
}

@test "a range in one region is drawn page by page" {
	start_stopped_town
	range=$(range memfd)
	run resident --color=never "$PID" "$range"
	[ "$status" -eq 0 ]
	[[ "$output" == *"RSS 64K, anon 0, file 64K, exclusive 64K"*"████████████████"*"one cell is 4K, 1 page"* ]]
	run resident --ascii --color=never "$PID" "${range%-*}"
	[[ "$output" == *"RSS 4K"*"  #"* ]]
	is_ascii <<<"$output"
	resident --json "$PID" "$range" >out
	[ "$(json "[d['regions'][0]['strip'], d['regions'][0]['cell_size']]" <out)" = \
		"['################', 4096]" ]
}

@test "a large range has cells of many pages" {
	start_stopped_town
	resident --json "$PID" "$(range reserved)" >out
	[ "$(json "len(d['regions'][0]['strip']) <= 1024" <out)" = True ]
	[ "$(json "set(d['regions'][0]['strip'])" <out)" = "{'.'}" ]
	[ "$(json "d['regions'][0]['rss']" <out)" = 0 ]
}

@test "a range of several regions is a table of them" {
	start_stopped_town
	run resident --color=never "$PID" "$(place text)+64K"
	[ "$status" -eq 0 ]
	[[ "$output" == *"START"*"EXCL"*"STRIP"*"text"*"town"* ]]
}

@test "where nothing is mapped is said, with exit 3" {
	start_stopped_town
	run resident "$PID" 0x1000-0x2000
	[ "$status" -eq 3 ]
	[[ "$output" == "plat resident: $PID: nothing is mapped in 0x1000-0x2000" ]]
	run resident --pages "$PID" 0x1000
	[ "$status" -eq 3 ]
}

@test "the page cache is asked about files, and only about files" {
	dd if=/dev/zero of=file bs=1M count=4 status=none
	start py.out python3 -c 'import mmap, os, signal, sys
f = open("file", "r+b")
m = mmap.mmap(f.fileno(), 0)
f.seek(0)
while f.read(1 << 20): pass
m[0]
print("ready", flush=True)
signal.pause()'
	await py.out ready
	resident --cache --json "$PID" >out || [ $? -eq 2 ]
	file="next(r for r in d['regions'] if r['name'].endswith('/file'))"
	if [ "$(json "${file}['cached']" <out)" = None ]; then
		skip "$(json "${file}['cached_why']" <out)"
	fi
	[ "$(json "${file}['cached']" <out)" = 4194304 ]
	[ "$(json "${file}['rss'] < 4194304" <out)" = True ]
	[ "$(json "'c' in ${file}['strip']" <out)" = True ]
	[ "$(json "next(r for r in d['regions'] if r['kind'] == 'heap')['cached']" <out)" = None ]
	resident --json "$PID" >out
	[ "$(json "[${file}['cached'], ${file}['cached_why']]" <out)" = "[None, 'not asked for']" ]
	[ "$(json "'c' in ${file}['strip']" <out)" = False ]
}

@test "kinds, order and headings can be chosen" {
	start_stopped_town
	run resident --color=never -n -k vdso "$PID"
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *"vdso"* ]]
	resident --json --sort rss "$PID" >out
	[ "$(json "[r['rss'] for r in d['regions']] == sorted((r['rss'] for r in d['regions']), reverse=True)" <out)" = True ]
	run resident --sort nothing "$PID"
	[ "$status" -eq 64 ]
	run resident --kind nothing "$PID"
	[ "$status" -eq 64 ]
}

@test "no line of the table is wider than 80 columns of a terminal" {
	start_stopped_town
	command -v script >/dev/null || skip "no script"
	script -qec "stty cols 80; '$PLAT' resident --color=never --cache '$PID'" /dev/null >out </dev/null || [ $? -eq 2 ]
	tr -d '\r' <out | grep -v '^plat resident:' | fits 80
}

@test "another user's process is not permitted, exit 3" {
	start_stopped_town
	need_nobody
	run "${as_nobody[@]}" "$OPEN/plat" resident "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == *"$PID: maps: not permitted"* ]]
}

@test "wrong usage is exit 64, no process is exit 3" {
	run resident
	[ "$status" -eq 64 ]
	run resident $$ 4096
	[ "$status" -eq 64 ]
	run resident $$ 0x2000-0x1000
	[ "$status" -eq 64 ]
	run resident $$ 0x1000 --no-such-option
	[ "$status" -eq 64 ]
	run resident --pages --cache $$
	[ "$status" -eq 64 ]
	run resident 2147483646
	[ "$status" -eq 3 ]
	run resident --help
	[ "$status" -eq 0 ]
}
