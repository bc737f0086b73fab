#!/usr/bin/env bats
# What all commands say of wrong options and of answers without rows: each complaint is true, and names the
# thing once.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 200
}

teardown() {
	clean_up
}

# says STATUS SENTENCE ARGUMENT...: the first line of the answer.
says() {
	local code=$1 sentence=$2
	shift 2
	run plat "$@"
	echo "plat $*: $status, ${lines[0]}"
	[ "$status" -eq "$code" ]
	[ "${lines[0]}" = "$sentence" ]
}

@test "a wrong option is told from one that takes no argument, and from the beginning of several" {
	says 64 'plat map: --frob: no such option' map --frob $$
	says 64 'plat map: --list=all: the option takes no argument' map --list=all $$
	says 64 'plat map: --le: several options begin so' map --le $$
	says 64 'plat map: --le=1: several options begin so' map --le=1 $$
	says 64 'plat map: option --svg needs an argument' map --svg
	says 64 'plat map: option -k needs an argument' map -k
	says 64 'plat map: -1: no such option' map -1
	plat map --rang 0x1000 $$ # what only one begins with is that one
}

@test "a letter beyond ASCII is named by its byte" {
	says 64 'plat map: -\xc3: no such option' map -ä $$
	says 64 'plat map: -\x1b: no such option' map $'-\033[31m' $$
}

@test "no kinds are none, not all" {
	says 64 'plat map: name kinds, separated by commas' map --kind '' $$
	says 64 'plat resident: name kinds, separated by commas' resident --kind '' $$
}

@test "a table without rows has its headings, and nothing without headings" {
	run plat map --kind secret $$
	[ "$status" -eq 0 ]
	[[ "$output" =~ ^\ *START\ +SIZE\ +RSS\ +PERMS\ +KIND\ +TID\ NAME$ ]]
	plat map --noheadings --kind secret $$ >out
	[ ! -s out ]
}

@test "whose memory cannot be read is named once" {
	start out sleep 600
	need_nobody
	run "${as_nobody[@]}" "$OPEN/plat" map --heap "$PID"
	[ "$status" -eq 2 ]
	[[ "$output" == *"plat map: $PID: its memory cannot be read: "* ]]
	[[ "$output" != *"$PID: $PID"* ]]
}
