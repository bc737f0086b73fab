#!/usr/bin/env bats
# plat leaks, of a program ($LOST, see lost.c) that says itself which blocks it loses.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&-
	clean_up
}

# start_lost [VARIABLE=VALUE...] -- WORD...: sets PID. Its input is open as 7.
start_lost() {
	local settings=()
	while [ "$1" != -- ]; do
		settings+=("$1")
		shift
	done
	shift
	rm -f program.in
	mkfifo program.in
	exec 7<>program.in
	start program.out env MALLOC_PERTURB_= "${settings[@]}" "$LOST" "$@" <program.in
	await program.out '^ready'
}

# tell WORD NUMBER: the program does so; it is its NUMBER-th.
tell() {
	echo "$1" >&7
	await program.out "^done $2\$"
}

# said: what the program has lost since its line $heard, as "ADDRESS SIZE ROOT", sorted.
heard=0
said() {
	awk -v heard="$heard" 'NR > heard && $1 == "lost" { print $2, $3, $4 }' program.out | sort
}

# listed: the same of a document on standard input.
listed() {
	json '"\n".join(" ".join([l["addr"], str(l["size"]), l["root"]]) for l in d["leaks"])' | sort
}

# finds OPERAND [OPTION...]: just what the program said.
finds() {
	run --separate-stderr plat leaks --json "${@:2}" "$1"
	echo "$output" "$stderr"
	[ "$status" -eq 1 ]
	diff <(said) <(listed <<<"$output")
}

@test "every block that is lost is told with its tree, and no other, on glibc's malloc" {
	start_lost -- tree cycle single keep interior
	finds "$PID"
}

@test "the same on plat's malloc" {
	start_lost LD_PRELOAD="$LIBRARY" -- tree cycle single keep interior
	finds "$PID"
}

@test "a snapshot has the same leaks as the process" {
	start_lost -- tree cycle single keep interior
	plat snapshot -o snap "$PID"
	kill "$PID"
	finds snap
	plat leaks --json snap | json '[d["stopped"], d["partial"]]' >told || true
	[ "$(cat told)" = "[True, []]" ]
}

@test "a core has them, too, and says what a debugger has left out" {
	command -v gcore >/dev/null || skip "no gcore"
	start_lost -- tree cycle single keep interior
	gcore -o core "$PID" >/dev/null 2>&1
	run --separate-stderr plat leaks --json "core.$PID"
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"a debugger wrote the core"* ]]
	diff <(said) <(listed <<<"$output")
}

@test "who loses nothing is told so" {
	start_lost -- keep
	run plat leaks "$PID"
	[ "$status" -eq 0 ]
	[[ "$output" == *"No block is lost."* ]]
	[ "$(plat leaks --json "$PID" | json 'd["leaks"]')" = "[]" ]
}

@test "of a process that runs meanwhile the answer is partial, whether it lost blocks or not" {
	start_lost -- single
	run --separate-stderr plat leaks --no-stop "$PID"
	[ "$status" -eq 2 ]
	[[ "$output" == *"in 1 block is lost"* ]]
	[[ "$stderr" == *"it ran while it was looked at"* ]]
	[[ "$stderr" == *"the registers of 1 of 1 threads are not known"* ]]
}

@test "what cannot be looked at is 3" {
	run plat leaks 999999999
	[ "$status" -eq 3 ]
	echo nothing >file
	run plat leaks ./file
	[ "$status" -eq 3 ]
}

@test "groups have sums, the kind of their trees, and the first text of the largest" {
	start_lost -- tree cycle single single
	run plat leaks --bytes "$PID"
	[ "$status" -eq 1 ]
	fits 80 <<<"$output"
	[[ "$output" == *"3"*" blocks are lost"* ]]
	grep -qE '^ +1112 +3 +1 +56 +tree +main +0x' <<<"$output"
	grep -qE '^ +2(000|016) +2 +2 +10.. +block +main +0x' <<<"$output"
	grep -qE '^ +112 +2 +1 +56 +cycle +main +0x' <<<"$output"
	grep -q 'text "the root of a tree"' <<<"$output"
}

@test "without content no text of the process is shown" {
	start_lost -- tree
	run plat leaks --no-content "$PID"
	[ "$status" -eq 1 ]
	[[ "$output" != *"the root"* ]]
}

@test "so many groups are shown, and it is said how many more there are" {
	start_lost -- tree cycle single
	run plat leaks --top 1 "$PID"
	[[ "$output" == *"and 2 more groups, of "*": --top 3"* ]]
	run plat leaks --top 0 "$PID"
	[ "$status" -eq 64 ]
}

@test "blocks that are only pointed into are told apart, or count as lost" {
	start_lost -- interior
	run plat leaks "$PID"
	[ "$status" -eq 0 ]
	[[ "$output" == *"in 1 block more are possibly lost"* ]]
	plat leaks --json "$PID" | json 'd["possible"]["blocks"]' >blocks
	[ "$(cat blocks)" -ge 1 ]
	run plat leaks --no-interior --json "$PID"
	[ "$status" -eq 1 ]
	listed <<<"$output" >told
	grep -q "^$(awk '$1 == "possible" { print $2, $3 }' program.out) " told
}

@test "since a snapshot: only what is new" {
	start_lost -- tree keep
	plat snapshot -o before "$PID"
	run plat leaks --since before "$PID"
	[ "$status" -eq 0 ]
	[[ "$output" == *"No block is lost that was not there before."* ]]
	[[ "$output" == *"in 3 blocks more are lost, and were there before."* ]]
	heard=$(wc -l <program.out)
	tell cycle 1
	finds "$PID" --since before
	run plat leaks --since before before
	[ "$status" -eq 0 ]
}

@test "since what is no snapshot, or one of another process, is refused" {
	start_lost -- tree
	run plat leaks --since "$PID" "$PID"
	[ "$status" -eq 64 ]
	[[ "$output" == *"--since takes a snapshot or a core"* ]]
	plat snapshot -o before $$
	run plat leaks --since before "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == *"of another process"* ]]
}

@test "on plat's malloc sites are told, and suppressed by function or module" {
	start_lost LD_PRELOAD="$LIBRARY" PLAT_SAMPLE=1024 -- single single single single single \
		single single single single single single single single single single single
	run plat leaks "$PID"
	[ "$status" -eq 1 ]
	grep -qE '^ +single\+0x' <<<"$output"
	plat leaks --json "$PID" | json 'sum(g["blocks"] for g in d["groups"] if g["site"])' >sited || true
	[ "$(cat sited)" -gt 0 ]
	for pattern in '^sing*e$' "${LOST##*/}"; do
		echo "leak:$pattern" >suppressions
		run --separate-stderr plat leaks --json --suppressions suppressions "$PID"
		[ "$(json 'd["suppressed"]["blocks"]' <<<"$output")" -eq "$(cat sited)" ]
		[ "$(json 'sum(g["blocks"] for g in d["groups"] if g["site"])' <<<"$output")" -eq 0 ]
	done
	echo "leak:^singl$" >suppressions
	[ "$(plat leaks --json --suppressions suppressions "$PID" | json 'd["suppressed"]["blocks"]')" -eq 0 ]
}

@test "files for other tools have the sums of what is told, by the calls that made the roots" {
	start_lost -- tree single single cycle
	run -1 --separate-stderr plat leaks --json "$PID"
	echo "$output" >leaks.json
	run -1 --separate-stderr plat leaks --pprof out.pb.gz --folded out "$PID"
	[ -z "$output" ]
	python3 "$BATS_TEST_DIRNAME/pprof.py" out.pb.gz >pprof.json
	python3 - <<'END'
import json
leaks, d = json.load(open('leaks.json')), json.load(open('pprof.json'))
assert d['types'] == [['leaked_objects', 'count'], ['leaked_space', 'bytes']]
assert d['sums'] == [leaks['lost']['blocks'], leaks['lost']['bytes']] and d['sums'][0] == 7
assert sum(int(line.split()[-1]) for line in open('out')) == d['sums'][1]
# Nobody knows who made them.
assert all(s['stack'][0]['name'] in ('heap', 'anon') and s['stack'][1]['name'] == 'main' for s in d['samples'])
END
	echo 'leak:single' >suppressions
	start_lost LD_PRELOAD="$LIBRARY" PLAT_GUARD=all -- tree single single
	run -1 --separate-stderr plat leaks --folded - --sum leaked_objects "$PID"
	# What the root's leaves hold was made elsewhere, but is freed with it.
	grep -qE ';tree;make 3$' <<<"$output"
	grep -qE ';single;make 2$' <<<"$output"
	[ "$(wc -l <<<"$output")" -eq 2 ]
	run -1 --separate-stderr plat leaks --folded - --suppressions suppressions "$PID"
	[ "$(awk '{ print $NF }' <<<"$output")" -eq 1112 ]
	run -64 plat leaks --folded - --sum live_space "$PID"
	run -64 plat leaks --folded - --json "$PID"
}

@test "objects of C++ are suppressed by their class" {
	command -v g++ >/dev/null || skip "no g++"
	cat >program.cc <<'END'
#include <cstdio>
#include <unistd.h>
namespace shop {
struct Item { virtual ~Item() {} char room[40]; };
struct Crate : Item { Item *inside = new Item; };
}
shop::Item *volatile last;
template <typename T> static __attribute__((noinline)) void lose(int n) {
	for (; n > 0; n--)
		last = new T;
	last = nullptr;
}
static __attribute__((noinline)) void sweep() {
	for (char volatile bytes[16384], *at = bytes; at < bytes + sizeof(bytes); at++)
		*at = 0;
}
int main() {
	lose<shop::Item>(200);
	lose<shop::Crate>(100);
	sweep();
	puts("ready");
	fflush(stdout);
	pause();
}
END
	g++ -g -O1 -o program program.cc || skip "g++ cannot link"
	start program.out ./program
	await program.out '^ready'
	# What one type is called: sums of blocks by the type of their root, and what is left out.
	lost_by_type() {
		plat leaks --json "$@" "$PID" >said || [ $? -eq 1 ]
		json '[sum(g["blocks"] for g in d["groups"] if g["type"] == t) for t in ("shop::Item", "shop::Crate")]
			+ [d["suppressed"]["blocks"]]' <said
	}
	[ "$(lost_by_type)" = "[200, 200, 0]" ]
	# By the type of the root: what a crate has inside goes with the crate.
	echo 'leak:^shop::Item$' >suppressions
	[ "$(lost_by_type --suppressions suppressions)" = "[0, 200, 200]" ]
	echo 'leak:shop::Cr' >suppressions
	[ "$(lost_by_type --suppressions suppressions)" = "[200, 0, 200]" ]
	echo 'leak:^Item' >suppressions
	[ "$(lost_by_type --suppressions suppressions)" = "[200, 200, 0]" ]
	echo 'leak:shop::*' >suppressions
	run plat leaks --suppressions suppressions "$PID"
	[ "$status" -eq 0 ]
}

@test "a file of suppressions that is none is refused by name and line" {
	printf '# fine\n\nleak:fine\nrace:what\n' >suppressions
	run plat leaks --suppressions suppressions $$
	[ "$status" -eq 64 ]
	[[ "$output" == *"suppressions:4: neither"* ]]
	run plat leaks --suppressions missing $$
	[ "$status" -eq 64 ]
}

# --- plat run --leaks ---

@test "what a command has lost at its end is said, and is 23" {
	run --separate-stderr plat run --leaks -- "$LOST" tree keep </dev/null
	[ "$status" -eq 23 ]
	[[ "$stderr" == *" in 3 blocks are lost"* ]]
	[[ "$stderr" == *"looked at when it came to its end"* ]]
	[[ "$output" != *" are lost"* ]]
}

@test "the same on the malloc that it has anyway" {
	run --separate-stderr plat run --leaks --as-is -- env MALLOC_PERTURB_= "$LOST" tree keep </dev/null
	[ "$status" -eq 23 ]
	[[ "$stderr" == *"glibc's malloc"* ]]
	[[ "$stderr" == *" in 3 blocks are lost"* ]]
}

@test "a command that loses nothing ends as it does" {
	run --separate-stderr plat run --leaks --quiet -- "$LOST" keep </dev/null
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	run --separate-stderr plat run --leaks -- "$LOST" keep </dev/null
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"No block is lost."* ]]
}

@test "a status of its own, or a signal, stays" {
	run --separate-stderr plat run --leaks -- "$LOST" single exit </dev/null
	[ "$status" -eq 7 ]
	[[ "$stderr" == *" in 1 block is lost"* ]]
	run --separate-stderr plat run --leaks -- "$LOST" single abort </dev/null
	[ "$status" -eq 134 ]
	[[ "$stderr" == *" in 1 block is lost"* ]]
}

@test "what is suppressed is no leak of a command" {
	echo "leak:^single$" >suppressions
	run --separate-stderr plat run --leaks --suppressions suppressions -- "$LOST" single single </dev/null
	echo "$stderr"
	[ "$status" -eq 0 ]
	[[ "$stderr" == *" lost, and suppressed."* ]]
	run --separate-stderr plat run --leaks --suppressions suppressions -- "$LOST" single tree </dev/null
	[ "$status" -eq 23 ]
	[[ "$stderr" == *"    tree+0x"* ]]
	[[ "$stderr" != *"    single+0x"* ]]
	run plat run --suppressions suppressions true
	[ "$status" -eq 64 ]
	run plat run --leaks --no-trace true
	[ "$status" -eq 64 ]
}
