#!/usr/bin/env bats
# plat map --root: captured processes, of several kernels and of strangers.
#
# glibc, static, musl, i386 and python were made by capture.sh; `list` says what the town made where.
# The others are made by hand: linux-* in the formats of older kernels, hostile by somebody who wants
# to harm whoever looks, bare, missing and so on with most files not there.

# shellcheck disable=SC2030,SC2031 # a test is a subshell of its own
load common

setup() {
	set_up 100
	search_leaks
	DATA=$BATS_TEST_DIRNAME/../data
}

teardown() {
	clean_up
}

# The one process of a capture.
pid_of() {
	basename "$DATA/$1"/[0-9]*
}

# map CAPTURE ARGUMENT...
map() {
	local capture=$1
	shift
	plat map --root "$DATA/$capture" "$@" "$(pid_of "$capture")"
}

# look CAPTURE: its document is in $json; the exit code and complaints are as with run.
look() {
	run --separate-stderr map "$1" --json
	json=$output
}

# holds FILTER...: what jq says of the document is true.
holds() {
	jq -e "$@" <<<"$json" >/dev/null || {
		echo "does not hold: $*"
		return 1
	}
}

# Regions and gaps fill memory from 0 to 2^64 without overlap, and no region is without a kind.
is_whole() {
	python3 - 3<<<"$json" <<'PY'
import json, os
d = json.load(os.fdopen(3))
pieces = [(int(p["start"], 16), int(p["end"], 16)) for p in d["regions"] + d["gaps"]]
at = 0
for start, end in sorted(pieces):
    assert start == at, f"{at:x} to {start:x} is in nothing, or twice"
    at = end or 1 << 64
assert at in (1 << 64, (1 << 64) - 1), f"nothing above {at:x}"
assert all(r["kind"] not in (None, "unknown") for r in d["regions"])
PY
}

# The regions lie in the lines of maps, and fill them.
fills_maps() {
	python3 - "$DATA/$1/$(pid_of "$1")/maps" 3<<<"$json" <<'PY'
import json, os, sys
regions = [(int(r["start"], 16), int(r["end"], 16)) for r in json.load(os.fdopen(3))["regions"]]
for line in open(sys.argv[1]):
    at, end = (int(x, 16) for x in line.split()[0].split("-"))
    while at < end:
        start, at_next = regions.pop(0)
        assert start == at and at_next <= end, line
        at = at_next
assert not regions
PY
}

# What the town says that it made has the kind that it should have, at each of its bytes.
agrees_with_list() {
	python3 - "$DATA/$1/list" 3<<<"$json" <<'PY'
import json, os, sys
kinds = {
    "text": "text", "rodata": "rodata", "data": "data relro", "bss": "bss data", "tls": "tls heap bss",
    "heap-block": "heap anon", "large": "anon", "shm-posix": "shm", "shm-sysv": "shm",
    "memfd": "shm", "shm-anon": "shm", "file-deleted": "file", "file-shared": "file",
    "file-private": "file", "device": "device", "locked": "anon", "zero": "anon",
    "dontdump": "anon", "mergeable": "anon", "huge": "anon", "guard-none": "guard",
    "guard-madvise": "guard", "reserved": "reserved anon", "opened": "anon", "secret": "secret",
    "sealed": "anon", "jit": "anon", "growsdown": "anon", "thread-stack": "thread-stack tls",
}
regions = [(int(r["start"], 16), int(r["end"], 16), r) for r in json.load(os.fdopen(3))["regions"]]
wrong = 0
for line in open(sys.argv[1]):
    kind, start, end, name = line.rstrip("\n").split(" ", 3)
    start, end = int(start, 16), int(end, 16)
    for low, high, region in regions:
        if low >= end or high <= start:
            continue
        if region["kind"] not in kinds[kind].split():
            print(f"{line.rstrip()}: {region['start']} is {region['kind']}")
            wrong = 1
        if kind != "heap-block" and name.startswith("tid=") and region["tid"] != int(name[4:].split()[0]):
            print(f"{line.rstrip()}: {region['start']} is of thread {region['tid']}")
            wrong = 1
sys.exit(wrong)
PY
}

# No character moves the cursor, rings, or turns the direction of writing.
is_harmless() {
	python3 -c '
import sys, unicodedata
text = sys.stdin.buffer.read().decode("utf-8")
for c in text:
    assert c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp"), ascii(c)
'
}

check_capture() {
	look "$1"
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	is_whole
	fills_maps "$1"
	holds '.totals.size_residual == 0 and .totals.rss_residual == 0'
	holds '.unknown == []'
	# shellcheck disable=SC2016 # variables of jq
	holds '([.totals.kinds[].size] | add) - (.totals.kinds.vsyscall.size // 0) == .totals.size'
	holds '([.regions[] | select(.kind != "vsyscall") | .rss] | add) == .totals.rss'
	# shellcheck disable=SC2016 # variables of jq
	holds --arg want "$2" '.direction == $want'
}

@test "a dynamic program of glibc: every byte is what the program says" {
	check_capture glibc top-down
	agrees_with_list glibc
	holds '.bits == 64 and .command == "town"'
	holds '[.threads[] | select(.stack_end and .guard_start < .stack_start)] | length >= 4'
}

@test "a static program: every byte is what the program says" {
	check_capture static top-down
	agrees_with_list static
}

@test "a program of musl: every byte is what the program says" {
	check_capture musl top-down
	agrees_with_list musl
}

@test "a 32-bit program: every byte is what the program says" {
	check_capture i386 top-down
	agrees_with_list i386
	holds '.bits == 32'
	holds '.addresses.user_end == "0xffffe000"'
	holds '[.regions[].end | length] | max <= 10'
}

@test "python with threads: each thread has a stack, a guard and TLS" {
	check_capture python top-down
	holds '.threads | length == 4'
	holds '[.threads[] | select(.stack_end == null or .tls_end == null)] == []'
	holds '[.regions[] | select(.kind == "thread-stack") | .tid] | unique | length == 3'
	holds '[.regions[] | select(.kind == "guard")] | length >= 3'
}

@test "all threads of the town are known with name, stack and TLS" {
	for capture in glibc static musl i386; do
		look "$capture"
		for name in town baker miller smith night-watch; do
			# shellcheck disable=SC2016 # variables of jq
			holds --arg name "$name" '[.threads[] | select(.name == $name and .stack_end and .tls_end)] | length == 1'
		done
	done
}

@test "the stacks that the C library keeps for later threads are shown" {
	look glibc
	holds '[.threads[] | select(.tid == null and .stack_end)] | length == 1'
}

@test "a guard that only the page table knows cuts its mapping" {
	look glibc
	start=$(awk '$1 == "guard-madvise" { print $2 }' "$DATA/glibc/list")
	# shellcheck disable=SC2016 # variables of jq
	holds --arg start "$start" '.regions[] | select(.start == $start) | .kind == "guard" and .size == 8192'
}

@test "the guard gap lies below the main stack" {
	look glibc
	# shellcheck disable=SC2016 # variables of jq
	holds '. as $d | [.gaps[] | select(.kind == "stack-guard-gap")] | length == 1 and .[0].size == 1048576
		and (.[0].end as $top | any($d.regions[]; .start == $top and .kind == "stack"))'
}

@test "smaps of a capture gives figures for each mapping" {
	run --separate-stderr map glibc --flags --raw --bytes -o START,KIND,PSS,LOCKED,FLAGS
	[ "$status" -eq 0 ]
	start=$(awk '$1 == "locked" { print $2 }' "$DATA/glibc/list")
	[[ "$output" == *"${start#0x} anon 65536 65536 "*lo* ]]
}

@test "a capture without smaps says so where it is asked" {
	run --separate-stderr map musl --flags
	[ "$status" -eq 2 ]
	[[ "$stderr" == *smaps* ]]
}

@test "Linux 3.10: stacks are named by their thread, some files do not exist" {
	check_capture linux-3.10 top-down
	holds '[.regions[] | select(.kind == "thread-stack")] | length == 1 and .[0].tid == 802'
	holds '[.regions[] | select(.kind == "vsyscall")] | length == 1'
	holds '.totals.rss_anon == null and .totals.rss_anon_why'
}

@test "Linux 4.4: stacks are named by their thread, vvar has a line" {
	check_capture linux-4.4 top-down
	holds '[.regions[] | select(.kind == "thread-stack")] | length == 1 and .[0].tid == 802'
	holds '[.regions[] | select(.kind == "vvar")] | length == 1'
}

@test "Linux 5.10: a thread's stack has no name, its stack pointer tells" {
	check_capture linux-5.10 top-down
	holds '[.regions[] | select(.kind == "thread-stack")] | length == 1 and .[0].tid == 802'
	holds '[.regions[] | select(.kind == "guard")] | length == 1 and .[0].tid == 802'
	holds '.totals.rss_anon != null'
}

@test "Linux 6.1: anonymous memory with a name stays what it is" {
	check_capture linux-6.1 top-down
	holds '[.regions[] | select(.kind == "thread-stack")] | length == 1 and .[0].tid == 802'
	holds '[.regions[] | select(.kind == "bss" and .start == "0x7f3a103bc000")] | length == 1'
}

@test "old kernels: segments, relro and a .bss cut to the byte" {
	for capture in linux-3.10 linux-4.4 linux-5.10 linux-6.1; do
		look "$capture"
		holds '[.regions[] | select(.name == "/usr/sbin/old daemon") | .kind] ==
			["text", "relro", "data", "bss", "bss"]'
		holds 'any(.regions[]; .start == "0x60c480" and .kind == "bss")'
		holds 'any(.regions[]; .kind == "reserved" and .start == "0x7f3a101b6000" and .size == 2097152)'
	done
}

@test "old kernels: smaps without newer fields still gives its figures" {
	for capture in linux-3.10 linux-4.4 linux-5.10 linux-6.1; do
		run --separate-stderr map "$capture" --flags --raw --bytes -o START,PSS
		[ "$status" -eq 0 ]
		[[ "$output" == *4096* ]]
	done
}

@test "with only maps, stat and status the rest is unknown with its reason" {
	look bare
	[ "$status" -eq 2 ]
	is_whole
	fills_maps bare
	holds '.totals.size_residual == 0'
	holds '[.regions[] | select(.rss != null or .rss_why == null)] == []'
	holds '.unknown | length >= 3'
	holds '[.regions[].kind] | contains(["heap", "stack", "vdso", "vvar", "guard"])'
}

@test "without maps there is nothing to show" {
	look missing
	[ "$status" -eq 3 ]
	[ -z "$output" ]
	[[ "$stderr" == *map* ]]
}

@test "a folder with nothing in it, and one that is not there" {
	mkdir 5
	run --separate-stderr "$PLAT" map --root . 5
	[ "$status" -eq 3 ]
	[ -n "$stderr" ]
	run --separate-stderr "$PLAT" map --root . 6
	[ "$status" -eq 3 ]
	[[ "$stderr" == *6* ]]
	run --separate-stderr "$PLAT" map --root none 6
	[ "$status" -eq 3 ]
}

@test "folders and loops in place of files" {
	local to=$BATS_TEST_TMPDIR/801
	cp -r "$DATA/linux-5.10/801" "$to"
	rm -r "$to/auxv" "$to/limits" "$to/task/802/stat" "$to/pages/runs"
	mkdir "$to/auxv" "$to/task/802/stat"
	ln -s limits "$to/limits"
	mkfifo "$to/pages/runs"
	run --separate-stderr timeout 20 "$PLAT" map --root "$BATS_TEST_TMPDIR" --json 801
	[ "$status" -eq 2 ]
	json=$output
	is_whole
}

@test "a stat that is not there or makes no sense" {
	look no-stat
	[ "$status" -eq 3 ]
	look broken-stat
	[ "$status" -eq 3 ]
	[[ "$stderr" == *stat* ]]
}

@test "a zombie and a kernel thread are called so, and cannot move the cursor" {
	look zombie
	[ "$status" -eq 3 ]
	[[ "$stderr" == *zombie* ]]
	is_harmless <<<"$stderr"
	look kthread
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"kernel thread"* ]]
	is_harmless <<<"$stderr"
}

@test "a hostile capture makes a whole and valid document" {
	look hostile
	[ "$status" -eq 2 ]
	is_whole
	is_harmless <<<"$json"
	is_harmless <<<"$stderr"
	jq -r '.. | strings' <<<"$json" | is_harmless
	[[ "$stderr" == *"lines could not be understood"* ]]
}

@test "a hostile capture cannot move the cursor in any form" {
	local form
	for form in --list '--list -o all' '--raw -o all' --flags -v --legend '--svg -' --ascii; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr map hostile $form --color never
		[ "$status" -eq 2 ] || { echo "$form: exit $status"; return 1; }
		is_harmless <<<"$output"
		is_harmless <<<"$stderr"
	done
	LC_ALL=C run --separate-stderr map hostile --color never
	[ "$status" -eq 2 ]
	is_harmless <<<"$output"
}

@test "names with newlines and blanks stay one name on one line" {
	run --separate-stderr map hostile --raw -o START,NAME
	[[ "$output" == *'\\012'* ]] || [[ "$output" == *'\012'* ]]
	look hostile
	holds '[.regions[] | select(.start == "0x500000")] | length == 1'
}

# 65,530 mappings, as many as the kernel allows: pairs of a guard and a page, a file each.
make_huge() {
	mkdir -p "$1/801" "$1/sys/vm"
	cp "$DATA/linux-5.10/801"/{stat,status,limits,personality,auxv} "$1/801/"
	cp "$DATA/linux-5.10/sys/vm"/* "$1/sys/vm/"
	awk 'BEGIN {
		for (i = 0; i < 65530; i++) {
			printf "7f%06x000-7f%06x000 %s 00000000 %s\n", i, i + 1,
				i % 3 == 0 ? "---p" : "rw-p",
				i % 3 == 2 ? "08:01 " (i + 1) "   /data/file " i : "00:00 0 "
		}
	}' >"$1/801/maps"
}

@test "65,530 mappings are read and written" {
	local root=$BATS_TEST_TMPDIR/huge
	make_huge "$root"
	run --separate-stderr timeout 60 "$PLAT" map --root "$root" --raw --noheadings -o START,END,KIND 801
	[ "$status" -eq 2 ] || [ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 65530 ]
	[ "$(cut -d' ' -f3 <<<"$output" | sort | uniq -c | awk '{ print $2 "=" $1 }' | paste -sd' ')" = \
		"anon=21843 file=21843 guard=21844" ]
}

@test "65,530 mappings make a picture of moderate height" {
	local root=$BATS_TEST_TMPDIR/huge
	make_huge "$root"
	run --separate-stderr timeout 60 "$PLAT" map --root "$root" 801
	[ "$status" -eq 2 ] || [ "$status" -eq 0 ]
	[ "${#lines[@]}" -lt 500 ]
}

@test "a capture of a process that is alive shows what the process shows" {
	[ -r /proc/self/pagemap ] || skip "pagemap cannot be read"
	start_town
	true 2>/dev/null <"/proc/$PID/mem" || skip "the memory of another process may not be read"
	"$BATS_TEST_DIRNAME/../capture.sh" "$PID" tree
	local regions='.regions[] | [.start, .end, .kind, .tid, .rss]'
	plat map --json "$PID" | jq -c "$regions" >live
	plat map --json --root tree "$PID" | jq -c "$regions" >captured
	[ -s live ]
	diff live captured
}
