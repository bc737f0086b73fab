#!/usr/bin/env bats
# The examples of the man pages, run as they stand there: what follows "$ " under EXAMPLES. In place
# of the process and the addresses that a page names, they look at a town. Each has to exit with 0, or
# with 2 and a reason, without any other complaint, and has to say something.
#
# No example is left out. The process has lost blocks, so that plat leaks exits with 1. Two need help:
# - one that watches (--watch) goes on until its process ends: it gets one that is ended when plat has
#   spoken for the first time;
# - `| grep swapped` says nothing where nothing is in swap, as here: what plat says is what counts.

load common

setup_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	local town
	start_town
	town=$PID
	# A process with plat's malloc, for the pages of commands that look at heaps.
	mkfifo blocks.in
	sleep 600 >blocks.in 3>&- &
	echo $! >>pids
	LD_PRELOAD=$LIBRARY start blocks.out "$BLOCKS" <blocks.in
	await blocks.out '^ready'
	HEAP=$PID PID=$town
	export PID LIST HEAP
}

teardown_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	clean_up
}

setup() {
	command -v mandoc >/dev/null || skip "no mandoc"
	set_up 80
	MAN=$BATS_TEST_DIRNAME/../../docs/man
	mkdir bin
	ln -s "$(command -v "$PLAT")" bin/plat
	PATH=$PWD/bin:$PATH
}

teardown() {
	clean_up
}

# examples_of PAGE: its command lines, as a reader would copy them from a wide terminal.
examples_of() {
	mandoc -T ascii -O width=1000 "$MAN/$1" | sed 's/.\x08//g' |
		awk '/^[A-Z]/ { inside = $0 == "EXAMPLES" } inside && sub(/^ *\$ /, "")'
}

# here ADDRESS: what lies in our town as that lies in the process of the page.
here() {
	local guard
	case $1 in
	0x56543886c360) place bss ;;
	0x5628b2e55240) place heap-block ;;
	0x7ffde1d71ff8) at "$(start_of '[stack]')" -8 ;;
	0x7f3a1e177000) place guard-none ;;
	0x7f3a1e178000) at "$(place guard-none)" 4096 ;;
	0x7fda5f681000)
		guard=$(place guard-madvise) # not there before Linux 6.13
		at "${guard:-$(place memfd)}" -32768
		;;
	*) echo "?$1" ;;
	esac
}

# stand_in EXAMPLE: the same with a process and addresses that are there.
stand_in() {
	local address example=$1
	while read -r address; do
		example=${example/"$address"/$(here "$address")}
	done < <(grep -oE '0x[0-9a-f]+' <<<"$1")
	# Twice: of two in a row, the first one takes the blank between them.
	sed -E "s/(^| )[0-9]{4,}( |\$)/\1<PID>\2/g; s/(^| )[0-9]{4,}( |\$)/\1<PID>\2/g; s/<PID>/$PID/g" \
		<<<"$example"
}

# run_example EXAMPLE: $said is what plat says, $shown what the whole line shows, $complaint what goes
# to standard error; $code is plat's exit code.
run_example() {
	local line watched=
	if [[ "$1" == *--watch* ]]; then
		start /dev/null sleep 600
		watched=$PID
	fi
	# tee -p goes on when head has seen enough.
	line="plat ${1#plat }"
	line=$(stand_in "${line/ | / | tee -p said | }")
	echo "$line"
	if [[ "$line" == *"?0x"* ]]; then
		echo "here() has to know what stands for the address behind the question mark"
		return 1
	fi
	# shellcheck disable=SC2016 # for the shell inside
	start shown timeout --foreground 60 bash -c "$line"$'\n''echo "${PIPESTATUS[0]}" >code' 2>complaint
	if [ "$watched" ]; then
		await shown .
		kill "$watched"
	fi
	wait "$PID"
	# What plat run says at the end is no complaint.
	complaint=$(grep -vE '^plat run: (peak |.*: exit status 0$)|^  ' complaint || true)
	shown=$(cat shown) code=$(cat code)
	said=$shown
	[[ "$line" != *" | "* ]] || said=$(cat said)
}

# check_page PAGE: all of its examples.
check_page() {
	local example n=0 process=$PID
	while read -r example; do
		PID=$process
		run_example "$example" </dev/null
		n=$((n + 1))
		echo "exit code $code; $complaint"
		[ "$code" -eq 0 ] || [ "$code" -eq 2 ] || [ "$1 $code" = "plat-leaks.1 1" ]
		[ "$code" -ne 0 ] || [ -z "${complaint#plat usage: *: the process has ended}" ]
		[ "$code" -ne 2 ] || [ -n "$complaint" ]
		[[ "$complaint" != *--help* ]]
		[ -n "$said" ]
		[ -n "$shown" ] || [[ "$example" == *" | grep swapped" ]]
	done < <(examples_of "$1")
	[ "$n" -gt 0 ]
}

@test "the examples of plat(1) work" {
	check_page plat.1
}

@test "the examples of plat-map(1) work" {
	check_page plat-map.1
}

@test "the examples of plat-diff(1) work" {
	PID=$HEAP check_page plat-diff.1
}

@test "the examples of plat-doctor(1) work" {
	PID=$HEAP check_page plat-doctor.1
}

@test "the examples of plat-explain(1) work" {
	check_page plat-explain.1
}

@test "the examples of plat-headroom(1) work" {
	check_page plat-headroom.1
}

@test "the examples of plat-heap(1) work" {
	PID=$HEAP check_page plat-heap.1
}

@test "the examples of plat-leaks(1) work" {
	PID=$HEAP check_page plat-leaks.1
}

@test "the examples of plat-limits(1) work" {
	check_page plat-limits.1
}

@test "the examples of plat-model(1) work" {
	check_page plat-model.1
}

@test "the examples of plat-model-layout(1) work" {
	check_page plat-model-layout.1
}

@test "the examples of plat-owners(1) work" {
	PID=$HEAP check_page plat-owners.1
}

@test "the examples of plat-profile(1) work" {
	PID=$HEAP check_page plat-profile.1
}

@test "the examples of plat-resident(1) work" {
	check_page plat-resident.1
}

@test "the examples of plat-run(1) work" {
	check_page plat-run.1
}

@test "the examples of plat-snapshot(1) work" {
	check_page plat-snapshot.1
}

@test "the examples of plat-trim(1) work" {
	PID=$HEAP check_page plat-trim.1
}

@test "the examples of plat-usage(1) work" {
	check_page plat-usage.1
}

@test "no example and no page escapes these tests" {
	local page examples
	for page in "$MAN"/*; do
		[[ "$page" == *.1 ]] || continue
		echo "$page"
		grep -q "check_page ${page##*/}\$" "$BATS_TEST_FILENAME"
		# An example is a line of .Dl, or begins a block; there is no other way to write one.
		examples=$(awk '/^\.Sh/ { inside = $2 == "EXAMPLES" }
			inside && (/^\.Dl / || before ~ /^\.Bd/) { print }
			{ before = $0 }' "$page")
		[ -n "$examples" ]
		run ! grep -vE '^(\.Dl )?\$ plat ' <<<"$examples"
		[ "$(wc -l <<<"$examples")" -eq "$(examples_of "${page##*/}" | wc -l)" ]
	done
}
