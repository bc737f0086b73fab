#!/usr/bin/env bats
# What plat, cores and other readers see of secrets, locks and guards of libplat, in a program
# ($MEM_SECRET, see mem_secret.c) that says where they are.

load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&-
	clean_up
}

start_program() {
	mkfifo program.in
	exec 7<>program.in
	start program.out "$MEM_SECRET" <program.in
	await program.out '^ready'
	plat map --json "$PID" | list_kinds program.out >kinds
}

# list_kinds SAID: of JSON what lies at each place that the program has said, in the page before it, and 32
# bytes behind it, where a secret ends: "NAME PLACE KIND RIGHTS".
list_kinds() {
	python3 -c '
import json, os, sys
regions = json.load(sys.stdin)["regions"]
page = os.sysconf("SC_PAGESIZE")
for line in open(sys.argv[1]):
    name, *words = line.split()
    if not words or words[0] == "none":
        continue
    address = int(words[0], 0)
    for place, at in ("at", address), ("before", address // page * page - 1), ("behind", address + 32):
        for region in regions:
            if int(region["start"], 0) <= at < int(region["end"], 0):
                print(name, place, region["kind"], region["perms"])' "$1"
}

# where NAME: the address that the program has said; skips the test where it has none.
where() {
	awk -v name="$1" '$1 == name { print $2 }' program.out
}

needs() {
	[ "$(where "$1")" != none ] || skip "there can be no memory here that is $1"
}

# is NAME PLACE KIND [RIGHTS]
is() {
	grep -q "^$1 $2 $3 ${4-}" kinds
}

# words_in FILE: which of the program's words it holds, by their letters; see word() there.
words_in() {
	LC_ALL=C grep -aoE 'KEEP[=hoan]KEEP' "$1" | sort -u
}

@test "a hidden secret is secret, locked, in no core and in no child, between guards" {
	start_program
	needs hidden
	needs open
	is hidden at secret ---s
	is open at secret rw-s
	for name in hidden open; do
		is "$name" before guard
		is "$name" behind guard
		plat explain "$PID" "$(where "$name")" | tr -s ' \n' ' ' >said
		grep -q 'locked yes: it cannot be swapped out' said
		grep -q 'not given to children (dont-fork); left out of core dumps (dont-dump)' said
		grep -q 'RSS 4K, PSS 4K, locked 4K' said
	done
	plat explain "$PID" "$(where hidden)" | grep -q 'faults: mapped without any permission'
}

@test "an anonymous secret is locked, in no core and wiped in children" {
	start_program
	needs anonymous
	is open-anonymous at anon rw-p
	for name in anonymous open-anonymous; do
		plat explain "$PID" "$(where "$name")" | tr -s ' \n' ' ' >said
		grep -q 'locked yes: it cannot be swapped out' said
		grep -q 'wiped on fork; left out of core dumps (dont-dump)' said
	done
	is open-anonymous before guard
	is open-anonymous behind guard
	# While it is closed nobody knows its neighbours from it, but by what they are in the pages.
	plat explain "$PID" "$(where guard)" | grep -q 'MADV_GUARD_INSTALL' || return 0
	is anonymous before guard
	is anonymous behind guard
	plat explain "$PID" "$(where anonymous)" | grep -q '^  secret  *likely: closed, between guards'
	for name in anonymous open-anonymous guard; do
		plat explain --json "$PID" "$(where "$name")" |
			json 'd["addresses"][0]["mapping"]["like_secret"]'
	done >likely
	[ "$(xargs <likely)" = "True False False" ]
}

@test "a guard is a guard, and a lock a lock" {
	start_program
	is guard at guard
	plat explain "$PID" "$(where guard)" | grep -q 'access  *faults: '
	needs locked
	plat explain "$PID" "$(where locked)" | grep -q 'locked  *yes'
}

@test "what is locked is what the program has locked" {
	start_program
	needs locked
	needs hidden
	locked=$(plat usage --json "$PID" | json 'd["totals"]["vm_lck"]')
	[ "$locked" -eq $((5 * $(getconf PAGESIZE))) ]
}

@test "a core by the kernel holds none of them" {
	case $(cat /proc/sys/kernel/core_pattern) in
	*[\|/%]*) skip "cores do not go into the folder of the program" ;;
	esac
	ulimit -c unlimited || skip "there are no cores here"
	run "$MEM_SECRET" crash
	[ "$status" -eq 134 ]
	core=$(echo core*)
	[ -s "$core" ]
	[ "$(words_in "$core")" = KEEP=KEEP ]
}

@test "a core by gdb holds none of them" {
	command -v gcore >/dev/null || skip "there is no gdb"
	start_program
	gcore -o core "$PID" >log 2>&1 || skip "gdb cannot look at it"
	[ "$(words_in "core.$PID")" = KEEP=KEEP ]
}

@test "nobody reads a hidden one from outside" {
	start_program
	needs open
	cat >read.py <<'END'
import os, sys
with open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as memory:
    os.write(1, os.pread(memory.fileno(), 32, int(sys.argv[2], 0)))
END
	python3 read.py "$PID" "$(where control)" >bytes || skip "nothing can be read here"
	[ "$(words_in bytes)" = KEEP=KEEP ]
	run python3 read.py "$PID" "$(where open)"
	[ "$status" -ne 0 ]
	[[ "$output" != *KEEP* ]]
}

@test "a snapshot of all memory holds none of them" {
	start_program
	plat snapshot --content full --stop -o snap "$PID" >/dev/null
	# Behind the head there are frames of zstd.
	tail -c +65 snap | zstd -dc >bytes
	[ "$(words_in bytes)" = KEEP=KEEP ]
}
