#!/usr/bin/env bats
# plat resident. $PLAT is the command, $TOWN the demo program, which makes every kind of memory.

setup() {
	PLAT=${PLAT:-plat}
	TOWN=${TOWN:-town}
	export COLUMNS=80 LC_ALL=C.UTF-8 ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS-}
	cd "$BATS_TEST_TMPDIR" || exit 1
}

teardown() {
	[ -e pids ] || return 0
	# shellcheck disable=SC2046
	kill $(cat pids) 2>/dev/null || true
	# shellcheck disable=SC2046
	kill -CONT $(cat pids) 2>/dev/null || true
}

# Starts the town and stops it: its pages stay as they are. Sets PID.
start_town() {
	mkfifo hold
	sleep 600 >hold 3>&- &
	echo $! >>pids
	"$TOWN" --list <hold >town.out 2>/dev/null 3>&- &
	echo $! >>pids
	until grep -q ready town.out; do sleep 0.02; done
	PID=$(sed -n 's/^ready //p' town.out)
	kill -STOP "$PID"
	until grep -q '^State:.T' "/proc/$PID/status"; do sleep 0.02; done
}

resident() {
	timeout --foreground 60 "$PLAT" resident "$@"
}

# json EXPRESSION: of the document d on standard input.
json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print('"$1"')'
}

# kib FILE NAME: a figure of /proc in bytes, summed over its lines.
kib() {
	awk -v name="$2:" '$1 == name { sum += $2 } END { print sum * 1024 }' "/proc/$PID/$1"
}

# place KIND: the range that town gave to a thing of this kind.
place() {
	awk -v kind="$1" '$1 == kind { print $2 "-" $3; exit }' town.out
}

@test "regions add up to what the kernel counts" {
	start_town
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
	start_town
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

@test "--pages lists the same bytes, run by run" {
	start_town
	resident --pages --json "$PID" >out
	[ "$(json "sum(p['size'] for p in d['pages'] if p['state'][0] == 'resident')" <out)" = \
		"$(kib smaps Rss)" ]
	resident --pages -b -n "$PID" >lines
	[ "$(awk '$4 == "resident" { sum += $3 } END { print sum }' lines)" = "$(kib smaps Rss)" ]
	sort -c lines
}

@test "the page of zeros, huge pages and guards are seen" {
	start_town
	resident --json "$PID" >out
	if [ "$(json "d['totals']['zero']" <out)" = None ]; then
		skip "the kernel does not tell (before Linux 6.7)"
	fi
	run resident --color=never "$PID" "$(place zero)"
	[[ "$output" == *"zero 64K"*0000000000000000* ]]
	if grep -q '^huge ' town.out && [ "$(kib smaps AnonHugePages)" -gt 0 ]; then
		run resident --color=never "$PID" "$(place huge)"
		[[ "$output" == *"huge "*"■■■■■■■■"* ]]
	fi
	if grep -q '^guard-madvise ' town.out && [ "$(json "d['totals']['guard']" <out)" != None ]; then
		run resident --color=never "$PID" "$(place guard-madvise)"
		[[ "$output" == *"guard 8K"*GG* ]]
		resident --pages -n "$PID" "$(place guard-madvise)" >lines
		[[ "$(cat lines)" == *"8K guard" ]]
	fi
}

@test "a range in one region is drawn page by page" {
	start_town
	range=$(place memfd)
	run resident --color=never "$PID" "$range"
	[ "$status" -eq 0 ]
	[[ "$output" == *"RSS 64K, anon 0, file 64K, exclusive 64K"*"████████████████"*"one cell is 4K, 1 page"* ]]
	run resident --ascii --color=never "$PID" "${range%-*}"
	[[ "$output" == *"RSS 4K"*"  #"* ]]
	! printf %s "$output" | LC_ALL=C grep -q '[^ -~]'
	resident --json "$PID" "$range" >out
	[ "$(json "[d['regions'][0]['strip'], d['regions'][0]['cell_size']]" <out)" = \
		"['################', 4096]" ]
}

@test "a large range has cells of many pages" {
	start_town
	resident --json "$PID" "$(place reserved)" >out
	[ "$(json "len(d['regions'][0]['strip']) <= 1024" <out)" = True ]
	[ "$(json "set(d['regions'][0]['strip'])" <out)" = "{'.'}" ]
	[ "$(json "d['regions'][0]['rss']" <out)" = 0 ]
}

@test "a range of several regions is a table of them" {
	start_town
	start=$(place text)
	start=${start%-*}
	run resident --color=never "$PID" "$start+64K"
	[ "$status" -eq 0 ]
	[[ "$output" == *"START"*"EXCL"*"STRIP"*"text"*"town"* ]]
}

@test "where nothing is mapped is said, with exit 3" {
	start_town
	run resident "$PID" 0x1000-0x2000
	[ "$status" -eq 3 ]
	[[ "$output" == "plat resident: $PID: nothing is mapped in 0x1000-0x2000" ]]
	run resident --pages "$PID" 0x1000
	[ "$status" -eq 3 ]
}

@test "the page cache is asked about files, and only about files" {
	dd if=/dev/zero of=file bs=1M count=4 status=none
	python3 -c 'import mmap, os, signal, sys
f = open("file", "r+b")
m = mmap.mmap(f.fileno(), 0)
f.seek(0)
while f.read(1 << 20): pass
m[0]
print("ready", flush=True)
signal.pause()' >py.out 3>&- &
	PID=$!
	echo $PID >>pids
	until grep -q ready py.out; do sleep 0.02; done
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
	start_town
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
	start_town
	command -v script >/dev/null || skip "no script"
	script -qec "stty cols 80; '$PLAT' resident --color=never --cache '$PID'" /dev/null >out </dev/null || [ $? -eq 2 ]
	tr -d '\r' <out | while read -r line; do
		[ "${#line}" -le 80 ] || case $line in plat\ resident:*) ;; *) false ;; esac
	done
}

@test "another user's process is not permitted, exit 3" {
	start_town
	[ "$(id -u)" -eq 0 ] || skip "not root: no other user to be"
	setpriv --reuid=65534 --regid=65534 --clear-groups "$PLAT" resident --help >/dev/null ||
		skip "another user cannot run $PLAT"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$PLAT" resident "$PID"
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
	run resident $$ 0x1000 --json
	[ "$status" -eq 64 ]
	run resident --pages --cache $$
	[ "$status" -eq 64 ]
	run resident 2147483646
	[ "$status" -eq 3 ]
	run resident --help
	[ "$status" -eq 0 ]
}
