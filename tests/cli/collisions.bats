#!/usr/bin/env bats
# The programs of demo/collisions do what the scripts beside them say, and so does the model.
# $COLLISIONS is where they were built.

load common

setup() {
	set_up 80
	SCRIPTS=$BATS_TEST_DIRNAME/../../demo/collisions
	[ -d "${COLLISIONS-}" ] || skip "the programs are not built"
}

teardown() {
	clean_up
}

# agree NAME: the kernel and the model say what the script says.
agree() {
	run "$COLLISIONS/$1"
	echo "$output"
	[ "$status" -eq 0 ]
	# Calls alone: what is mapped at the beginning, and what is expected, is for the model.
	diff <(grep -vE '^(#|$|vma |process |expect )' "$SCRIPTS/$1.script") <(grep -v '^#' <<<"$output")
	run plat model run "$SCRIPTS/$1.script"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" != *different* ]]
}

@test "a stack that runs into its guard faults" {
	agree stack-into-its-guard
}

@test "a stack stops above a mapping that lies in its way" {
	agree stack-into-a-mapping
}

@test "MAP_FIXED over a stack and beside it fails nowhere" {
	agree fixed-over-a-stack
}

@test "MAP_FIXED over the heap and beside it fails nowhere" {
	agree fixed-over-a-heap
}

@test "the heap stops below a mapping that lies in its way" {
	agree heap-into-a-mapping
}

@test "where something is, or nothing is left, mmap fails" {
	agree nothing-left
}

@test "no collision escapes these tests" {
	local script name
	for script in "$SCRIPTS"/*.script; do
		name=${script##*/}
		grep -q "agree ${name%.script}\$" "$BATS_TEST_FILENAME"
		[ -x "$COLLISIONS/${name%.script}" ]
	done
}
