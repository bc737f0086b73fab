#!/usr/bin/env bats
# plat trim, of a program ($LEAKS, see leaks.c) that wastes what it is told.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&-
	clean_up
}

trim() {
	plat trim "$@"
}

@test "plat's malloc gives back what was predicted, when it next comes by" {
	start_leaks LD_PRELOAD="$LIBRARY" PLAT_TRIM_THRESHOLD=1G
	tell waste 100
	trim --json --wait 100 "$PID" >out &
	while kill -0 $! 2>/dev/null; do
		tell churn 1
	done
	wait $!
	cat out
	[ "$(json "d['way']" <out)" = asked ]
	[ "$(json "d['heaps']" <out)" -eq 1 ]
	[ "$(json "d['heaps_done']" <out)" -eq 1 ]
	[ "$(json "d['predicted'] > 80 * 2**20" <out)" = True ]
	# What the kernel counts may be late by a few pages.
	[ "$(json "abs(d['predicted'] - d['returned']) < 2**20" <out)" = True ]
	# The heap is whole.
	tell churn 10
	plat heap --json "$PID" >heap.json
	[ "$(json "d['proofs']['broken']" <heap.json)" -eq 0 ]
}

@test "a process that sleeps is waited for, and exit is 2" {
	start_leaks LD_PRELOAD="$LIBRARY"
	tell waste 10
	run --separate-stderr trim --wait 0.05 "$PID"
	[ "$status" -eq 2 ]
	[[ "$output" == *"0 of 1 heaps of threads have given back" ]]
	[ "$stderr" = "plat trim: $PID: the others give when their threads next take the long way to a block, or back" ]
	fits 80 <<<"$output"
	# Asked is asked.
	before=$(kib status RssAnon)
	tell churn 1
	[ "$(kib status RssAnon)" -lt $((before - 2000000)) ]
}

@test "glibc's malloc gives back only where it may be called" {
	start_leaks
	tell waste 50
	run trim "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat trim: $PID: it uses glibc's malloc, which cannot be asked: only --inject, "* ]]
	before=$(kib status RssAnon)
	trim --inject --wait 20 --json "$PID" >out
	cat out
	[ "$(json "d['way']" <out)" = called ]
	[ "$(json "d['returned'] > 30 * 2**20" <out)" = True ]
	[ "$(kib status RssAnon)" -lt $((before - 30000000)) ]
	grep -q '^TracerPid:.0$' "/proc/$PID/status"
	# It waits for its input as before, and its heap is whole.
	tell waste 10
	tell churn 10
	run trim --inject --wait 20 "$PID"
	echo "$output"
	[ "$status" -eq 0 ]
	fits 80 <<<"$output"
	[[ "$output" == *"malloc_trim was called; stopped for "*" ms" ]]
}

@test "plat's malloc gives back although nobody comes by" {
	start_leaks LD_PRELOAD="$LIBRARY"
	tell waste 50
	trim --inject --json "$PID" >out
	[ "$(json "d['returned'] > 10 * 2**20" <out)" = True ]
	# What the kernel counts may be late by a few pages.
	[ "$(json "abs(d['predicted'] - d['returned']) < 2**20" <out)" = True ]
	tell churn 10
	plat heap --json "$PID" >heap.json
	[ "$(json "d['proofs']['broken']" <heap.json)" -eq 0 ]
}

@test "who does not wait in a call is not borrowed, exit 3" {
	start program.out env -i "$LEAKS" loop 100000000000
	await "/proc/$PID/comm" leaks
	run trim --inject --wait 0 "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == *"none of its threads is where a call could be made now: try again" ]]
	grep -q '^TracerPid:.0$' "/proc/$PID/status"
}

@test "musl has nothing that could be called, exit 3" {
	command -v musl-gcc >/dev/null || skip "no musl"
	echo 'int getchar(void); int main(void) { return getchar(); }' >program.c
	musl-gcc -o program program.c || skip "musl-gcc cannot link"
	mkfifo program.in
	exec 7<>program.in
	start program.out ./program <program.in
	await "/proc/$PID/comm" program
	run trim --inject "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat trim: $PID: musl's malloc has nothing that can be called to give memory back" ]]
	run trim "$PID"
	[ "$status" -eq 3 ]
}

@test "a static program does not say where its malloc_trim is" {
	echo 'int getchar(void); int main(void) { return getchar(); }' >program.c
	cc -static -o program program.c 2>/dev/null || skip "no static libc"
	mkfifo program.in
	exec 7<>program.in
	start program.out ./program <program.in
	await "/proc/$PID/comm" program
	run trim --inject "$PID"
	[ "$status" -eq 3 ]
	[ "$output" = "plat trim: $PID: it is linked statically: nothing in its memory says where malloc_trim is" ]
}

@test "a 32-bit program is refused by name" {
	echo 'int getchar(void); int main(void) { return getchar(); }' >program.c
	gcc -m32 -o program program.c 2>/dev/null && ./program </dev/null || [ $? -eq 255 ] ||
		skip "no 32-bit programs here"
	mkfifo program.in
	exec 7<>program.in
	start program.out ./program <program.in
	await "/proc/$PID/comm" program
	run trim --inject --wait 0 "$PID"
	[ "$status" -eq 3 ]
	echo "$output"
	[[ "$output" == *"64-bit programs only" ]]
	grep -q '^State:.S' "/proc/$PID/status"
}

@test "who is traced by another is not called in, and the other named, exit 3" {
	command -v strace >/dev/null || skip "no strace"
	mkfifo program.in
	exec 7<>program.in
	start program.out strace -f -o /dev/null "$LEAKS" <program.in
	await program.out '^ready'
	local child
	child=$(pgrep -P "$PID")
	echo "$child" >>pids
	run trim --inject --wait 0 "$child"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat trim: $child: $PID (strace) traces it already: "* ]]
	echo "churn 1" >&7
	await program.out '^done 1$'
}

@test "text is for terminals" {
	start_leaks LD_PRELOAD="$LIBRARY"
	run --separate-stderr trim --ascii --wait 0 "$PID"
	is_ascii <<<"$output"
	[[ "${lines[0]}" == "leaks $PID  plat's malloc" ]]
}

@test "another allocator is named, exit 3" {
	start program.out sleep 60
	await "/proc/$PID/comm" sleep
	run trim "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat trim: $PID: it uses "* ]]
}

@test "who may not trace the process is told so, exit 3" {
	need_nobody
	start_leaks LD_PRELOAD="$LIBRARY"
	run "${as_nobody[@]}" "$OPEN/plat" trim "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat trim: $PID: its memory cannot be read: "* ]]
}

@test "a core is refused" {
	: >core
	run trim ./core
	[ "$status" -eq 64 ]
	[[ "$output" == *"a file, where a running process is wanted"* ]]
}

@test "wrong usage is exit 64" {
	local wrong
	run trim
	[ "$status" -eq 64 ]
	run trim $$ $$
	[ "$status" -eq 64 ]
	for wrong in '--wait x' '--wait -1' '--wait' '--wait 1e99'; do
		# shellcheck disable=SC2086 # words
		run trim $wrong $$
		echo "$wrong"
		[ "$status" -eq 64 ]
	done
	run trim --help
	[ "$status" -eq 0 ]
	[[ "$output" == *"--wait SECONDS"* ]]
}
