#!/usr/bin/env bats
# What plat says of stacks that a program has made with libplat.

# shellcheck disable=SC2154 # MEM_STACKS is of the build
load common

setup_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	start_holders "$MEM_STACKS"
	export PID HOLDERS_LIST
}

teardown_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	clean_up
}

setup() {
	set_up 200
}

teardown() {
	clean_up
}

# place_of NAME FIELD: base (2), end (3) or guard (4) of a stack.
place_of() {
	awk -v name="$1" -v field="$2" '$1 == name { print $field; exit }' "$HOLDERS_LIST"
}

# told FILTER ADDRESS: of what plat explain says.
told() {
	plat explain --json "$PID" "$2" | jq -r ".addresses[0] | $1"
}

@test "a thread's stack is told with its thread" {
	for name in ours given; do
		[ "$(told .region.kind "$(place_of $name 2)")" = thread-stack ]
		run plat explain "$PID" "$(at "$(place_of $name 3)" -8192)"
		[[ "$output" == *"thread-stack of thread $name (TID "* ]]
	done
}

@test "thread-local memory lies at the end of the stack" {
	for name in ours given; do
		[ "$(told .region.kind "$(at "$(place_of $name 3)" -64)")" = tls ]
	done
}

@test "what lies below is a guard, of whatever size" {
	for name in ours given empty; do
		[ "$(told .region.kind "$(place_of $name 4)")" = guard ]
		[ "$(told .region.kind "$(at "$(place_of $name 2)" -1)")" = guard ]
		run plat explain "$PID" "$(place_of $name 4)"
		[[ "$output" == *"faults: mapped without any permission"* ]]
	done
}

# deepest NAME: of what plat says, in KiB.
deepest() {
	plat explain "$PID" "$(place_of "$1" 2)" | tr '\n' ' ' | sed 's/.*deepest *\([0-9.]*\)K.*/\1/'
}

@test "how far it was used, plat and the program say alike" {
	for name in ours given; do
		used=$(awk -v name=$name '$1 == name { print $5 }' "$HOLDERS_LIST")
		[ "$used" -ge 20480 ]
		# plat counts from below thread-local memory, which is smaller than a page or two.
		deepest "$name" | awk -v used="$used" '{ exit !($1 * 1024 <= used && $1 * 1024 > used - 8192) }'
	done
}

@test "pages of stacks are never huge" {
	for name in ours given empty; do
		awk -v start="$(place_of $name 2)" '
			BEGIN { sub(/^0x/, "", start) }
			/^[0-9a-f]+-/ { inside = index($1, start "-") == 1 }
			inside && /^VmFlags:/ { print; exit }' "/proc/$PID/smaps" >flags
		grep -q VmFlags flags
		grep -qw nh flags || ! [ -d /sys/kernel/mm/transparent_hugepage ]
	done
}
