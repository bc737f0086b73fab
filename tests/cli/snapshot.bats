#!/usr/bin/env bats
# Snapshots in place of processes: what they answer, what they hold, what they never hold, and what a
# broken one or a killed plat leaves. Programs are the town, $BLOCKS (see blocks.c) on plat's malloc,
# and $SECRETS (see secrets.c), also as it is linked with other C libraries.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 100
	unset MALLOC_PERTURB_
	HIDDEN=QXZJKVWYQJZXVKYW
}

teardown() {
	exec 7>&-
	clean_up
}

# start_reading COMMAND...: a program that lives as long as we do, until it says that it is ready.
start_reading() {
	mkfifo program.in
	exec 7<>program.in
	"$@" <program.in >program.out 3>&- &
	PID=$!
	echo "$PID" >>pids
	await program.out '^ready'
}

start_blocks() {
	start_reading env LD_PRELOAD="$LIBRARY" "$BLOCKS"
}

# unpacked FILE: all that is in it. Behind the head there are frames of zstd, one behind the other.
unpacked() {
	tail -c +65 "$1" | zstd -dc
}

# without_others: an answer without the lines of what other processes change at any time.
without_others() {
	grep -vE '"(pss|uss)"|_clean|memory|Commit|PSS|USS|[Ss]hared|can be used' || true
}

# same ARGUMENT...: the command says the same of PID as of the file `snap`, with the same exit code.
same() {
	local live=0 snap=0
	plat "${@/OPERAND/$PID}" >live.out 2>live.err || live=$?
	plat "${@/OPERAND/.\/snap}" >snap.out 2>snap.err || snap=$?
	echo "plat $*: $live $snap"
	[ "$live" -eq "$snap" ]
	diff <(without_others <live.out) <(without_others <snap.out)
	diff <(sed "s/^plat \([a-z]*\): $PID: /plat \1: .\/snap: /" live.err) snap.err
}

# same_everywhere: with the commands that take no other operand.
same_everywhere() {
	same map OPERAND
	same map --json OPERAND
	same map --list OPERAND
	same map --svg - OPERAND
	same map --raw -o START,END,KIND,PERMS,RSS,SWAP,LOCKED,FLAGS,NAME OPERAND
	same usage OPERAND
	same usage --json --pss OPERAND
	same limits OPERAND
	same resident OPERAND
	same resident --json OPERAND
	same resident --pages OPERAND
	same headroom OPERAND
}

@test "a full snapshot of the town answers as the stopped process, to the byte" {
	start_town
	stop "$PID"
	plat snapshot --no-stop -c full --environment -o snap "$PID"
	same_everywhere
	same resident --cache OPERAND
	same doctor OPERAND
	same heap OPERAND
	for address in $(plat map --raw -n -o START,KIND "$PID" | awk '!seen[$2]++ { print "0x" $1 }'); do
		same explain OPERAND "$address"
		same explain --json OPERAND "$address"
	done
}

@test "a full snapshot of a program on plat's malloc answers as the stopped process" {
	start_blocks
	stop "$PID"
	plat snapshot --no-stop -c full --environment -o snap "$PID"
	same_everywhere
	same doctor OPERAND
	same doctor --json OPERAND
	same profile OPERAND
	same heap OPERAND
	same heap --json OPERAND
	same heap --blocks --state all OPERAND
}

@test "pointers are enough for plat's heap" {
	start_blocks
	stop "$PID"
	plat snapshot --no-stop --environment -o snap "$PID"
	same_everywhere
	same heap OPERAND
	same heap --blocks --state all OPERAND
	same doctor OPERAND
	same profile OPERAND
}

# same_heap COMMAND...: of a program like $SECRETS, all that heap says, from pointers alone.
same_heap() {
	start_reading "$@" "$HIDDEN"
	stop "$PID"
	plat snapshot --no-stop -o snap "$PID"
	same heap OPERAND
	same heap --json OPERAND
	same heap --blocks --state all OPERAND
	[ "$(wc -l <snap.out)" -gt 1300 ]
	unpacked snap >bytes
	run ! grep -aqF "${HIDDEN:0:5}" bytes
	run ! grep -aqF "${HIDDEN:6:5}" bytes
}

@test "pointers are enough for glibc's heaps, and for nothing else" {
	same_heap "$SECRETS"
}

@test "pointers are enough for the heap of a static program" {
	cc -O2 -static -o secrets "$BATS_TEST_DIRNAME/secrets.c" -pthread || skip "no static glibc"
	same_heap ./secrets
}

@test "pointers are enough for musl's heap" {
	command -v musl-gcc >/dev/null || skip "no musl-gcc"
	musl-gcc -O2 -o secrets "$BATS_TEST_DIRNAME/secrets.c" -pthread || skip "it does not link"
	same_heap ./secrets
}

@test "pointers are enough for the heap of a static program on musl" {
	command -v musl-gcc >/dev/null || skip "no musl-gcc"
	musl-gcc -O2 -static -o secrets "$BATS_TEST_DIRNAME/secrets.c" -pthread || skip "it does not link"
	same_heap ./secrets
}

@test "a snapshot without content has the shape, and no heap" {
	start_blocks
	stop "$PID"
	plat snapshot --no-stop -c none --environment -o snap "$PID"
	same_everywhere
	plat doctor ./snap | grep -q "^malloc  *plat's malloc"
	run -2 plat heap ./snap
	[[ $output == *"plat heap: ./snap: the snapshot was taken with --content none: it holds no heap" ]]
	[ "$(stat -c %s snap)" -lt 500000 ]
}

@test "the answers stay when the process is gone" {
	start_town
	stop "$PID"
	plat snapshot --no-stop -o snap "$PID"
	plat map --list "$PID" >before
	kill -KILL "$PID"
	wait "$PID" || true
	plat map --list snap >after
	diff before after
}

@test "no text of the program is among its pointers" {
	start_reading env "VARIABLE=$HIDDEN" "$SECRETS" "$HIDDEN"
	plat snapshot "$PID" -o pointers
	plat snapshot "$PID" -o none --content none
	plat snapshot "$PID" -o full --content full
	for content in pointers none; do
		unpacked "$content" >bytes
		grep -aqF 'content' bytes
		[ "$(stat -c %s bytes)" -gt 10000 ]
		run ! grep -aqF "${HIDDEN:0:4}" bytes
		run ! grep -aqF "${HIDDEN:6:4}" bytes
		run ! grep -aqF "${HIDDEN:12:4}" bytes
	done
	unpacked full >bytes
	grep -aqF "$HIDDEN" bytes
}

@test "arguments and environment are in a snapshot only if they are asked for" {
	start_reading env "VARIABLE=$HIDDEN" "$BLOCKS"
	plat snapshot "$PID" -o full --content full
	unpacked full >bytes
	run ! grep -aqF "$HIDDEN" bytes
	plat snapshot "$PID" -o asked --content full --environment
	unpacked asked >bytes
	grep -aqF "VARIABLE=$HIDDEN" bytes
	run -2 --separate-stderr plat doctor full
	# shellcheck disable=SC2154 # stderr is set by run
	[[ $stderr == *"environ: the snapshot was taken without --environment"* ]]
	run -0 plat doctor asked
}

@test "the process stands still meanwhile, goes on, and gets no page" {
	start_town
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$PID/status")
	for content in none pointers full; do
		run -0 plat snapshot "$PID" -o snap --content "$content"
		[[ $output == *"stopped for "*" ms; taken in"* ]]
	done
	grep -q '^State:.[SR]' "/proc/$PID/status"
	grep -q '^TracerPid:.0$' "/proc/$PID/status"
	[ "$(awk '/^VmRSS/ { print $2 }' "/proc/$PID/status")" -eq "$before" ]
	plat snapshot "$PID" -o snap --json >said
	json 'd["stopped"], d["pause_ms"] > 0, d["content"]' <said | grep -qF "(True, True, 'pointers')"
	plat snapshot "$PID" -o snap --no-stop --json >said
	json 'd["stopped"], d["pause_ms"]' <said | grep -qF "(False, 0.0)"
}

@test "a snapshot is its owner's, and replaces only files" {
	start_blocks
	umask 0
	echo old >snap
	chmod 644 snap
	plat snapshot "$PID" -o snap
	[ "$(stat -c %a snap)" = 600 ]
	plat map snap >/dev/null
	mkfifo pipe
	ln -s snap link
	mkdir folder
	for other in pipe link folder /dev/null; do
		run -3 plat snapshot "$PID" -o "$other"
		[[ $output == *"$other: is there and no regular file: it is not replaced"* ]]
	done
	[ -c /dev/null ]
	run -3 plat snapshot "$PID" -o nowhere/snap
	[[ $output == *"nowhere/snap: cannot be written: No such file or directory"* ]]
}

@test "a plat that fails or is killed leaves nothing that looks whole" {
	start_reading "$SECRETS" "$HIDDEN"
	mkdir room
	echo old >room/snap
	# What is written beyond the limit ends plat by a signal, or is an error where that is ignored.
	(
		ulimit -f 64
		"$PLAT" snapshot "$PID" --content full -o room/snap
	) >out 2>&1 && false
	(
		trap '' XFSZ
		ulimit -f 64
		"$PLAT" snapshot "$PID" --content full -o room/snap
	) >out 2>&1 && false
	grep -q 'room/snap: cannot be written: File too large' out
	[ "$(ls -A room)" = snap ]
	[ "$(cat room/snap)" = old ]
	grep -q '^State:.[SR]' "/proc/$PID/status"
}

@test "of a process that is killed meanwhile there is a whole snapshot, or none and that is said" {
	local i wish code
	mkdir room
	for ((i = 0; i < 4; i++)); do
		start program.out python3 -c 'import threading
for i in range(4): threading.Thread(target=threading.Event().wait).start()
much = b"plat" * (25 << 20)
print("ready", flush=True)'
		await program.out ready
		wish=(--content full)
		((i % 4 != 1)) || wish=(--no-stop --content full)
		((i % 4 != 2)) || wish=()
		((i % 4 != 3)) || wish=(--inject)
		(sleep "0.$(printf %03d $((RANDOM % 250)))" && kill -KILL "$PID") &
		code=0
		plat snapshot "${wish[@]}" "$PID" -o room/snap >out 2>err || code=$?
		wait $! || true
		echo "${wish[*]}: exit $code, $(cat err)"
		if [ "$code" -eq 0 ]; then
			plat map --list room/snap >out
			rm room/snap
		else
			[ "$code" -eq 3 ]
			grep -qE "^plat snapshot: $PID( \(python3\))?: (the process is gone|it has ended|is a zombie, its memory is gone|is about to end, its memory is gone)$" err
			[ "$(grep -c '^plat ' err)" -eq 1 ]
		fi
		[ -z "$(ls -A room)" ]
	done
}

@test "a broken snapshot is said to be broken" {
	start_blocks
	plat snapshot "$PID" -o snap --content full
	size=$(stat -c %s snap)
	for ((part = 0; part < 16; part++)); do
		head -c $((size * part / 16)) snap >shorter
		run -3 plat map ./shorter
	done
	[[ $output == *"./shorter: is cut off or has grown"* ]]
	echo >>snap
	run -3 plat map ./snap
	[[ $output == *"./snap: is cut off or has grown"* ]]
	truncate -s "$size" snap
	plat map ./snap >/dev/null
	# Damage in the middle is met where it is read.
	for ((part = 1; part < 32; part++)); do
		cp snap hurt
		printf '\377\377\377\377' | dd of=hurt bs=1 seek=$((size * part / 32)) conv=notrunc status=none
		run plat heap ./hurt
		[ "$status" -le 3 ]
	done
	# A later version is told from a broken file.
	cp snap later
	printf '\002' | dd of=later bs=1 seek=8 conv=notrunc status=none
	run -3 plat map ./later
	[ "$output" = "plat map: ./later: is a snapshot of version 2, this plat reads version 1" ]
}

@test "a packed snapshot is like the snapshot" {
	start_blocks
	plat snapshot "$PID" -o snap
	zstd -q snap -o snap.zst
	diff <(plat heap --json snap) <(plat heap --json snap.zst)
}

@test "what is not to be dumped is in no snapshot" {
	start_town
	range=$(range dontdump)
	[ -n "$range" ] || range=$(grep -B30 '^VmFlags:.* dd' "/proc/$PID/smaps" |
		grep -E '^[0-9a-f]+-[0-9a-f]+ rw' | awk 'END { print $1 }')
	[ -n "$range" ] || skip "the town has no such memory"
	run -0 plat snapshot "$PID" -o snap --content full
	[[ $output == *"are not to be dumped (MADV_DONTDUMP), and left out"* ]]
}

@test "commands that act on a process refuse a snapshot" {
	start_blocks
	plat snapshot "$PID" -o snap
	for command in "limits --set data=1M" "profile --rate off" "trim" "snapshot -o other"; do
		# shellcheck disable=SC2086 # a list of words
		run plat $command snap
		[ "$status" -eq 64 ] || [ "$status" -eq 3 ]
		[[ $output == *"snap: "*"running process is wanted"* ]]
	done
	run -64 plat headroom --verify snap
	run -64 plat usage --tree snap
	run -64 plat usage --watch snap
	[[ $output == *"snap: a snapshot: --tree and --watch want a running process"* ]]
	run -64 plat map --root /proc snap
	kill -0 "$PID"
}

@test "wrong usage is told" {
	run -64 plat snapshot
	[[ $output == *"which process?"* ]]
	run -64 plat snapshot 1
	[[ $output == *"name a file by -o"* ]]
	run -64 plat snapshot 1 2 -o snap
	run -64 plat snapshot 1 -o snap --content all
	[[ $output == *"all: the content is none, pointers or full"* ]]
	run -3 plat snapshot 2147483647 -o snap
	[ ! -e snap ]
}

@test "who may not look at a process gets what the kernel tells everybody" {
	need_nobody
	start_blocks
	run -3 "${as_nobody[@]}" "$OPEN/plat" snapshot "$PID" -o "$OPEN/snap"
	[[ $output == *"--no-stop takes one while it runs"* ]]
	chmod 777 "$OPEN"
	run -2 "${as_nobody[@]}" "$OPEN/plat" snapshot --no-stop "$PID" -o "$OPEN/snap"
	[[ $output == *"memory: not permitted"* ]]
	stop "$PID"
	"${as_nobody[@]}" "$OPEN/plat" snapshot --no-stop "$PID" -o "$OPEN/snap" || true
	diff <("${as_nobody[@]}" "$OPEN/plat" usage "$PID") <(plat usage "$OPEN/snap")
	diff <("${as_nobody[@]}" "$OPEN/plat" map "$PID") <(plat map "$OPEN/snap")
}
