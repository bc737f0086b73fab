#!/usr/bin/env bats
# plat explain. $PLAT is the command, $TOWN the demo program, which lists what it makes.

bats_require_minimum_version 1.5.0

# start NAME PROGRAM: runs it with --list; its lines go to NAME.list, its PID to NAME.pid.
start() {
	local dir=$BATS_FILE_TMPDIR i
	mkfifo "$dir/$1.in"
	sleep 600 >"$dir/$1.in" 3>&- &
	echo $! >>"$dir/pids"
	"$2" --list <"$dir/$1.in" >"$dir/$1.list" 2>/dev/null 3>&- &
	echo $! | tee -a "$dir/pids" >"$dir/$1.pid"
	await "$dir/$1.list" '^ready'
}

# await FILE PATTERN: until a line of it matches; a machine that is busy gets a minute.
await() {
	local i
	for ((i = 0; i < 1200; i++)); do
		grep -q "$2" "$1" 2>/dev/null && return 0
		sleep 0.05
	done
	return 1
}

setup_file() {
	export PLAT=${PLAT:-plat} TOWN=${TOWN:-town}
	start town "$TOWN"
}

teardown_file() {
	local pid
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
	done <"$BATS_FILE_TMPDIR/pids"
}

setup() {
	export COLUMNS=200 LC_ALL=C.UTF-8 ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS-}
	unset DEBUGINFOD_URLS
	PID=$(cat "$BATS_FILE_TMPDIR/town.pid")
	LIST=$BATS_FILE_TMPDIR/town.list
	cd "$BATS_TEST_TMPDIR" || exit 1
}

teardown() {
	[ ! -f pids ] || xargs kill <pids 2>/dev/null || true
}

# The timeout is for a plat that hangs; --foreground leaves it in our process group.
explain() {
	timeout --foreground 120 "$PLAT" explain "$@"
}

# json FILTER ADDRESS...: of what is said of addresses in town.
json() {
	local filter=$1
	shift
	explain --json "$PID" "$@" | jq -r "$filter"
}

# place KIND [FIELD]: start (2) or end (3) of the first thing of this kind; skips what town had to.
place() {
	awk -v kind="$1" -v field="${2:-2}" '$1 == kind { print $field; exit }' "$LIST"
}

need() {
	[ -n "$(place "$1")" ] || skip "this machine makes no $1"
}

at() {
	printf '0x%x' $(($1 + $2))
}

# symbol_at PROGRAM PID NAME: where a name of nm's lies in the process.
symbol_at() {
	local value base start offset
	value=$(nm "$1" | awk -v name="$3" '$3 == name { print "0x" $1; exit }')
	# The program may also be mapped as data: its code tells.
	read -r start offset < <(grep -F "$(readlink "/proc/$2/exe")" "/proc/$2/maps" |
		sed -n 's/^\([0-9a-f]*\)-[0-9a-f]* r-xp \([0-9a-f]*\) .*/0x\1 0x\2/p')
	base=$((start - offset))
	readelf -h "$1" | grep -q 'Type: *EXEC' && base=0
	printf '0x%x' $((value + base))
}

check_names() {
	local pid=$2 program=$1 address
	address=$(symbol_at "$program" "$pid" fields)
	run explain "$pid" "$(at "$address" 5000)"
	[ "$status" -eq 0 ]
	[[ "$output" == *"symbol     fields+0x1388 (variable, 1048576 bytes"* ]]
	[[ "$output" == *"bss of"* ]]
	address=$(symbol_at "$program" "$pid" main)
	[ "$(explain --json "$pid" "$(at "$address" 1)" |
		jq -c '.addresses[0] | [.symbol.name, .symbol.offset, .symbol.type, .region.kind]')" = \
		'["main",1,"function","text"]' ]
	address=$(symbol_at "$program" "$pid" chronicle)
	[ "$(explain --json "$pid" "$address" |
		jq -c '.addresses[0] | [.symbol.name, .region.kind]')" = '["chronicle","rodata"]' ]
}

@test "functions and variables of the program are named" {
	check_names "$TOWN" "$PID"
}

@test "names of a deleted program come from the file that is mapped" {
	cp "$TOWN" gone
	cp "$TOWN" kept
	start gone ./gone
	rm gone
	[ -r "/proc/$(cat "$BATS_FILE_TMPDIR/gone.pid")/map_files" ] || skip "needs map_files"
	check_names kept "$(cat "$BATS_FILE_TMPDIR/gone.pid")"
	run explain "$(cat "$BATS_FILE_TMPDIR/gone.pid")" \
		"$(symbol_at kept "$(cat "$BATS_FILE_TMPDIR/gone.pid")" main)"
	[[ "$output" == *"gone (deleted)"* ]]
}

@test "names of a static program" {
	${CC:-cc} -static -pthread -O1 -w -o still "$BATS_TEST_DIRNAME/../../demo/town.c" ||
		skip "no static C library"
	start still ./still
	check_names still "$(cat "$BATS_FILE_TMPDIR/still.pid")"
}

@test "names of a static position-independent program" {
	${CC:-cc} -static-pie -pthread -O1 -w -o pie "$BATS_TEST_DIRNAME/../../demo/town.c" ||
		skip "no static C library"
	start pie ./pie
	check_names pie "$(cat "$BATS_FILE_TMPDIR/pie.pid")"
}

@test "without the file, names come from memory" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
	local dir pid
	dir=$(mktemp -d)
	chmod 755 "$dir"
	${CC:-cc} -w -rdynamic -x c -o "$dir/alone" - <<-'END'
		#include <unistd.h>
		char pantry[4096];
		int main(void) { pantry[9] = 1; sleep(600); return 0; }
	END
	cp "$dir/alone" kept
	cp "$PLAT" "$dir/plat"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/alone" 3>&- &
	pid=$!
	echo $pid >pids
	await "/proc/$pid/comm" alone
	rm "$dir/alone"
	run setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$dir/plat" explain "$pid" "$(at "$(symbol_at kept "$pid" pantry)" 9)"
	rm -r "$dir"
	[[ "$output" == *"pantry+0x9 (variable, 4096 bytes, as read from memory)"* ]]
}

@test "functions of the vdso and of libraries are named" {
	local start
	start=$(awk '$NF == "[vdso]" { split($1, a, "-"); print "0x" a[1] }' "/proc/$PID/maps")
	[ -n "$start" ] || skip "no vdso"
	json '[.addresses[].symbol.name] | @csv' "$(at "$start" 0xa00)" "$(at "$start" 0xc00)" |
		grep -q '__vdso_' || skip "another vdso than the one we know"
}

@test "a thread-local variable has its name in every thread" {
	[ "$(uname -m)" = x86_64 ] || skip "x86 only"
	grep '^tls ' "$LIST" | while read -r _ start _; do
		json '.addresses[0].symbol.type' "$start" | grep -qx tls
	done
}

@test "guards by permissions and by madvise fault" {
	[ "$(json '.addresses[0] | .region.kind + " " + .access' "$(place guard-none)")" = "guard SIGSEGV" ]
	need guard-madvise
	[ "$(json '.addresses[0] | .region.kind + " " + .page.state + " " + .access' \
		"$(place guard-madvise)")" = "guard guard SIGSEGV" ]
	[ "$(json '.addresses[0].region.kind' "$(at "$(place guard-madvise)" -1)")" = anon ]
}

@test "a stack is explained from its stack pointer" {
	local sp tid
	tid=$(sed -n 's/^thread-stack .* tid=\([0-9]*\) smith/\1/p' "$LIST")
	sp=$(explain --json "$PID" "$(awk '/^thread-stack .*smith/ { print $2 }' "$LIST")" |
		jq -r '.addresses[0].thread.sp')
	[ "$sp" != null ] || skip "stack pointers cannot be read here"
	[ "$(json '.addresses[0].thread | "\(.tid) \(.name)"' "$sp")" = "$tid smith" ]
	run explain "$PID" "$(at "$sp" 16)"
	[[ "$output" == *"thread-stack of thread smith (TID $tid)"* ]]
	[[ "$output" == *"stack      16B above the stack pointer $sp: in use; used now "* ]]
	run explain "$PID" "$(at "$sp" -100000)"
	[[ "$output" == *"below the stack pointer"*"used before"* ]]
}

@test "below a stack an access grows it, or faults beyond its limit" {
	local start
	start=$(awk '$NF == "[stack]" { split($1, a, "-"); print "0x" a[1] }' "/proc/$PID/maps")
	[ "$(json '.addresses[0] | .gap.kind + " " + .access' "$(at "$start" -8)")" = \
		"stack-guard-gap grows-stack" ]
	[ "$(json '.addresses[0].access' "$(at "$start" -0x40000000000)")" = SIGSEGV ]
	need growsdown
	# How far it can depends on what the C library put below it.
	json '.addresses[0] | .access + " " + .access_reason' "$(at "$(place growsdown)" -8)" >out
	grep -qE '^(grows-stack|SIGSEGV) the mapping above, which grows down, .* stopped by ' out
}

@test "reserved, secret, locked and sealed memory is told" {
	[ "$(json '.addresses[0] | .region.kind + " " + .access' "$(place reserved)")" = \
		"reserved SIGSEGV" ]
	[ "$(json '.addresses[0].mapping.locked' "$(place zero)")" = false ]
	[ "$(json '.addresses[0].page.state' "$(place zero)")" = zero ]
	# Sanitizers make mlock() do nothing.
	local start
	start=$(place locked)
	if [ -n "$start" ] && sed -n "/^${start#0x}-/,/^VmFlags/p" "/proc/$PID/smaps" |
		grep -q 'VmFlags:.* lo'; then
		[ "$(json '.addresses[0].mapping | "\(.locked) \(.locked_bytes)"' "$(place locked)")" = \
			"true 65536" ]
	fi
	if [ -n "$(place secret)" ]; then
		[ "$(json '.addresses[0].region.kind' "$(place secret)")" = secret ]
	fi
	need sealed
	run explain "$PID" "$(place sealed)"
	[[ "$output" == *"attributes sealed"* ]]
}

@test "flags are spelt out" {
	run explain "$PID" "$(place growsdown)"
	[[ "$output" == *"attributes grows down"* ]]
	run explain "$PID" "$(place dontdump)"
	[[ "$output" == *"attributes left out of core dumps (dont-dump)"* ]]
	[ -n "$(place mergeable)" ] || return 0
	run explain "$PID" "$(place mergeable)"
	[[ "$output" == *"KSM may merge equal pages (mergeable)"* ]]
}

@test "an address that is not mapped has its gap, neighbours and reason" {
	run explain "$PID" 0x10
	[ "$status" -eq 0 ]
	[[ "$output" == *"not mapped, unmappable"*"null pointer"*"SIGSEGV"* ]]
	run explain "$PID" 0x800000000000
	[ "$status" -eq 0 ]
	[[ "$output" == *"non-canonical"*"general protection"* ]]
	run explain "$PID" 0xffff888000000000
	[[ "$output" == *"not mapped, kernel"* ]]
	run explain "$PID" 0xffffffffffffffff
	[ "$status" -eq 0 ]
	run explain "$PID" "$(at "$(place locked 3)" 8)"
	[[ "$output" == *"not mapped, free"*"above"*"below"* ]]
}

@test "two addresses of one mapping are one" {
	[ "$(json .border.type "$(place data)" "$(at "$(place data)" 8)")" = same-region ]
	[ "$(json .border.type "$(symbol_at "$TOWN" "$PID" prices)" \
		"$(symbol_at "$TOWN" "$PID" fields)")" = same-mapping ]
}

@test "neighbours with different permissions, in either order" {
	local guard
	guard=$(place guard-none)
	run explain "$PID" "$(at "$guard" 4096)" "$guard"
	[ "$status" -eq 0 ]
	[[ "$output" == *"they touch at $(at "$guard" 4096)"* ]]
	[[ "$output" == *"different permissions: --- below, rw- above"* ]]
	[[ "$output" == *"Linux 6."* ]]
	[ "$(json '.border.reasons[0].cause' "$(place reserved)" "$(place opened)")" = rights ]
}

@test "mappings with something between them are not compared" {
	[ "$(json .border.type "$(place locked)" "$(place zero)")" = gap ]
	[ "$(json .border.type "$(place locked)" "$(place data)")" = others-between ]
	[ "$(json .border.type "$(place locked)" 0x10)" = unmapped ]
}

# neighbours SCRIPT: python that prints two addresses of its own and waits; sets OTHER, LOW, HIGH.
neighbours() {
	python3 -c '
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.mprotect.argtypes = libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
RW, PRIVATE, SHARED, FIXED, ANON = 3, 2, 1, 16, 32
P = mmap.PAGESIZE
base = libc.mmap(None, 16 * P, 0, PRIVATE | ANON, -1, 0) + P
def touch(page): ctypes.memset(base + page * P, 1, 1)
'"$1"'
print("%#x %#x ready" % (base, base + 2 * P), flush=True)
time.sleep(600)' >out 3>&- &
	OTHER=$!
	echo $OTHER >pids
	await out ready
	read -r LOW HIGH _ <out
}

cause() {
	explain --json "$OTHER" "$LOW" "$HIGH" |
		jq -r '.border.type + " " + ([.border.reasons[].cause] | join(","))'
}

@test "memory written to before it became neighbours stays two" {
	neighbours '
libc.mprotect(base, P, RW); touch(0)
libc.mprotect(base + 2 * P, P, RW); touch(2)
libc.mprotect(base + P, P, RW)'
	[ "$(cause)" = "touching anonymous-identity" ]
	run explain "$OTHER" "$LOW" "$HIGH"
	[[ "$output" == *"nothing visible differs"* ]]
}

@test "a file opened twice stays two" {
	neighbours '
def place(page, offset):
	fd = os.open("file", os.O_RDWR | os.O_CREAT)
	os.ftruncate(fd, 16 * P)
	assert libc.mmap(base + page * P, 2 * P, RW, SHARED | FIXED, fd, offset) == base + page * P
place(0, 0)
place(2, 2 * P)'
	[ "$(cause)" = "touching open-file-description" ]
}

@test "different offsets, flags and sharing are seen" {
	neighbours '
fd = os.open("file", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 16 * P)
libc.mmap(base, 2 * P, RW, SHARED | FIXED, fd, 0)
libc.mmap(base + 2 * P, 2 * P, RW, SHARED | FIXED, fd, 0)'
	[ "$(cause)" = "touching offset" ]
	neighbours '
libc.mprotect(base, 4 * P, RW)
libc.madvise(base, 2 * P, mmap.MADV_DONTFORK)'
	[ "$(cause)" = "touching flags" ]
	neighbours '
libc.mmap(base, 2 * P, RW, SHARED | ANON | FIXED, -1, 0)
libc.mmap(base + 2 * P, 2 * P, RW, SHARED | ANON | FIXED, -1, 0)'
	[ "$(cause)" = "touching shared-object" ]
}

@test "behind the end of a file an access is a bus error" {
	neighbours '
fd = os.open("file", os.O_RDWR | os.O_CREAT)
os.write(fd, b"x")
libc.mmap(base, 4 * P, RW, SHARED | FIXED, fd, 0)'
	[ "$(explain --json "$OTHER" "$HIGH" | jq -r '.addresses[0].access')" = SIGBUS ]
	[ "$(explain --json "$OTHER" "$LOW" | jq -r '.addresses[0].access')" = as-permitted ]
}

@test "hostile names of files, processes and symbols come out harmless" {
	local name=$'\033[2J\a x'
	cp "$TOWN" "$name"
	# Same length, so that the string table keeps its form.
	perl -pi -e 's/\0fields\0/\0\e[2J\n\r\0/' "$name"
	start hostile "./$name"
	run explain "$(cat "$BATS_FILE_TMPDIR/hostile.pid")" \
		"$(awk '$1 == "bss" { print $2 }' "$BATS_FILE_TMPDIR/hostile.list")"
	[ "$status" -eq 0 ]
	[[ "$output" == *'\x1b[2J\x0a\x0d'* ]]
	[[ "$output" == *'\x1b[2J\x07 x'* ]]
	[[ "$output" != *$'\033'* ]]
	[[ "$output" != *$'\a'* ]]
}

@test "a name of 100,000 characters is cut" {
	perl -e '$n = "a" x 100000; print "char $n" . "[64]; int main(void) { sleep(600); return $n" . "[1]; }\n"' >long.c
	${CC:-cc} -w -o long long.c
	./long 3>&- &
	echo $! >pids
	await "/proc/$!/comm" long
	local address
	address=$(symbol_at long $! "$(perl -e 'print "a" x 100000')")
	run explain $! "$address"
	[ "$status" -eq 0 ]
	[ "${#output}" -lt 4000 ]
	[ "$(explain --json $! "$address" | jq -r '.addresses[0].symbol | "\(.cut) \(.name | length)"')" = \
		"true 1023" ]
}

@test "broken ELF files cost an answer and nothing more" {
	local i pid
	cp "$TOWN" broken
	# The section headers and what no segment loads: filled with rubbish.
	perl -e '
		open $f, "+<", "broken"; binmode $f;
		read $f, $h, 64; $off = unpack "Q", substr $h, 40, 8;
		srand 81; seek $f, $off, 0; print $f chr(rand 256) for 1 .. 64 * 20;'
	start broken ./broken
	pid=$(cat "$BATS_FILE_TMPDIR/broken.pid")
	for i in bss text rodata; do
		run explain "$pid" "$(awk -v i=$i '$1 == i { print $2 }' "$BATS_FILE_TMPDIR/broken.list")"
		[ "$status" -eq 0 ]
		[[ "$output" == *"$i of broken"* ]]
	done
}

@test "lines fit in 80 columns, and in ASCII" {
	local kind
	export COLUMNS=80
	for kind in text bss tls heap-block shm-posix reserved thread-stack; do
		explain --ascii "$PID" "$(place $kind)" >out
		[ "$(LC_ALL=C grep -c '[^ -~]' out)" -eq 0 ]
		[ "$(awk '{ if (length > n) n = length } END { print n }' out)" -le 80 ]
	done
}

@test "options: bytes, no symbols, colour" {
	run explain --bytes "$PID" "$(place reserved)"
	[[ "$output" == *"1056964608B"* || "$output" == *"16777216B"* ]]
	[ "$(explain --json --no-symbols "$PID" "$(place bss)" |
		jq -r '.addresses[0].symbol_why')" = "not asked for" ]
	explain --color always "$PID" "$(place bss)" | grep -q $'\033'
	run explain self 0x10
	[ "$status" -eq 0 ]
}

@test "a captured tree is explained without pages" {
	local file
	mkdir -p "proc/$PID"
	for file in stat status limits auxv maps smaps; do
		cat "/proc/$PID/$file" >"proc/$PID/$file"
	done
	run -2 --separate-stderr explain --root proc --json "$PID" "$(place shm-posix)"
	[ "$(jq -r '.addresses[0] | .region.kind + " \(.page.state) \(.mapping.locked)"' \
		<<<"$output")" = "shm null false" ]
}

@test "without rights it says so" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
	local dir
	dir=$(mktemp -d)
	chmod 755 "$dir"
	cp "$PLAT" "$dir/plat"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/plat" explain "$PID" 0x1000
	rm -r "$dir"
	[ "$status" -eq 3 ]
	[[ "$output" == *"not permitted"* ]]
}

@test "wrong usage is 64, no process is 3" {
	run explain
	[ "$status" -eq 64 ]
	run explain "$PID"
	[ "$status" -eq 64 ]
	run explain "$PID" 4096
	[ "$status" -eq 64 ]
	run explain "$PID" 0x1 0x2 0x3
	[ "$status" -eq 64 ]
	run explain --nothing "$PID" 0x1
	[ "$status" -eq 64 ]
	run explain 2147483647 0x1
	[ "$status" -eq 3 ]
	run explain --help
	[ "$status" -eq 0 ]
}
