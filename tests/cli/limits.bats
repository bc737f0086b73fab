#!/usr/bin/env bats
# plat limits: of processes that then go to their limits ($HITS, see hits.c), so that each number is
# tried out: what is left is had, and a page more is refused; and of captures with control groups.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
	DATA=$BATS_TEST_DIRNAME/../data
	PAGE=4096
}

teardown() {
	exec 7>&-
	clean_up
}

# Where no files of control groups are to be seen, as in a chroot, that alone is no failure.
limits() {
	local code=0
	plat limits "$@" 2>complaints || code=$?
	cat complaints >&2
	if [ "$code" -eq 2 ] && [ -s complaints ] &&
		! grep -qv ': cgroup: the files of its group cannot be seen from here$' complaints; then
		code=0
	fi
	return "$code"
}

# start_hits LIMITS [ARGUMENT]: with these for ulimit; sets PID, and opens its standard input as 7.
start_hits() {
	rm -f hits.in
	mkfifo hits.in
	exec 7<>hits.in
	# shellcheck disable=SC2016 # for the shell inside
	start hits.out "${AS[@]}" bash -c 'ulimit '"$1"' && shift && exec "$0" "$@"' \
		"$HITS" "$@" <hits.in 2>/dev/null
	await hits.out '^ready'
}

# tell WORDS...: sets $answer to what comes of it.
tell() {
	local n i
	n=$(wc -l <hits.out)
	echo "$*" >&7
	answer=
	for ((i = 0; i < 1200; i++)); do
		[ "$(wc -l <hits.out)" -eq "$n" ] || break
		kill -0 "$PID" 2>/dev/null || return 0
		sleep 0.02
	done
	answer=$(tail -n 1 hits.out)
	echo "$* -> $answer"
}

# row NAME: of the document in `out`, in Python.
row() {
	echo "next(r for r in d['limits'] if r['name'] == '$1')"
}

# of NAME EXPRESSION: of that row r.
of() {
	json "(lambda r: $2)($(row "$1"))" <out
}

# first GROWTH: the row that this meets first, its name and how far away it is.
first() {
	json "next((r['name'] + ' ' + str(r['until']['$1'])) for r in d['limits'] if r['rank']['$1'] == 1)" <out
}

# hits_exactly WORD BYTES OUTCOME: so much is had, and a page more is not.
hits_exactly() {
	tell "$1 $2"
	[ "$answer" = "$1 ok" ]
	tell "$1 $(($2 + PAGE))"
	[ "$answer" = "$1 $3" ]
}

# --- Numbers ---

@test "what RLIMIT_AS leaves is had, and a page more is ENOMEM" {
	start_hits '-v 65536'
	limits --json "$PID" >out
	[ "$(of RLIMIT_AS "r['soft']")" = $((65536 * 1024)) ]
	[ "$(of RLIMIT_AS "r['used']")" = "$(kib status VmSize)" ]
	[[ "$(first mmap)" == "RLIMIT_AS "* ]]
	hits_exactly mmap "$(of RLIMIT_AS "r['until']['mmap']")" ENOMEM
	[[ "$(first heap)" == "RLIMIT_AS "* ]]
	hits_exactly brk "$(of RLIMIT_AS "r['until']['heap']")" ENOMEM
}

@test "RLIMIT_DATA is met where VmData meets it, or where brk does" {
	local name until
	start_hits '-d 16384'
	limits --json "$PID" >out
	[ "$(of RLIMIT_DATA "r['used']")" = "$(kib status VmData)" ]
	[[ "$(first mmap)" == "RLIMIT_DATA "* ]]
	hits_exactly mmap "$(of RLIMIT_DATA "r['until']['mmap']")" ENOMEM
	name=$(first heap)
	until=${name##* }
	[[ "$name" == "RLIMIT_DATA "* ]]
	hits_exactly brk "$until" ENOMEM
}

@test "brk counts for itself: with a soft limit of 0 it fails, and mmap goes on" {
	start_hits '-S -d 0'
	limits --json "$PID" >out
	[ "$(first heap)" = "RLIMIT_DATA for brk 0" ]
	tell brk 4096
	[ "$answer" = "brk ENOMEM" ]
	tell mmap 1048576
	[ "$answer" = "mmap ok" ]
	[ "$(of RLIMIT_DATA "r['until']['mmap']")" = None ]
}

@test "the stack grows by what RLIMIT_STACK leaves, and a page more is SIGSEGV" {
	local until code=0
	start_hits '-s 1024'
	limits --json --sort stack "$PID" >out
	until=$(of RLIMIT_STACK "r['until']['stack']")
	[ "$(first stack)" = "RLIMIT_STACK $until" ]
	[ "$(json "d['limits'][0]['name']" <out)" = RLIMIT_STACK ]
	[ "$(of RLIMIT_STACK "r['beyond'][0]['outcome']")" = SIGSEGV ]
	tell stack "$until"
	[ "$answer" = "stack ok" ]
	limits --json "$PID" >out
	[ "$(of RLIMIT_STACK "[r['left'], r['percent']]")" = "[0, 100]" ]
	tell stack "$PAGE"
	wait "$PID" || code=$?
	[ "$code" -eq $((128 + 11)) ]
}

@test "RLIMIT_AS can stop a stack, too" {
	local until
	start_hits '-v 8192'
	limits --json --sort stack "$PID" >out
	until=$(of RLIMIT_AS "r['until']['stack']")
	[ "$(first stack)" = "RLIMIT_AS $until" ]
	tell stack "$until"
	[ "$answer" = "stack ok" ]
	tell stack "$PAGE"
	[ -z "$answer" ]
}

@test "what RLIMIT_MEMLOCK leaves can be locked, without the capability" {
	[ "$(id -u)" -ne 0 ] || AS=(setpriv --bounding-set -ipc_lock)
	start_hits '-l 1024' land
	limits --json "$PID" >out
	[ "$(of RLIMIT_MEMLOCK "r['capability']")" = \
		"{'name': 'CAP_IPC_LOCK', 'does': 'lifts it', 'has': False}" ]
	hits_exactly mlock "$(of RLIMIT_MEMLOCK "r['left']")" ENOMEM
	hits_exactly locked "$(of RLIMIT_MEMLOCK "r['left']")" EAGAIN
	COLUMNS=200 run limits --color=never "$PID"
	[[ "$output" == *"CAP_IPC_LOCK, which it lacks"* ]]
}

@test "with a lock limit of 0 all is EPERM" {
	[ "$(id -u)" -ne 0 ] || AS=(setpriv --bounding-set -ipc_lock)
	start_hits '-l 0' land
	limits --json "$PID" >out
	[ "$(of RLIMIT_MEMLOCK "{b['outcome'] for b in r['beyond']}")" = "{'EPERM'}" ]
	tell mlock 4096
	[ "$answer" = "mlock EPERM" ]
	tell locked 4096
	[ "$answer" = "locked EPERM" ]
}

@test "CAP_IPC_LOCK sets the limit aside" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	start_hits '-l 1024' land
	limits --json "$PID" >out
	[ "$(of RLIMIT_MEMLOCK "r['capability']['has']")" = True ] || skip "root lacks CAP_IPC_LOCK"
	[ "$(of RLIMIT_MEMLOCK "[r['in_force'], r['note']]")" = \
		"[False, 'not in force']" ]
	tell mlock 2097152
	[ "$answer" = "mlock ok" ]
}

@test "as many mappings can be made as vm.max_map_count leaves" {
	local left
	[ "$(cat /proc/sys/vm/max_map_count)" -le 1000000 ] || skip "too many to make"
	start_hits '-S -c 0'
	limits --json "$PID" >out
	left=$(of vm.max_map_count "r['left']")
	[ "$(of vm.max_map_count "r['rank']['mmap']")" = None ]
	tell maps
	[ "$answer" = "maps $left" ]
	limits --json "$PID" >out
	[ "$(of vm.max_map_count "[r['left'], r['rank']['mmap'], r['rank']['heap']]")" = "[0, 1, 1]" ]
	tell mmap "$PAGE"
	[ "$answer" = "mmap ENOMEM" ]
	tell brk "$PAGE"
	[ "$answer" = "brk ENOMEM" ]
}

@test "a single request for more than memory and swap is refused" {
	[ "$(cat /proc/sys/vm/overcommit_memory)" -eq 0 ] || skip "vm.overcommit_memory is not 0"
	start_hits '-S -c 0'
	limits --json "$PID" >out
	hits_exactly mmap "$(of vm.overcommit_memory "r['until']['mmap']")" ENOMEM
}

@test "the mapping above brk is where the heap ends" {
	[ "$(cat /proc/sys/vm/overcommit_memory)" -ne 2 ] || skip "vm.overcommit_memory is 2"
	start_hits '-S -c 0'
	limits --json "$PID" >out
	until=$(of 'mapping above brk' "r['until']['heap']")
	hits_exactly brk "$until" ENOMEM
}

@test "the first of what refuses is what plat headroom says" {
	start_town
	limits --json "$PID" >out
	plat headroom --json "$PID" >said || [ $? -eq 2 ]
	python3 - <<'END'
import json
rows = json.load(open('out'))['limits']
said = {h['what']: h['bytes'] for h in reversed(json.load(open('said'))['headroom'])}
kills = {'OOM kill', 'throttled', 'stops'}
for growth in 'heap', 'mmap', 'stack':
    left = [r['until'][growth] for r in rows if r['rank'][growth]
            and not kills & {b['outcome'] for b in r['beyond']}]
    assert min(left) == said[growth], (growth, min(left), said[growth])
END
}

# --- Order ---

@test "raising what is met first leads to what is met next" {
	start_hits '-S -v 65536 -d 16384'
	limits --json --sort mmap "$PID" >out
	[ "$(json "[r['name'] for r in d['limits'][:2]]" <out)" = "['RLIMIT_DATA', 'RLIMIT_AS']" ]
	limits --set data=unlimited "$PID"
	limits --json --sort mmap "$PID" >out
	[ "$(json "d['limits'][0]['name']" <out)" = RLIMIT_AS ]
	hits_exactly mmap "$(json "d['limits'][0]['until']['mmap']" <out)" ENOMEM
}

@test "each order puts its own ranks first" {
	local growth
	start_hits '-v 65536'
	for growth in heap mmap stack; do
		limits --json --sort "$growth" "$PID" >out
		[ "$(json "(lambda ranks: ranks == list(range(1, len(ranks) + 1)))([r['rank']['$growth'] for r in d['limits'] if r['rank']['$growth']])" <out)" = True ]
		[ "$(json "d['limits'][0]['rank']['$growth']" <out)" = 1 ]
	done
}

# --- Changing ---

# now NAME: soft and hard limit of the process.
now() {
	awk -v name="Max $1" 'index($0, name) == 1 { print $(NF - 2), $(NF - 1) }' "/proc/$PID/limits"
}

@test "--set changes limits, and says what they were" {
	start_hits '-S -s 8192'
	run limits --set as=4G,stack=4M:8M "$PID"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[[ "${lines[0]}" == "RLIMIT_AS: soft unlimited → 4G, hard unlimited" ]]
	[[ "${lines[1]}" == "RLIMIT_STACK: soft 8M → 4M, hard "*"8M" ]]
	[ "$(now 'address space')" = "4294967296 unlimited" ]
	[ "$(now 'stack size')" = "4194304 8388608" ]
	limits --json --set as=1G,data=unlimited "$PID" >out
	[ "$(json "[c['name'] for c in d['changes'] if c['set']]" <out)" = "['RLIMIT_AS', 'RLIMIT_DATA']" ]
	[ "$(json "d['changes'][0]['before']" <out)" = "{'soft': 4294967296, 'hard': 'unlimited'}" ]
	[ "$(json "d['changes'][0]['after']" <out)" = "{'soft': 1073741824, 'hard': 'unlimited'}" ]
	[ "$(json "d['refused']" <out)" = None ]
}

@test "a limit that was set stops the process" {
	start_hits '-S -c 0'
	tell mmap 134217728
	[ "$answer" = "mmap ok" ]
	limits --set as=100M "$PID"
	tell mmap 134217728
	[ "$answer" = "mmap ENOMEM" ]
	limits --set as=unlimited "$PID"
	tell mmap 134217728
	[ "$answer" = "mmap ok" ]
}

@test "one wrong word, and nothing is changed" {
	local words before
	start_hits '-S -c 0'
	before=$(cat "/proc/$PID/limits")
	for words in as=1G,dat=1G as=1G,data as=1G,data= as=1G,data=1X as=1G,data=2G:1G \
		as=1G,data=1G: as=1G,as=2G 'as=1G,' ',as=1G' as=-1 as=unlimited:1G '' as=1G:2G:3G; do
		run limits --set "$words" "$PID"
		echo "$words: $status $output"
		[ "$status" -eq 64 ]
		[ "$(cat "/proc/$PID/limits")" = "$before" ]
	done
	run limits --set as=1G --set as=2G "$PID"
	[ "$status" -eq 64 ]
	run limits --set as=1G --root /proc "$PID"
	[ "$status" -eq 64 ]
	run limits --set as=1G
	[ "$status" -eq 64 ]
}

@test "a soft limit above the hard one is EINVAL" {
	start_hits '-v 1048576'
	run limits --set as=2G "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == *"RLIMIT_AS: EINVAL: the soft limit would be above the hard one, which stays as it is; set: nothing; not set: RLIMIT_AS" ]]
}

@test "what the kernel refuses is said, and what was set before it" {
	[ "$(id -u)" -ne 0 ] || AS=("${as_nobody[@]}")
	need_nobody
	cp "$HITS" "$OPEN/hits"
	HITS=$OPEN/hits
	start_hits '-d 1048576'
	run "${as_nobody[@]}" "$OPEN/plat" limits --set as=4G,data=1M:2G,stack=1M "$PID"
	[ "$status" -eq 3 ]
	[ "${lines[0]}" = "RLIMIT_AS: soft unlimited → 4G, hard unlimited" ]
	[[ "${lines[1]}" == "plat limits: $PID: RLIMIT_DATA: EPERM: raising a hard limit needs CAP_SYS_RESOURCE"*"; set: RLIMIT_AS; not set: RLIMIT_DATA, RLIMIT_STACK" ]]
	[ "$(now 'address space')" = "4294967296 unlimited" ]
	[ "$(now 'data size')" = "1073741824 1073741824" ]
	"${as_nobody[@]}" "$OPEN/plat" limits --json --set as=4G,data=1M:2G "$PID" >out 2>complaint ||
		[ $? -eq 3 ]
	[ "$(json "[c['set'] for c in d['changes']]" <out)" = "[True, False]" ]
	[[ "$(json "d['refused']" <out)" == "RLIMIT_DATA: EPERM: "* ]]
}

@test "limits of another user's process are not for nobody" {
	need_nobody
	start_hits '-S -c 0'
	run "${as_nobody[@]}" "$OPEN/plat" limits --set as=4G "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == *"EPERM: the limits of another user's process need CAP_SYS_RESOURCE in its user namespace; set: nothing; not set: RLIMIT_AS" ]]
	[[ "$(now 'address space')" == unlimited* ]]
}

# --- Captures ---

@test "limits of control groups, version 2, up the tree" {
	limits --root "$DATA/cgroup-v2" --json 801 >out
	python3 - <<'END'
import json
M = 1 << 20
rows = json.load(open('out'))['limits']
groups = {(r['name'], r['group']): r for r in rows if r['group']}
worker, service, slice = ('/system.slice/old.service/worker', '/system.slice/old.service', '/system.slice')
assert set(groups) == {(n, g) for n in ('memory.high', 'memory.max', 'memory.swap.max')
                       for g in (worker, service, slice)}
high = groups['memory.high', worker]
assert (high['soft'], high['used'], high['left'], high['percent']) == (4 * M, 3 * M, M, 75)
assert high['beyond'][0]['outcome'] == 'throttled' and high['rank']['heap'] == 1
most = groups['memory.max', service]
assert (most['soft'], most['used'], most['left']) == (8 * M, 5 * M, 3 * M)
assert most['beyond'][0]['outcome'] == 'OOM kill' and most['rank']['heap'] == 2
swap = groups['memory.swap.max', service]
assert swap['left'] == M and swap['until']['heap'] == 4 * M and swap['rank']['heap'] == 3
assert groups['memory.max', slice]['soft'] == 'unlimited'
# vm.overcommit_memory is 2: the commit limit, less what is kept for root and for others.
commit = next(r for r in rows if r['name'] == 'CommitLimit')
assert commit['in_force']
assert commit['left'] == (1000000 - 8192 - 384 - 4 - 900000) * 1024, commit['left']
END
}

@test "limits of control groups, version 1, up the tree" {
	limits --root "$DATA/cgroup-v1" --json 801 >out
	python3 - <<'END'
import json
M = 1 << 20
rows = json.load(open('out'))['limits']
groups = {(r['name'], r['group']): r for r in rows if r['group']}
assert {g for n, g in groups} == {'/docker/4711', '/docker', '/'}
memory = groups['memory.limit_in_bytes', '/docker/4711']
assert (memory['soft'], memory['left'], memory['rank']['mmap']) == (256 * M, 56 * M, 1)
both = groups['memory.memsw.limit_in_bytes', '/docker/4711']
assert (both['soft'], both['left'], both['rank']['mmap']) == (512 * M, 302 * M, 2)
assert groups['memory.limit_in_bytes', '/']['soft'] == 'unlimited'
END
	run limits --root "$DATA/cgroup-v1" --sort stack 801
	[ "$status" -eq 0 ]
	[[ "$output" == *"stack  RLIMIT_STACK after 7.9M, memory.limit_in_bytes of /docker/4711 after 56M"* ]]
	[[ "$output" == *"4 limits of control groups are unlimited (-v shows)"* ]]
	run limits -v --root "$DATA/cgroup-v1" 801
	[[ "$output" == *"  /docker: "* ]]
}

@test "a new capture has what limits needs, and says the same" {
	[ -r /proc/sys/vm/overcommit_memory ] || skip "no overcommit to capture"
	start_hits '-v 65536'
	sh "$BATS_TEST_DIRNAME/../capture.sh" "$PID" captured
	limits --json "$PID" >out
	limits --json --root captured "$PID" >captured.out
	python3 - <<'END'
import json
names = [[(r['name'], r['soft'], r['hard']) for r in json.load(open(f))['limits']]
         for f in ('out', 'captured.out')]
assert sorted(map(str, names[0])) == sorted(map(str, names[1])), names
END
	# Names of groups are private.
	run ! grep -vE '^[0-9]+:[a-z,]*:(/|(/group[0-9]+)+)$' "captured/$PID/cgroup"
}

# --- What it looks like ---

@test "no line is wider than 80 columns, and --ascii is ASCII" {
	start_hits '-v 65536'
	limits --color=never "$PID" >lines
	fits 80 <lines
	limits --ascii --color=never "$PID" | is_ascii
	grep -q '^LIMIT .* SOFT .* HEAP MMAP STACK$' lines
	grep -q '^heap   RLIMIT_AS after ' lines
}

@test "--bytes writes numbers, which are not cut" {
	start_hits '-v 65536'
	limits --bytes --color=never "$PID" >lines
	grep -q ' 67108864 .*unlimited ' lines || grep -q ' 67108864 .*67108864 ' lines
	grep -qx RLIMIT_AS lines
	run ! grep -q '[0-9]…' lines
}

@test "what another user may not see is unknown, with the reason, exit 2" {
	need_nobody
	start_hits '-v 65536'
	"${as_nobody[@]}" "$OPEN/plat" limits --json "$PID" >out 2>complaint || code=$?
	[ "$code" -eq 2 ]
	[ "$(of RLIMIT_STACK "[r['used'], r['used_why']]")" = "[None, 'maps: not permitted']" ]
	[ "$(of 'largest hole' "[r['left'], r['left_why']]")" = "[None, 'maps: not permitted']" ]
	[ "$(of RLIMIT_AS "r['used']")" = "$(kib status VmSize)" ]
	grep -q "^plat limits: $PID: maps: not permitted$" complaint
	COLUMNS=200 run "${as_nobody[@]}" "$OPEN/plat" limits "$PID"
	[[ "$output" == *"; unknown: RLIMIT_STACK"* ]]
}

@test "wrong usage is exit 64, no process is exit 3" {
	run limits
	[ "$status" -eq 64 ]
	run limits $$ $$
	[ "$status" -eq 64 ]
	run limits --sort size $$
	[ "$status" -eq 64 ]
	run limits 2147483646
	[ "$status" -eq 3 ]
	run limits --set as=1G 2147483646
	[ "$status" -eq 3 ]
	[[ "$output" == *"2147483646: "*"o such process"* ]]
	run limits --help
	[ "$status" -eq 0 ]
	[[ "$output" == *"--set LIMIT=SOFT[:HARD],..."* ]]
}
