#!/usr/bin/env bats
# plat map -- COMMAND. $ENDINGS is the program of endings.c.

# shellcheck disable=SC2016 # variables of the shell that is watched
load common

setup() {
	set_up 200
}

teardown() {
	clean_up
}

map() {
	plat map "$@"
}

@test "the command's exit status is passed on" {
	run map -- true
	[ "$status" -eq 0 ]
	run map -- sh -c 'exit 7'
	[ "$status" -eq 7 ]
	[[ "$output" == "At its end"*"exit status 7"* ]]
}

@test "a signal that ends the command becomes 128 and its number" {
	run map -- sh -c 'kill -TERM $$'
	[ "$status" -eq 143 ]
	[[ "$output" == "At its end"*"signal 15"* ]]
	run map -- sh -c 'ulimit -c 0; kill -SEGV $$'
	[ "$status" -eq 139 ]
	[[ "$output" == "At its end"*"signal 11"* ]]
}

@test "a command that is killed is still seen at its end" {
	run map -- sh -c 'kill -KILL $$'
	[ "$status" -eq 137 ]
	[[ "$output" == "At its end"*"signal 9"*"VmRSS"* ]]
}

@test "a command that is not found is 127" {
	run -127 map -- ./nothing-here
	run -127 map -- plat-has-no-such-command
	[[ "$output" == *"plat-has-no-such-command: command not found"* ]]
}

@test "a command that cannot be executed is 126" {
	echo text >file
	run map -- ./file
	[ "$status" -eq 126 ]
	[[ "$output" == *"./file"* ]]
	run map -- /
	[ "$status" -eq 126 ]
}

@test "standard input, output and error are the command's" {
	map --svg drawing -- sh -c 'cat; echo wrong >&2' <<<"through" >out 2>err
	[ "$(cat out)" = through ]
	[ "$(cat err)" = wrong ]
	grep -q '</svg>' drawing
}

@test "plat's own output comes after the command's" {
	run map -- sh -c 'echo first; exec true'
	[ "${lines[0]}" = first ]
	[[ "${lines[1]}" == "At its end"* ]]
}

@test "the command inherits nothing of plat: descriptors, signal mask, settings" {
	state='ls /proc/self/fd | wc -l; grep -E "Sig(Blk|Ign)" /proc/self/status; ulimit -s; cat /proc/self/personality'
	timeout --foreground 120 sh -c "$state" >plain
	map --svg /dev/null -- sh -c "$state" >watched
	diff plain watched
}

@test "the end is caught when another thread ends the process" {
	map --json -- "$ENDINGS" thread 7 >out && false
	[ "$(json 'd["at"], d["exit_status"], d["signal"]' <out)" = "('end', 7, None)" ]
}

@test "at the end all threads are still there" {
	map --json -- "$ENDINGS" threads 3 >out && false
	[ "$(json 'sorted(t["name"] for t in d["threads"])' <out)" = \
		"['endings', 'first', 'second', 'third']" ]
	[ "$(json 'sum(r["kind"] == "thread-stack" for r in d["regions"]) >= 3' <out)" = True ]
}

@test "the end is caught when the main thread has left before" {
	map --json -- "$ENDINGS" main-leaves 5 >out && false
	[ "$(json 'd["at"], d["exit_status"], d["totals"]["size_residual"]' <out)" = "('end', 5, 0)" ]
}

@test "hundreds of threads may come and go" {
	run map --list -- "$ENDINGS" churn
	[ "$status" -eq 0 ]
}

@test "a command that executes another is shown as the last" {
	map --json -- sh -c 'exec sleep 0' >out
	[ "$(json 'd["command"]' <out)" = sleep ]
	map --json -- "$ENDINGS" thread-exec sh -c 'exit 4' >out && false
	[ "$(json 'd["command"], d["exit_status"]' <out)" = "('sh', 4)" ]
}

@test "the totals of the end add up" {
	map --json -- python3 -c 'x = list(range(100000))' >out
	[ "$(json 'd["totals"]["size_residual"], d["unknown"]' <out)" = "(0, [])" ]
}

@test "a peak above the end is shown beside it" {
	run map -- "$ENDINGS" peak
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == "At its peak: captured at "[67]*"M, VmHWM "[67]*"M"* ]]
	[[ "$output" == *"At its end: exit status 0; captured at "* ]]
}

@test "--at chooses the look for tables and documents" {
	map --json -- "$ENDINGS" peak >out
	[ "$(json 'd["at"], d["totals"]["vm_rss"] < 32 << 20' <out)" = "('end', True)" ]
	map --json --at end -- "$ENDINGS" peak >out
	[ "$(json 'd["at"], d["totals"]["vm_rss"] < 32 << 20' <out)" = "('end', True)" ]
	map --json --at peak -- "$ENDINGS" peak >out
	[ "$(json 'd["at"], d["totals"]["vm_rss"] > 64 << 20' <out)" = "('peak', True)" ]
	run map --list --at peak -- "$ENDINGS" peak
	[[ "$output" == *"captured at "*", VmHWM "* ]]
}

@test "JSON says which signal ended the command" {
	map --json -- sh -c 'kill -TERM $$' >out && false
	[ "$(json 'd["at"], d["exit_status"], d["signal"]' <out)" = "('end', None, 15)" ]
}

@test "children of the command are not traced" {
	run map --svg /dev/null -- sh -c 'grep TracerPid /proc/self/status; sh -c "kill -TERM \$\$"; echo $?'
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == TracerPid:*0 ]]
	[[ "$output" == *143* ]]
	run map --svg /dev/null -- "$ENDINGS" clone
	[ "$output" = "child 5" ]
}

@test "signals reach the command unchanged" {
	run map --svg /dev/null -- sh -c 'trap "echo one" USR1; trap "echo two" CHLD; kill -USR1 $$; kill -CHLD $$'
	[ "$status" -eq 0 ]
	[[ "$output" == one*two* ]]
}

@test "a command that stops itself is continued by whom it likes" {
	run map --svg /dev/null -- sh -c 'me=$$
		(until grep -q "^State:.[Tt]" /proc/$me/status; do :; done; kill -CONT $me) &
		kill -STOP $$; wait; exit 3'
	[ "$status" -eq 3 ]
}

@test "SIGTERM for plat is handed on to the command" {
	run map --svg /dev/null -- sh -c 'trap "exit 9" TERM; kill -TERM $PPID; while :; do :; done'
	[ "$status" -eq 9 ]
}

@test "SIGINT and SIGQUIT do not end plat before the command" {
	run map -- sh -c 'kill -INT $PPID; kill -QUIT $PPID; exit 5'
	[ "$status" -eq 5 ]
	[[ "$output" == *"exit status 5"* ]]
}

@test "the first run leaves no zombie behind" {
	map --legacy --list -- sh -c 'wc -w </proc/$PPID/task/$PPID/children >>children' >/dev/null
	[ "$(cat children)" = $'1\n1' ]
}

@test "where ptrace is forbidden the last sample is shown, and said to be one" {
	run timeout --foreground 120 "$ENDINGS" untraced "$PLAT" map -- "$ENDINGS" seen 9
	[ "$status" -eq 9 ]
	[[ "$output" == "Before its end: exit status 9;"*"the end was not caught: it cannot be traced"* ]]
	timeout --foreground 120 "$ENDINGS" untraced "$PLAT" map --json -- "$ENDINGS" seen 0 >out 2>err
	[ "$(json 'd["at"], d["exit_status"]' <out)" = "('sample', 0)" ]
	grep -q "not caught: it cannot be traced" err
}

@test "--no-aslr shows the program where it always lies" {
	map --no-aslr --json -- true >out
	[ "$(json 'd["schema"], min(int(r["start"], 16) for r in d["with"]["regions"]) == 0x555555554000' <out)" = \
		"(1, True)" ]
}

@test "--legacy shows a zone that grows up beside one that grows down" {
	map --legacy --json -- true >out
	[ "$(json 'd["without"]["direction"], d["with"]["direction"]' <out)" = \
		"('top-down', 'bottom-up')" ]
	run map --legacy --ascii -- true
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == "as it is "*"| with --legacy" ]]
	[[ "${lines[1]}" == "mmap zone grows down "*"| mmap zone grows up" ]]
}

@test "--stack unlimited puts the zone below a third of the space" {
	[ "$(ulimit -Hs)" = unlimited ] || [ "$(id -u)" -eq 0 ] || skip "the hard limit is too low"
	map --stack unlimited --json -- true >out
	[ "$(json 'all(int(r["start"], 16) < 0x155555556000 for r in d["with"]["regions"] if "libc.so" in (r["name"] or ""))' <out)" = True ]
	[ "$(json 'd["without"]["limits"]["stack"]["soft"] != "unlimited", d["with"]["limits"]["stack"]["soft"]' <out)" = \
		"(True, 'unlimited')" ]
}

@test "--stack SIZE is the limit of the second run" {
	map --stack 4M --json -- true >out
	[ "$(json 'd["with"]["limits"]["stack"]["soft"]' <out)" = 4194304 ]
}

@test "a stack above the hard limit is refused before anything is run" {
	ulimit -s 8192
	drop=""
	[ "$(id -u)" -ne 0 ] || drop="setpriv --bounding-set -sys_resource"
	# shellcheck disable=SC2086 # several arguments
	run $drop timeout --foreground 120 "$PLAT" map --stack 1G -- echo ran
	[ "$status" -eq 3 ]
	[[ "$output" == *"above the hard limit"* ]]
	[[ "$output" != *ran* ]]
}

@test "two settings go together, and the command runs twice" {
	run map --legacy --no-aslr --list -- sh -c 'echo run >>count; exit 6'
	[ "$status" -eq 6 ]
	[ "$(cat count)" = $'run\nrun' ]
	[ "${lines[0]}" = "as it is:" ]
	[[ "$output" == *$'\nwith --legacy --no-aslr:\n'* ]]
}

@test "a command that is not found is complained about once" {
	run -127 map --legacy -- plat-has-no-such-command
	[ "${#lines[@]}" -eq 1 ]
}

@test "settings, --at and -- are used as they are meant" {
	for arguments in "--legacy $$" "--no-aslr" "--stack 1M self" "--at end self" "self -- true" "--" \
		"--at noon -- true" "--stack much -- true" "--legacy --svg x -- true" "--root /proc -- true"; do
		# shellcheck disable=SC2086 # several arguments
		run map $arguments
		[ "$status" -eq 64 ]
	done
}

@test "who interrupts the first run does not get a second" {
	run map --legacy -- sh -c 'echo run >>count; kill -INT $PPID; kill -INT $$'
	[ "$status" -eq 130 ]
	[ "$(cat count)" = run ]
	[[ "$output" == *"not run a second time"* ]]
}
