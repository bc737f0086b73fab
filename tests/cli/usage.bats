#!/usr/bin/env bats
# plat usage, mostly of a town.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	clean_up
}

usage() {
	plat usage "$@"
}

# await_lines FILE N: until it has as many lines.
await_lines() {
	local i
	for ((i = 0; i < 1200; i++)); do
		[ "$(wc -l <"$1")" -lt "$2" ] || return 0
		sleep 0.05
	done
	echo "$1 has less than $2 lines"
	return 1
}

@test "each figure is that of status" {
	start_town
	stop "$PID"
	usage --json "$PID" >out
	for name in VmPeak:vm_peak VmSize:vm_size VmLck:vm_lck VmPin:vm_pin VmHWM:vm_hwm VmRSS:vm_rss \
		RssAnon:rss_anon RssFile:rss_file RssShmem:rss_shmem VmData:vm_data VmStk:vm_stk \
		VmExe:vm_exe VmLib:vm_lib VmPTE:vm_pte VmSwap:vm_swap HugetlbPages:hugetlb_pages; do
		[ "$(kib status "${name%:*}")" = "$(json "d['totals']['${name#*:}']" <out)" ]
	done
	[ "$(json "[d['schema'], d['pid'], d['command'], d['rollup'], d['rollup_why']]" <out)" = \
		"[1, $PID, 'town', None, 'not asked for']" ]
}

@test "--pss is what smaps_rollup says" {
	start_town
	stop "$PID"
	usage --pss --json "$PID" >out
	# What is shared moves with all others that map the same libraries.
	for name in Rss:rss SwapPss:swap_pss; do
		[ "$(kib smaps_rollup "${name%:*}")" = "$(json "d['rollup']['${name#*:}']" <out)" ]
	done
	r="d['rollup']"
	[ "$(json "${r}['rss'] == ${r}['uss'] + ${r}['shared']" <out)" = True ]
	[ "$(json "${r}['uss'] == ${r}['private_clean'] + ${r}['private_dirty']" <out)" = True ]
	[ "$(json "${r}['uss'] < ${r}['pss'] < ${r}['rss']" <out)" = True ]
}

@test "the text names the figures in order, with limits" {
	start_town
	ulimit -S -s 8192
	run usage --color=never "$PID"
	[ "$status" -eq 0 ]
	[[ "$output" == "town $PID"*VmPeak*"≥ VmSize"*VmHWM*"≥ VmRSS"*"= RssAnon"*"+ RssFile"*VmSwap* ]]
	[[ "$output" != *PSS* ]]
	run usage --color=never --pss --bytes --ascii "$PID"
	[[ "$output" == *"> VmSize"*" USS "*"PSS"*"SwapPss"* ]]
	[[ "$output" == *" $(kib status VmSize) "* ]]
	is_ascii <<<"$output"
}

@test "no line is wider than 80 columns" {
	start_town
	run usage --pss "$PID"
	fits 80 <<<"$output"
}

@test "smaps_rollup is only read when asked for" {
	start_town
	command -v strace >/dev/null || skip "no strace"
	strace -f -o trace "$PLAT" usage "$PID" >/dev/null || skip "strace may not trace"
	run ! grep -q smaps trace
}

@test "a watch ends when the process does, with exit 0" {
	start /dev/null sleep 600
	looked_at=$PID
	start out usage --watch=0.01 "$looked_at" 2>err
	await_lines out 4
	kill "$looked_at"
	wait "$PID"
	[[ "$(head -n 1 out)" == "TIME "*"PID"*"VmSize"*"VmRSS"* ]]
	grep -q "$looked_at: the process has ended" err
}

@test "a watch waits no longer than the process lives" {
	start /dev/null sleep 600
	looked_at=$PID
	start out usage -w 500 "$looked_at" 2>/dev/null
	await_lines out 2
	kill "$looked_at"
	wait "$PID"
	[ "$(wc -l <out)" -eq 2 ]
}

@test "a watch of a process that is not there is exit 3" {
	start /dev/null sleep 0
	wait "$PID"
	run usage --watch "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == *"$PID: there is no such process"* ]]
}

@test "Ctrl-C ends a watch with exit 0" {
	start_town
	# A shell's background jobs ignore SIGINT.
	start out python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$PLAT" usage --watch=0.01 "$PID"
	await_lines out 3
	kill -INT "$PID"
	wait "$PID"
}

@test "--count ends a watch, and each look is a compact document" {
	start_town
	usage --watch=0.01 --count 3 --json "$PID" >out
	[ "$(wc -l <out)" -eq 3 ]
	while read -r line; do
		[ "$(json "[d['schema'], d['pid']]" <<<"$line")" = "[1, $PID]" ]
		[[ "$line" == '{"schema":1,"time":"'* ]]
	done <out
	usage -w 0.01 -c 2 --tree --json "$PID" >out
	[ "$(wc -l <out)" -eq 2 ]
}

@test "a tree holds all descendants, and its sums are those of its rows" {
	start tree.out sh -c 'sleep 600 & sh -c "sleep 600 & echo ready; wait" & wait'
	await tree.out ready
	usage --tree --json "$PID" >out
	json "' '.join(str(p['pid']) for p in d['tree'][1:])" <out >>pids
	[ "$(json "[p['depth'] for p in d['tree']]" <out)" = "[0, 1, 1, 2]" ]
	[ "$(json "sorted(p['command'] for p in d['tree'])" <out)" = "['sh', 'sh', 'sleep', 'sleep']" ]
	[ "$(json "d['tree'][3]['ppid'] == d['tree'][2]['pid']" <out)" = True ]
	[ "$(json "d['sums']['vm_rss'] == sum(p['totals']['vm_rss'] for p in d['tree'])" <out)" = True ]
	[ "$(json "d['sums']['pss'] == sum(p['rollup']['pss'] for p in d['tree'])" <out)" = True ]
	[ "$(json "d['sums']['pss'] < d['sums']['vm_rss']" <out)" = True ]
	run usage --tree --color=never "$PID"
	[ "$status" -eq 0 ]
	[[ "$output" == *"├─sleep"*"└─sh"*"  └─sleep"*"total"*"4 processes"* ]]
	run usage --tree --ascii "$PID"
	[[ "$output" == *"|-sleep"*'`-sh'* ]]
}

@test "memory that a fork shares counts once" {
	start fork.out python3 -c 'import os, signal
held = bytearray(os.urandom(1 << 20) * 64)
child = os.fork()
if child: print("ready", child, flush=True)
signal.pause()'
	await fork.out ready
	sed 's/ready //' fork.out >>pids
	usage --tree --json "$PID" >out
	[ "$(json "d['sums']['vm_rss'] > 128 << 20" <out)" = True ]
	[ "$(json "64 << 20 < d['sums']['pss'] < 100 << 20" <out)" = True ]
}

@test "what may not be read is a dash with its reason, and exit 2" {
	start_town
	need_nobody
	run "${as_nobody[@]}" "$OPEN/plat" usage "$PID"
	[ "$status" -eq 0 ]
	run "${as_nobody[@]}" "$OPEN/plat" usage --pss "$PID"
	[ "$status" -eq 2 ]
	[[ "$output" == *"PSS, USS"*" - smaps_rollup: not permitted"* ]]
	run "${as_nobody[@]}" "$OPEN/plat" usage --tree "$PID"
	[ "$status" -eq 2 ]
	[[ "$output" == *" - "*"town"*"not permitted"*"lower bound"* ]]
}

@test "several processes are shown one after another" {
	start_town
	run usage "$PID" $$
	[ "$status" -eq 0 ]
	[[ "$output" == "town $PID"*$'\n\n'*" $$ "* ]]
	run usage "$PID" 2147483646
	[ "$status" -eq 3 ]
	[[ "$output" == *"town $PID"* ]]
}

@test "a captured tree is read, and unknown is not 0" {
	mkdir -p proc/7 proc/8 proc/9
	echo '7 (a b) c) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0' >proc/7/stat
	printf 'Name:\tx\nVmSize:\t100 kB\nVmRSS:\t10 kB\n' >proc/7/status
	echo '8 (child) S 7 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 6 0 0' >proc/8/stat
	printf 'VmSize:\t100 kB\nVmRSS:\t20 kB\n' >proc/8/status
	printf 'Rss: 20 kB\nPss: 5 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\n' >proc/8/smaps_rollup
	echo '9 (its own parent) S 9 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 6 0 0' >proc/9/stat
	run usage --root proc --json 7
	[ "$status" -eq 0 ]
	[ "$(json "[d['command'], d['totals']['vm_rss'], d['totals']['vm_swap']]" <<<"$output")" = \
		"['a b) c', 10240, None]" ]
	run usage --root proc --json --pss 8
	[ "$(json "[d['rollup'][k] for k in ('rss', 'pss', 'uss', 'shared', 'swap_pss')]" <<<"$output")" = \
		"[20480, 5120, 3072, None, None]" ]
	run usage --root proc --tree 7
	[ "$status" -eq 2 ]
	[[ "$output" == *"a b) c"*"└─child"*"total"*"30K"*"≥5K"*"2 processes"* ]]
	# A ring of parents has an end.
	echo '7 (ring) S 8 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0' >proc/7/stat
	run usage --root proc --tree 7
	[[ "$output" == *"2 processes"* ]]
}

@test "wrong usage is exit 64" {
	run usage
	[ "$status" -eq 64 ]
	run usage --watch=0 $$
	[ "$status" -eq 64 ]
	run usage --watch=nan $$
	[ "$status" -eq 64 ]
	run usage --count 3 $$
	[ "$status" -eq 64 ]
	run usage --watch --count 0 $$
	[ "$status" -eq 64 ]
	run usage --nothing
	[ "$status" -eq 64 ]
	run usage --help
	[ "$status" -eq 0 ]
	[[ "$output" == *"--watch[=SECONDS]"* ]]
}

@test "kernel threads and zombies are told apart from processes" {
	if [ -r /proc/2/status ] && ! grep -q VmSize /proc/2/status; then
		run usage 2
		[ "$status" -eq 3 ]
		[[ "$output" == *"is a kernel thread"* ]]
	fi
	start zombie.out python3 -c 'import os, signal
child = os.fork()
if not child: os._exit(0)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
print("ready", child, flush=True)
signal.pause()'
	await zombie.out ready
	run usage "$(sed 's/ready //' zombie.out)"
	[ "$status" -eq 3 ]
	[[ "$output" == *"is a zombie"* ]]
	run usage --tree "$PID"
	[ "$status" -eq 0 ]
	[[ "$output" == *"└─python3  zombie"* ]]
}
