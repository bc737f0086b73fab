#!/usr/bin/env bats
# Cores in place of processes: by the kernel and by gdb, packed, cut off; of a program ($BLOCKS, see
# blocks.c) on plat's malloc. What a core says is compared with the stopped process before it ended.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&-
	clean_up
}

# start_blocks [PROGRAM]: with plat's malloc, or a program with its own, stopped when it has all its
# blocks; sets PID.
start_blocks() {
	local program=${1:-$BLOCKS} preload=$LIBRARY
	[ $# -eq 0 ] || preload=
	mkfifo program.in
	exec 7<>program.in
	(
		ulimit -c unlimited 2>/dev/null
		LD_PRELOAD=$preload exec "$program" <program.in >program.out 3>&-
	) &
	PID=$!
	echo "$PID" >>pids
	await program.out '^ready'
	stop "$PID"
}

# kernel_core: ends it by a signal; its core becomes the file of this name.
kernel_core() {
	local pattern i
	pattern=$(cat /proc/sys/kernel/core_pattern)
	[ "$pattern" = core ] || skip "core_pattern is $pattern: cores go elsewhere"
	kill -ABRT "$PID"
	kill -CONT "$PID"
	for ((i = 0; i < 200; i++)); do
		[ -e "/proc/$PID/stat" ] || break
		grep -q ') Z' "/proc/$PID/stat" && break
		sleep 0.05
	done
	for i in core core.*; do
		[ -s "$i" ] && break
	done
	[ -s "$i" ] || skip "the kernel wrote no core: ulimit -c is $(ulimit -Hc)"
	[ "$i" = core ] || mv "$i" core
}

# gdb_core: the process goes on.
gdb_core() {
	command -v gcore >/dev/null || skip "no gcore"
	gcore -o gdb "$PID" >gcore.out 2>&1 || skip "gcore cannot attach"
	mv "gdb.$PID" gdb.core
}

# blocks_of NAME OPERAND: all blocks, without what only a running or only an ended process shows.
blocks_of() {
	plat heap --json --blocks --state all "$2" | python3 -c '
import json, sys
for block in map(json.loads, sys.stdin):
    print(*(block[key] for key in ("addr", "size", "extent", "state", "class", "arena")))' >"$1"
}

# kinds_of NAME OPERAND
kinds_of() {
	plat map --raw -n -o START,END,KIND,PERMS "$2" >"$1"
}

@test "a core by the kernel has the blocks of the stopped process" {
	start_blocks
	blocks_of live "$PID"
	kernel_core
	blocks_of dead ./core
	[ "$(wc -l <dead)" -gt 1072 ]
	diff live dead
	run -0 --separate-stderr plat heap -l core
}

@test "cores of programs with musl, dynamic and static, have the blocks of the stopped process" {
	command -v musl-gcc >/dev/null || skip "no musl-gcc"
	for kind in -no-pie -static; do
		rm -f program.in program.out core gdb.core
		musl-gcc -std=gnu17 -O2 -D_GNU_SOURCE -DRTLD_DEEPBIND=0 "$kind" "$BATS_TEST_DIRNAME/blocks.c" -o musl
		start_blocks ./musl
		blocks_of live "$PID"
		[ "$(grep -c ' live ' live)" -ge 1072 ]
		gdb_core
		blocks_of dead gdb.core
		diff live dead
		kernel_core
		blocks_of dead ./core
		diff live dead
		run -2 --separate-stderr plat heap ./core
		[[ $output == *"musl's malloc, mallocng"* ]]
		[[ $output == *"holds     all groups lead back to their metas"* ]]
	done
}

@test "a core by the kernel has the kinds of the stopped process" {
	start_blocks
	kinds_of live "$PID"
	kernel_core
	kinds_of dead core
	# Without permission to look at threads as they run, a first thread's TLS is found only in the core.
	diff <(grep -v ' \(tls\|anon\) ' live) <(grep -v ' \(tls\|anon\) ' dead)
	grep -q ' heap rw-p$' dead
	grep -q ' thread-stack rw-p$' dead
	grep -q ' args rw-p$' dead
}

@test "what a core does not hold is unknown, and the answer partial" {
	start_blocks
	kernel_core
	run -2 --separate-stderr plat map --json core
	json 'd["core"], d["regions"][0]["rss"], d["limits"]["stack"], d["totals"]["rss"]' <<<"$output" >out
	grep -q "None" out
	# shellcheck disable=SC2154 # stderr is set by run
	[[ $stderr == *"core: a core does not say which pages were in memory"* ]]
	json '[t["name"] for t in d["threads"]]' <<<"$output" | grep -q None
	run ! grep -qE '"(rss|swap)": ?0' <<<"$output"
	# A limit that is not known counts as none, and it is said that it does.
	plat map --json core >out 2>/dev/null || [ $? -eq 2 ]
	[ "$(json 'd["growth"]["stack"]["note"], d["growth"]["mmap"]["note"]' <out)" = \
		"('RLIMIT_STACK is not known', 'RLIMIT_AS is not known')" ]
	run -2 --separate-stderr plat map core
	[[ $(tr -s '[:space:]' ' ' <<<"$output") == *"main stack: can grow by"*"RLIMIT_STACK is not known"* ]]
	run -2 --separate-stderr plat heap core
	[[ $output == *"not known: a core does not say"* ]]
	run -2 --separate-stderr plat usage core
	[[ $output == *VmSize* ]]
	run -2 --separate-stderr plat limits core
	[[ $output == *RLIMIT_AS* ]]
}

@test "addresses of a core are explained, with symbols" {
	start_blocks
	kernel_core
	at=$(plat map --raw -n -o START,KIND,NAME core | awk '$2 == "text" && /libc/ { print $1; exit }')
	[ -n "$at" ]
	run -2 --separate-stderr plat explain core "$(at "0x$at" 0x1000)"
	[[ $output == *"text of "* ]]
	[[ $output == *symbol* ]]
	# Whether the lowest pages could have been mapped, a core does not say.
	run -2 --separate-stderr plat explain core 0x0
	[[ $output == "0x0 in "*": not mapped"$'\n'* ]]
	[[ $(tr -s '[:space:]' ' ' <<<"$output") == *"free from vm.mmap_min_addr on, which is not known"*"a null pointer: SIGSEGV"* ]]
	run -2 --separate-stderr plat explain --json core 0x1000
	[ "$(json '[d["core"], d["addresses"][0]["gap"]["kind"], d["addresses"][0]["gap"]["kind_why"]]' <<<"$output")" = \
		"['core', None, 'vm.mmap_min_addr is not known']" ]
	run -2 --separate-stderr plat explain core 0x20000
	[[ $output == *": not mapped, free"* ]]
}

@test "doctor proves from a core whose malloc it was" {
	start_blocks
	kernel_core
	run -2 --separate-stderr plat doctor core
	[[ $output == *"plat's malloc"* ]]
}

@test "a core by gdb is read, and says what it may lack" {
	start_blocks
	blocks_of live "$PID"
	gdb_core
	run -2 --separate-stderr plat map gdb.core
	[[ $output == *heap* ]]
	run -2 --separate-stderr plat map --list gdb.core
	[[ $stderr == *"a debugger wrote the core"* ]]
	[[ $output == *"[stack]"* ]]
	[[ $output == *text* ]]
	# It stops at guards that have no mapping of their own, but the allocator's state has none.
	blocks_of dead gdb.core
	diff live dead
}

@test "a process is compared with its core" {
	start_blocks
	gdb_core
	run -2 --separate-stderr plat diff --json gdb.core "$PID"
	json 'd["heap"]["live_bytes"]["change"], d["heap"]["live_blocks"]["change"], d["sizes"]' <<<"$output" |
		grep -qF '(0, 0, [])'
	json 'd["heap"]["resident"]["change"], d["figures"]["a"]["vm_rss"]' <<<"$output" | grep -qF '(None, None)'
	[[ $stderr == *"gdb.core: a core does not say which pages were in memory"* ]]
	run -2 --separate-stderr plat diff gdb.core "$PID"
	grep -qE '^resident +- +[0-9.]+M +-$' <<<"$output"
	[[ $output == "A  gdb.core, of blocks $PID"$'\n'"B  blocks $PID"$'\n'* ]]
}

@test "a packed core is like the core" {
	command -v zstd >/dev/null || skip "no zstd"
	start_blocks
	kernel_core
	blocks_of whole core
	zstd -q core
	rm core
	blocks_of packed core.zst
	diff whole packed
	TMPDIR=$PWD/nowhere run -3 plat heap core.zst
	[[ $output == *"core.zst: cannot be unpacked below"*nowhere* ]]
	head -c 1000 core.zst >cut.zst
	run -3 plat heap cut.zst
	echo rubbish | cat <(head -c 100 core.zst) - >broken.zst
	run -3 plat map broken.zst
}

@test "a core that was cut off is read as far as it goes" {
	start_blocks
	kernel_core
	size=$(stat -c %s core)
	head -c $((size / 2)) core >half
	run -2 --separate-stderr plat map --list half
	[[ $stderr == *"the core is cut off at"*"bytes are missing"* ]]
	for ((i = 1; i < 24; i++)); do
		head -c $((size * i / 24)) core >"cut"
		run plat heap cut
		[ "$status" -eq 2 ] || [ "$status" -eq 3 ] || [ "$status" -eq 1 ]
	done
	head -c 100 core >"cut"
	run -3 plat map cut
	[[ $output == *"cut: is cut off before its list of mappings ends"* ]]
}

@test "what is no core is told from one" {
	echo text >text
	: >empty
	mkfifo pipe
	mkdir folder
	cp "$PLAT" program
	gzip -c text >packed.gz
	run -3 plat map ./text
	[ "$output" = "plat map: ./text: is neither a core nor a snapshot" ]
	run -3 plat map ./empty
	[ "$output" = "plat map: ./empty: is empty" ]
	run -3 plat map ./pipe
	run -3 plat map ./folder
	run -3 plat map ./program
	[ "$output" = "plat map: ./program: is a program, a library or an object, but no core" ]
	run -3 plat map packed.gz
	[[ $output == *"is packed by gzip"* ]]
	run -3 plat map ./nothing
	[[ $output == *"./nothing: cannot open it"* ]]
	run -64 plat map nothing
}

@test "a core that may not be read is said to be" {
	need_nobody
	echo text >"$OPEN/secret"
	chmod 600 "$OPEN/secret"
	run -3 "${as_nobody[@]}" "$OPEN/plat" map "$OPEN/secret"
	[[ $output == *"secret: cannot open it: Permission denied"* ]]
}

@test "commands that act on a process refuse a core" {
	echo text >core
	for command in "limits --set data=1M" "profile --rate off" "trim" "snapshot -o other"; do
		# shellcheck disable=SC2086 # a list of words
		run -64 plat $command core
		[[ $output == *"core: a file, where a running process is wanted"* ]]
	done
	run -64 plat map --root /proc core
	[[ $output == *"core: a file: not with --root"* ]]
}

@test "headroom and residence of a core are as far as it tells" {
	start_blocks
	kernel_core
	run -0 --separate-stderr plat headroom core
	[[ $output == *"heap (brk)"* ]]
	run -64 plat headroom --verify core
	[[ $output == *"not of a file"* ]]
	run -2 --separate-stderr plat resident --json core
	json '[r["rss"] for r in d["regions"]]' <<<"$output" | grep -q None
	[[ $stderr == *"core: a core does not say which pages were in memory"* ]]
}

@test "usage over time wants a running process" {
	start_blocks
	kernel_core
	run -64 plat usage --tree core
	run -64 plat usage --pss core
	run -64 plat usage --watch core
	[[ $output == *"want a running process"* ]]
}
