#!/usr/bin/env bats
# plat headroom: its words, its document, and on a few processes whether it is right. Many more are
# looked at by tests/programs/headroom.sh.

# shellcheck disable=SC2154 # as_nobody and stderr are of others
load common

setup() {
	set_up 80
	DATA=$BATS_TEST_DIRNAME/../data
}

teardown() {
	clean_up
}

headroom() {
	plat headroom "$@"
}

# start_limited LIMITS COMMAND...: under ulimit; sets PID.
start_limited() {
	# shellcheck disable=SC2016 # for the shell inside
	start /dev/null bash -c 'ulimit $0 && exec "$@"' "$@"
	asleep "$2"
}

# asleep NAME: waits until the process is that program, and has begun to wait.
asleep() {
	await "/proc/$PID/comm" "^$1"
	await "/proc/$PID/status" '^State:.S'
}

# of WHAT KEY: of the answer about WHAT in the document on standard input.
of() {
	json "[a['$2'] for a in d['headroom'] if a['what'] == '$1'][0]"
}

# verified: the document in the file out says that all that was foretold was granted.
verified() {
	[ "$(json "d['probed'] == d['equal'] and d['equal'] == len(d['headroom'])" <out)" = True ] || {
		cat out
		return 1
	}
}

# --- Whether it is right ---

@test "what it foretells is granted, to the page" {
	start /dev/null sleep 600
	asleep sleep
	headroom --verify --json "$PID" >out
	verified
	[ "$(of heap bytes <out)" = "$(of heap probed_bytes <out)" ]
	[ "$(of threads count <out)" -gt 100 ]
}

@test "what it foretells of a town with threads, locks and stacks is granted" {
	start_town
	run headroom --verify --json "$PID"
	echo "$output" >out
	[ "$status" -eq 0 ]
	verified
}

@test "a limit on addresses stops all but the stack" {
	start_limited '-v 300000' sleep 600
	headroom --verify --json "$PID" >out
	verified
	for what in heap mmap reserve threads; do
		[ "$(of $what rule <out)" = LIMIT_AS ]
	done
	[ "$(of stack rule <out)" = LIMIT_STACK ]
	[ "$(of mmap bytes <out)" = $((300000 * 1024 - $(kib status VmSize))) ]
}

@test "a limit on data stops what is to be written to, and no reservation" {
	start_limited '-d 100000' sleep 600
	headroom --verify --json "$PID" >out
	verified
	[ "$(of heap because <out)" = RLIMIT_DATA ]
	[ "$(of mmap because <out)" = RLIMIT_DATA ]
	[ "$(of reserve rule <out)" != LIMIT_DATA ]
}

@test "a small stack stops at its limit" {
	start_limited '-s 512' sleep 600
	headroom --json "$PID" >out
	[ "$(of stack bytes <out)" = $((512 * 1024 - $(kib status VmStk))) ]
	[ "$(json "d['stack_size']" <out)" = $((512 * 1024)) ]
}

@test "threads of an unlimited stack have 2 MiB, and other sizes can be asked for" {
	start_limited '-s unlimited' sleep 600
	headroom --json "$PID" >out
	[ "$(json "d['stack_size']" <out)" = $((2 << 20)) ]
	headroom --json --stack-size 64000 "$PID" >out
	[ "$(json "d['stack_size']" <out)" = 65536 ]
	[ "$(of threads bytes <out)" = "$(($(of threads count <out) * (65536 + 4096)))" ]
}

@test "the heap stops a page below the next mapping" {
	start_town
	headroom --json "$PID" >out
	[ "$(of heap rule <out)" = BRK_NEIGHBOUR ]
	[ "$(of heap bytes <out)" = "$(($(of heap distance <out) - 4096))" ]
}

@test "the arrows of plat map are these figures" {
	start_town
	stop "$PID"
	headroom --json "$PID" >out
	plat map --json "$PID" >map.out
	for what in heap stack mmap; do
		[ "$(of "$what" bytes <out)" = "$(json "d['growth']['$what']['bytes']" <map.out)" ]
		[ "$(of "$what" because <out)" = "$(json "d['growth']['$what']['because']" <map.out)" ]
	done
}

@test "a process of a user without capabilities" {
	need_nobody
	start /dev/null "${as_nobody[@]}" sleep 600
	asleep sleep
	headroom --verify --json "$PID" >out
	verified
}

# --- What it says ---

@test "the table names what stops each, and the neighbour" {
	start /dev/null sleep 600
	asleep sleep
	COLUMNS=120 headroom "$PID" >out
	grep -qE '^WHAT +CAN GROW +STOPPED BY +NEIGHBOUR +DISTANCE$' out
	grep -qE '^heap \(brk\) +[0-9.]+[GT] +the neighbour ' out
	grep -qE '^main stack +[0-9.]+M +RLIMIT_STACK 8M +' out
	grep -qE '^one mapping ' out
	grep -qE '^one reservation +[0-9.]+T +the largest gap ' out
	grep -qE '^threads of 8M +[0-9]+ ' out
	grep -qE '^[0-9.]+[MGT] can be used ' out
}

@test "with --verify sizes are bytes, and both figures stand there" {
	start /dev/null sleep 600
	asleep sleep
	headroom --verify "$PID" >out
	grep -qE '^heap \(brk\) +([0-9]+) +\1 ' out
	grep -q '^5 of 5 predictions are what a probe was granted$' out
}

@test "smaps is only read on request, and then nothing of it is guessed" {
	start_town
	headroom --json "$PID" >out
	[ "$(json "any('flags' in g for g in d['guesses'])" <out)" = True ]
	headroom --json --details "$PID" >out
	[ "$(json "any('flags' in g for g in d['guesses'])" <out)" = False ]
	[ "$(json "sum(a['what'] == 'stack' for a in d['headroom'])" <out)" -gt 1 ]
}

@test "what is guessed of every process is only said with --verbose" {
	start /dev/null sleep 600
	asleep sleep
	headroom --details "$PID" >out
	grep -v '^- cgroup: ' out >said # in a chroot groups may not be seen
	run ! grep -q '^- ' said
	headroom --details --verbose "$PID" >out
	grep -q '^- the break is taken to be' out
}

@test "a capture can be asked, too" {
	run --separate-stderr headroom --root "$DATA/cgroup-v2" --json 801
	echo "$output" >out
	[ "$(of heap bytes <out)" -gt 0 ]
	[ "$(json "len(d['groups'])" <out)" = 3 ]
	[ "$(json "d['left']['group'] is not None" <out)" = True ]
	[ "$(json "d['left']['beyond']" <out)" = killed ]
}

@test "captures of older kernels say what is guessed" {
	run headroom --root "$DATA/linux-5.10" -v "$(basename "$DATA"/linux-5.10/[0-9]*)"
	[ "$status" -ne 64 ]
	[[ "$output" == *"- overcommit is taken to refuse nothing"* ]]
}

@test "no line is wider than the terminal, and --ascii is ASCII" {
	start_town
	for COLUMNS in 40 60 80 132; do
		headroom --color=never "$PID" >lines
		fits "$COLUMNS" <lines
		headroom --color=never --verify "$PID" >lines
		fits "$COLUMNS" <lines
	done
	headroom --ascii "$PID" | is_ascii
}

# --- What it refuses ---

@test "wrong usage is told from what cannot be looked at" {
	run -64 headroom
	run -64 headroom 1 2
	run -64 headroom --stack-size 0 $$
	run -64 headroom --stack-size lots $$
	run -64 headroom --verify --root "$DATA/glibc" 29178
	[[ "$output" == *"not with --root"* ]]
	run -3 headroom 2147483000
	[[ "$output" == *"no such process"* ]]
}

@test "who may not see the map is told so" {
	need_nobody
	start /dev/null sleep 600
	run -3 "${as_nobody[@]}" "$OPEN/plat" headroom "$PID"
	[[ "$output" == *"not permitted"* ]]
}

@test "a probe that its maker's limits do not allow is a reason, and what was foretold is shown" {
	start /dev/null sleep 600
	asleep sleep
	# The probe's mmap zone is placed by a stack limit of up to a tebibyte.
	run bash -c 'ulimit -Hs 8192 && exec "$PLAT" headroom --verify "$0"' "$PID"
	[ "$status" -eq 3 ] || [ "$(id -u)" -eq 0 ] # CAP_SYS_RESOURCE raises it
	[[ "$output" == *"heap (brk)"* ]]
}
