#!/usr/bin/env bats
# --stop, --max-pause and --inject, which several commands have, by plat heap of a program on plat's malloc.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&-
	clean_up
}

# goes_on: nobody holds the program.
goes_on() {
	await "/proc/$PID/status" '^TracerPid:.0$'
	tell churn 1
}

@test "every way of looking tells the pause, sees the same, and lets the program go on" {
	local way
	start_own
	tell leak_small 20
	plat heap --json "$PID" >never
	[ "$(json "d['pause_ns']" <never)" -eq 0 ]
	for way in --stop '--max-pause 100000' --inject; do
		# shellcheck disable=SC2086 # words
		plat heap --json $way "$PID" >out
		echo "$way: $(json "d['pause_ns']" <out)"
		[ "$(json "d['pause_ns'] > 0" <out)" = True ]
		[ "$(json "d['totals']" <out)" = "$(json "d['totals']" <never)" ]
		await "/proc/$PID/status" '^TracerPid:.0$'
	done
	plat heap --inject "$PID" >out
	grep -q 'copied, and stopped for [0-9.]* ms' out
	plat heap --stop "$PID" >out
	grep -q 'stopped for [0-9.]* ms' out
	goes_on
}

@test "what has no time is not stopped" {
	start_own
	plat heap --max-pause 0 --json "$PID" >out
	[ "$(json "d['pause_ns']" <out)" -eq 0 ]
	plat heap --max-pause 0.001 --json "$PID" >out
	[ "$(json "d['pause_ns']" <out)" -eq 0 ]
	goes_on
}

@test "a program that is stopped by its user stays so" {
	start_own
	tell leak_small 1
	stop "$PID"
	for way in --stop --inject; do
		plat heap "$way" --json "$PID" >out
		[ "$(json "d['pause_ns'] > 0" <out)" = True ]
		await "/proc/$PID/status" '^State:.T (stopped)'
	done
	kill -CONT "$PID"
	goes_on
}

@test "who is traced is not stopped, and the other named, exit 3" {
	local tracee way
	start_leaks "$PLAT" run --quiet --library "$LIBRARY"
	tracee=$(pgrep -P "$PID")
	echo "$tracee" >>pids
	grep -q "^TracerPid:.$PID\$" "/proc/$tracee/status"
	for way in 'heap --stop' 'heap --inject' 'heap --max-pause 1000' leaks owners; do
		# shellcheck disable=SC2086 # words
		run plat $way "$tracee"
		echo "$output"
		[ "$status" -eq 3 ]
		[[ "$output" == "plat ${way%% *}: $tracee: $PID (plat) traces it already: "*"; --no-stop "* ]]
	done
	plat heap "$tracee" >/dev/null
	run plat leaks --no-stop "$tracee"
	[ "$status" -ne 3 ]
	tell churn 1
}

@test "zombies, kernel threads and others' processes are refused in clear words, exit 3" {
	start /dev/null sh -c 'sleep 0 & exec sleep 600'
	local zombie
	for ((i = 0; i < 1000; i++)); do
		zombie=$(pgrep -P "$PID") && grep -q '^State:.Z' "/proc/$zombie/status" && break
		sleep 0.01
	done
	run plat heap --stop "$zombie"
	[ "$status" -eq 3 ]
	[[ "$output" == *"is a zombie, its memory is gone" ]]
	if [ "$(cat /proc/2/comm)" = kthreadd ]; then
		run plat heap --stop 2
		[ "$status" -eq 3 ]
		[[ "$output" == *"is a kernel thread, it has no user memory" ]]
	fi
	need_nobody
	for way in --stop --inject; do
		run "${as_nobody[@]}" "$OPEN/plat" heap "$way" "$PID"
		echo "$output"
		[ "$status" -eq 3 ]
		[[ "$output" == "plat heap: $PID: "*"not permitted" || "$output" == *"ermission denied"* ]]
	done
}

@test "a 32-bit program is stopped as any other" {
	echo 'int getchar(void); int main(void) { return getchar(); }' >program.c
	gcc -m32 -o program program.c 2>/dev/null && ./program </dev/null || [ $? -eq 255 ] ||
		skip "no 32-bit programs here"
	mkfifo program.in
	exec 7<>program.in
	start program.out ./program <program.in
	await "/proc/$PID/comm" program
	plat map --json "$PID" >/dev/null
	run plat heap --stop --json "$PID"
	echo "$output"
	[ "$status" -ne 64 ]
	grep -q '^State:.S' "/proc/$PID/status"
	grep -q '^TracerPid:.0$' "/proc/$PID/status"
}

@test "what reads the answer may be what was stopped" {
	# The shell that reads is looked at: it has to go on before anything is written.
	# shellcheck disable=SC2016 # for the shell inside
	timeout 60 env LD_PRELOAD="$LIBRARY" bash -c 'while read -r line; do echo "$line"; done \
		< <(LD_PRELOAD= "$0" heap --stop --blocks --state all $$)' "$PLAT" >out
	[ "$(wc -l <out)" -gt 100 ]
}

@test "a core is still already" {
	command -v gcore >/dev/null || skip "no gcore"
	start_own
	tell leak_small 1
	gcore -o core "$PID" >/dev/null 2>&1 || skip "gcore cannot"
	run --separate-stderr plat heap --stop --json "core.$PID"
	[ "$status" -eq 2 ]
	[ "$(json "d['pause_ns']" <<<"$output")" = 0 ]
	[ "$(json "d['stopped']" <<<"$output")" = True ]
}

@test "wrong usage is exit 64" {
	for wrong in '--max-pause' '--max-pause x' '--max-pause -1' '--max-pause 1e99' '--stop=1'; do
		# shellcheck disable=SC2086 # words
		run plat heap $wrong $$
		echo "$wrong"
		[ "$status" -eq 64 ]
	done
}
