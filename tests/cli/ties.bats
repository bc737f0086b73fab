#!/usr/bin/env bats
# plat explain of blocks: who points to them, how a root leads there, what they hold.

# shellcheck disable=SC2153,SC2154 # HOLDERS and CLASSES are of the build, stderr of bats
load common

setup_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	start_holders "$HOLDERS"
	HOLDERS_PID=$PID HOLDERS_SAID=$HOLDERS_LIST
	[ -z "$CLASSES" ] || start_holders "$CLASSES"
	CLASSES_PID=$PID CLASSES_SAID=$HOLDERS_LIST
	export HOLDERS_PID HOLDERS_SAID CLASSES_PID CLASSES_SAID
}

teardown_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	clean_up
}

setup() {
	set_up 80
	PID=$HOLDERS_PID HOLDERS_LIST=$HOLDERS_SAID
}

teardown() {
	clean_up
}

# look_at_classes: the program in C++ from now on.
look_at_classes() {
	[ -n "$CLASSES" ] || skip "no compiler for C++"
	PID=$CLASSES_PID HOLDERS_LIST=$CLASSES_SAID
}

# told FILTER NAME [OPTION...]: of what is said of a block, by jq.
told() {
	local filter=$1 name=$2
	shift 2
	plat explain --json "$@" "$PID" "$(held "$name")" >told.json || [ $? -eq 2 ]
	jq -r ".addresses[0].block | $filter" told.json
}

@test "a global leads along a list, with the byte of each word" {
	[ "$(told '.path.steps[0].root | "\(.kind) \(.symbol) \(.offset)"' barrel)" = "global cellar 0" ]
	[ "$(told '.path.steps | length' wine)" -eq 3 ]
	[ "$(told '[.path.steps[1:][].byte] | map(tostring) | join(" ")' wine)" = "0 8" ]
	[ "$(told '.path.steps[1].block.size >= 40' wine)" = true ]
	[ "$(told '.pointed_to | "\(.root_words) \(.blocks)"' wine)" = "0 1" ]
	[ "$(told '.pointed_to.first[0].block.addr' wine)" = "$(held barrel)" ]
	[ "$(told '.lost' wine)" = false ]
}

@test "what a block holds, and holds alone" {
	[ "$(told '.holds | "\(.blocks) \(.exclusive_blocks) \(.exclusive_bytes >= 18 * 2040 + 2000)"' barrel)" = \
		"37 37 true" ]
	[ "$(told '.holds.blocks' wine)" -eq 0 ]
}

@test "a pointer into a block is told from one to its first byte" {
	[ "$(told '.pointed_to.first[0] | "\(.interior) \(.root.symbol) \(.root.offset)"' attic)" = \
		"true attic 16" ]
	run plat explain "$PID" "$(held attic)"
	[[ "$output" == *"attic+0x10 in holders, which points inside"* ]]
}

@test "a frame of a thread is named by its function and its thread" {
	[ "$(told '.path.steps[0].root | "\(.kind) \(.thread) \(.function)"' dish)" = "stack cook serve" ]
	run plat explain "$PID" "$(held dish)"
	[ "$status" -eq 0 ]
	[[ "$output" == *"(cook), frame #"*" in serve at holders.c:"* ]]
}

@test "a thread-local variable is named with its thread" {
	[ "$(told '.path.steps[0].root | "\(.kind) \(.symbol) \(.thread)"' pocket)" = "tls pocket cook" ]
}

@test "of what is lost there is no path" {
	[ "$(told '"\(.lost) \(.path)"' lost)" = "true null" ]
	run plat explain "$PID" "$(held lost)"
	[[ "$output" == *"pointed to by nothing"*"none: no root leads to it, it is lost"* ]]
}

@test "what stands in a block is shown, but not with --no-content" {
	[[ "$(told '.content.bytes' barrel)" == *726564* ]]
	[ "$(told '.content.pointers[1] | "\(.byte) \(.block.addr)"' barrel)" = "8 $(held wine)" ]
	run plat explain "$PID" "$(held barrel)"
	[[ "$output" == *"red....."* ]]
	[ "$(told '.content' barrel --no-content)" = null ]
	run plat explain --no-content "$PID" "$(held barrel)"
	[[ "$output" != *"red....."* && "$output" == *"not shown: --no-content"* ]]
}

@test "objects of C++ have their types, all along the path" {
	look_at_classes
	[ "$(told '.type' building)" = "town::building" ]
	[ "$(told '.type' gate)" = "town::gate<long>" ]
	[ "$(told '.path.steps[0].root.symbol' building)" = "town::street" ]
	[ "$(told '[.path.steps[1:][].block.type] | unique | join(" ")' building)" = "town::gate<long>" ]
	[ "$(told '.path.steps[1].block.type' treasure)" = \
		"std::_Sp_counted_ptr_inplace<town::tower, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>" ]
	[ "$(told '.type' treasure)" = null ]
}

@test "a core and a snapshot say the same as the process" {
	local name file same
	command -v gcore >/dev/null || skip "no gcore"
	gcore -o core "$PID" >/dev/null 2>&1 || skip "gcore cannot"
	plat snapshot --content full -o snap "$PID" >/dev/null
	# A core has no names of threads.
	same='{type, content, pointed_to, path, lost, holds} | del(.. | .words?, .thread?)'
	for name in wine attic dish pocket lost; do
		told "$same" $name >live
		for file in "$PWD/core.$PID" "$PWD/snap"; do
			PID=$file told "$same" $name >other
			diff live other
		done
	done
}

@test "a process that is not stopped is answered in part" {
	run -2 --separate-stderr plat explain --no-stop "$PID" "$(held barrel)"
	[[ "$output" == *"cellar"*"looked at while it ran"* ]]
	[[ "$stderr" == *"it ran while it was looked at"* ]]
}

@test "--no-owners and --no-blocks stop nothing" {
	run plat explain --no-owners "$PID" "$(held barrel)"
	[ "$status" -eq 0 ]
	[[ "$output" == *"block      live"* && "$output" != *"pointed to"* && "$output" != *"stopped for"* ]]
	run plat explain --no-blocks "$PID" "$(held barrel)"
	[[ "$output" != *"block      live"* && "$output" != *"stopped for"* ]]
	[ "$(told '.path_why' barrel --no-owners)" = "not asked for, or not live" ]
}

@test "--top says how many of those that point to it are told" {
	[ "$(told '.pointed_to.first | length' barrel --top 1)" -eq 1 ]
	run plat explain --top 0 "$PID" "$(held barrel)"
	[ "$status" -eq 64 ]
}

@test "a block that is not live is kept on a shelf of the allocator's" {
	local tid
	tid=$(told '.tid' pocket)
	[ "$(told '"\(.state) \(.kept_in)"' pocket)" = "live null" ]
	[ "$(told '"\(.kept_in.name) \(.kept_in.number) \(.kept_in.tid)"' cached)" = "tcache 11 $tid" ]
	[ "$(told '"\(.kept_in.name) \(.kept_in.number) \(.kept_in.tid)"' unsorted)" = "unsorted bin null null" ]
	[ "$(told '"\(.kept_in.name) \(.kept_in.number)"' tidied)" = "small bin 32" ]
	[ "$(told '"\(.kept_in.name) \(.kept_in.number)"' large)" = "large bin 100" ]
	# From 2.43 on there are no fast bins.
	[ "$(told '.kept_in.name' fast)" != "fast bin" ] || [ "$(told '.kept_in.number' fast)" -eq 5 ]
	run plat explain "$PID" "$(held cached)"
	[ "$status" -eq 0 ]
	[[ "$output" == *"kept in    tcache 11 of thread $tid"* ]]
	run plat explain "$PID" "$(held tidied)"
	[[ "$output" == *"kept in    small bin 32"* ]]
}

@test "lines fit in 80 columns, and in ASCII" {
	local name
	for name in barrel wine attic dish pocket lost cached unsorted; do
		plat explain --ascii "$PID" "$(held $name)" >out
		is_ascii <out
		fits 80 <out
	done
}
