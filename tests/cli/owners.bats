#!/usr/bin/env bats
# plat owners: who holds how much, of programs whose holders are known.

# shellcheck disable=SC2153,SC2154 # HOLDERS and CLASSES are of the build, stderr of bats
load common

setup_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	start_holders "$HOLDERS"
	HOLDERS_PID=$PID
	[ -z "$CLASSES" ] || start_holders "$CLASSES"
	CLASSES_PID=$PID
	export HOLDERS_PID CLASSES_PID
}

teardown_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	clean_up
}

setup() {
	set_up 80
	PID=$HOLDERS_PID
}

teardown() {
	clean_up
}

# look_at_classes: the program in C++ from now on.
look_at_classes() {
	[ -n "$CLASSES" ] || skip "no compiler for C++"
	PID=$CLASSES_PID
}

# owners OPTION...: of the process.
owners() {
	plat owners "$@" "$PID"
}

# told NAME FILTER [OPTION...]: of the owner with this name, by jq.
told() {
	local name=$1 filter=$2
	shift 2
	owners --json "$@" | jq -r --arg name "$name" ".owners[] | select(.name == \$name) | $filter"
}

@test "a variable holds all that it leads to" {
	[ "$(told 'cellar in holders' '"\(.kind) \(.symbol) \(.words) \(.held_blocks)"')" = \
		"global cellar 1 40" ]
	[ "$(told 'cellar in holders' '.held >= 20 * 2040 and .held < 20 * 2100')" = true ]
	[ "$(told 'cellar in holders' '.in_all == .held')" = true ]
	[ "$(told 'attic in holders' '.held >= 600 and .held < 700')" = true ]
}

@test "a thread's frames and thread-local variables are owners" {
	[ "$(owners --json | jq -r '.owners[] | select(.function == "serve") |
		"\(.kind) \(.thread) \(.exclusive >= 5000 and .exclusive < 5100)"')" = "stack cook true" ]
	[ "$(owners --json | jq -r '.owners[] | select(.symbol == "pocket") |
		"\(.kind) \(.thread) \(.exclusive >= 3000 and .exclusive < 3100)"')" = "tls cook true" ]
}

@test "all that is reached is the sum of what owners hold, and the rest is lost" {
	owners --json >out
	[ "$(jq '.live_blocks - ([.owners[] | select(.sort == "holder").held_blocks] | add)' out)" -eq 1 ]
	[ "$(jq '.live_bytes - ([.owners[] | select(.sort == "holder").held] | add) |
		. >= 700 and . < 730' out)" = true ]
	[ "$(jq 'all(.owners[]; .exclusive <= .held and (.in_all == null or .held <= .in_all))' out)" = true ]
}

@test "modules and threads as wholes hold the same together" {
	owners --json --by holder,whole >out
	[ "$(jq '[.owners[] | select(.sort == "holder").held] | add' out)" -eq \
		"$(jq '[.owners[] | select(.sort == "whole").held] | add' out)" ]
	[ "$(jq -r '[.owners[] | select(.sort == "whole" and .thread == "cook")] | length' out)" -eq 1 ]
	[ "$(jq -r '.owners[] | select(.name == "globals of holders").held_blocks' out)" -ge 41 ]
}

@test "types hold what their objects lead to" {
	look_at_classes
	[ "$(told 'town::gate<long>' '"\(.own_blocks) \(.held_blocks)"')" = "9 10" ]
	[ "$(told 'town::building' '.own_blocks')" -eq 1 ]
	[ "$(owners --json --by type | jq '[.owners[] | select(.name | startswith("std::_Sp_counted")) |
		.own_blocks == 1 and .held_blocks == 2 and .exclusive >= 3000] | all')" = true ]
	run owners --by type
	[[ "$output" == *"OBJECTS  TYPE"*"town::gate<long>"* && "$output" != *HOLDER* ]]
}

@test "what grew since a snapshot" {
	plat snapshot -o earlier "$PID" >/dev/null
	[ "$(told 'cellar in holders' '"\(.grew) \(.before.held == .held)"' --since earlier)" = "0 true" ]
	run owners --since earlier --top 3
	[ "$status" -eq 0 ]
	[[ "$(tr -s ' \n' '  ' <<<"$output")" == *"compared with earlier, stopped for"*" GREW "* ]]
	# Another process instead of the same one later: its holders have come, the others have gone.
	look_at_classes
	[ "$(told 'cellar in holders' '"\(.held) \(.grew < -40000)"' --since earlier)" = "0 true" ]
	[ "$(told 'town::street in classes' '.grew == .held and .held > 0' --since earlier)" = true ]
}

@test "a core and a snapshot say the same as the process" {
	local same='[.owners[] | select(.kind != "register") | del(.name, .thread)] | sort'
	command -v gcore >/dev/null || skip "no gcore"
	gcore -o core "$PID" >/dev/null 2>&1 || skip "gcore cannot"
	plat snapshot -o snap "$PID" >/dev/null
	owners --json | jq -S "$same" >live
	PID=snap owners --json | jq -S "$same" >other
	diff live other
	PID=core.$PID run -2 --separate-stderr owners --json
	jq -S "$same" <<<"$output" >other
	diff live other
	[ "$(jq -r .looked <<<"$output")" = "as the core has it" ]
}

@test "a process that is not stopped is answered in part" {
	run -2 --separate-stderr owners --no-stop
	[[ "$output" == *"looked at while it ran"*"cellar"* ]]
	[[ "$stderr" == *"it ran while it was looked at"* ]]
}

@test "without symbols there are modules' parts" {
	run owners --no-symbols
	[ "$status" -eq 0 ]
	[[ "$output" == *"of holders"* && "$output" != *"cellar"* ]]
}

@test "--top says how many are shown, and what is left is added up" {
	[ "$(owners --json --top 2 --by holder | jq '.owners | length')" -eq 2 ]
	owners --by holder --top 2 >out
	[ "$(grep -c . out)" -eq 5 ]
	grep -q ' more$' out
}

@test "lines fit in 80 columns, and in ASCII" {
	owners --ascii --by holder,whole,type >out
	is_ascii <out
	fits 80 <out
	if [ -n "$CLASSES" ]; then
		PID=$CLASSES_PID owners --ascii >out
		is_ascii <out
		fits 80 <out
	fi
}

@test "wrong usage is 64, no process is 3" {
	run plat owners
	[ "$status" -eq 64 ]
	run owners --by nothing
	[ "$status" -eq 64 ]
	[[ "$output" == *"nothing: owners are told by holder, whole or type"* ]]
	run owners --top none
	[ "$status" -eq 64 ]
	run owners --since 0x10
	[ "$status" -eq 64 ]
	run plat owners 2147483647
	[ "$status" -eq 3 ]
	run owners --since /nowhere
	[ "$status" -eq 3 ]
}
