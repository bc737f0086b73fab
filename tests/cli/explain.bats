#!/usr/bin/env bats
# plat explain. All tests look at one town, except those that start another.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup_file() {
	cd "$BATS_FILE_TMPDIR" || exit 1
	start_town
	export PID LIST
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

explain() {
	plat explain "$@"
}

# told FILTER ADDRESS...: of what is said of addresses in the process, by jq.
told() {
	local filter=$1
	shift
	explain --json "$PID" "$@" | jq -r "$filter"
}

# need KIND: skips where the town could not make it.
need() {
	[ -n "$(place "$1")" ] || skip "this machine makes no $1"
}

# symbol_at PROGRAM NAME: where a name of nm's lies in the process.
symbol_at() {
	local value base start offset
	value=$(nm "$1" | awk -v name="$2" '$3 == name { print "0x" $1; exit }')
	# The program may also be mapped as data: its code tells.
	read -r start offset < <(grep -F "$(readlink "/proc/$PID/exe")" "/proc/$PID/maps" |
		sed -n 's/^\([0-9a-f]*\)-[0-9a-f]* r-xp \([0-9a-f]*\) .*/0x\1 0x\2/p')
	base=$((start - offset))
	readelf -h "$1" | grep -q 'Type: *EXEC' && base=0
	printf '0x%x' $((value + base))
}

# check_names PROGRAM: a variable, a function and a constant of the town are named.
check_names() {
	local address
	address=$(symbol_at "$1" fields)
	run explain "$PID" "$(at "$address" 5000)"
	[ "$status" -eq 0 ]
	[[ "$output" == *"symbol     fields+0x1388 (variable, 1048576 bytes"* ]]
	[[ "$output" == *"bss of"* ]]
	address=$(symbol_at "$1" main)
	[ "$(told '.addresses[0] | [.symbol.name, .symbol.offset, .symbol.type, .region.kind] | @json' \
		"$(at "$address" 1)")" = '["main",1,"function","text"]' ]
	address=$(symbol_at "$1" chronicle)
	[ "$(told '.addresses[0] | [.symbol.name, .region.kind] | @json' "$address")" = \
		'["chronicle","rodata"]' ]
}

@test "functions and variables of the program are named" {
	check_names "$TOWN"
}

@test "names of a deleted program come from the file that is mapped" {
	cp "$TOWN" gone
	cp "$TOWN" kept
	start_town ./gone
	rm gone
	[ -r "/proc/$PID/map_files" ] || skip "needs map_files"
	check_names kept
	run explain "$PID" "$(symbol_at kept main)"
	[[ "$output" == *"gone (deleted)"* ]]
}

@test "names of a static program" {
	${CC:-cc} -static -pthread -O1 -w -o still "$BATS_TEST_DIRNAME/../../demo/town.c" ||
		skip "no static C library"
	start_town ./still
	check_names still
}

@test "names of a static position-independent program" {
	${CC:-cc} -static-pie -pthread -O1 -w -o pie "$BATS_TEST_DIRNAME/../../demo/town.c" ||
		skip "no static C library"
	start_town ./pie
	check_names pie
}

@test "without the file, names come from memory" {
	need_nobody
	${CC:-cc} -w -rdynamic -x c -o "$OPEN/alone" - <<-'END'
		#include <unistd.h>
		char pantry[4096];
		int main(void) { pantry[9] = 1; sleep(600); return 0; }
	END
	cp "$OPEN/alone" kept
	start /dev/null "${as_nobody[@]}" "$OPEN/alone"
	await "/proc/$PID/comm" alone
	rm "$OPEN/alone"
	run "${as_nobody[@]}" "$OPEN/plat" explain "$PID" "$(at "$(symbol_at kept pantry)" 9)"
	[[ "$output" == *"pantry+0x9 (variable, 4096 bytes, as read from memory)"* ]]
}

@test "functions of the vdso and of libraries are named" {
	local start
	start=$(start_of '[vdso]')
	[ -n "$start" ] || skip "no vdso"
	told '[.addresses[].symbol.name] | @csv' "$(at "$start" 0xa00)" "$(at "$start" 0xc00)" |
		grep -q '__vdso_' || skip "another vdso than the one we know"
}

@test "a thread-local variable has its name in every thread" {
	[ "$(uname -m)" = x86_64 ] || skip "x86 only"
	grep '^tls ' "$LIST" | while read -r _ start _; do
		told '.addresses[0].symbol.type' "$start" | grep -qx tls
	done
}

@test "guards by permissions and by madvise fault" {
	[ "$(told '.addresses[0] | .region.kind + " " + .access' "$(place guard-none)")" = "guard SIGSEGV" ]
	need guard-madvise
	[ "$(told '.addresses[0] | .region.kind + " " + .page.state + " " + .access' \
		"$(place guard-madvise)")" = "guard guard SIGSEGV" ]
	[ "$(told '.addresses[0].region.kind' "$(at "$(place guard-madvise)" -1)")" = anon ]
}

@test "a stack is explained from its stack pointer" {
	local sp tid
	tid=$(sed -n 's/^thread-stack .* tid=\([0-9]*\) smith/\1/p' "$LIST")
	sp=$(told '.addresses[0].thread.sp' "$(awk '/^thread-stack .*smith/ { print $2 }' "$LIST")")
	[ "$sp" != null ] || skip "stack pointers cannot be read here"
	[ "$(told '.addresses[0].thread | "\(.tid) \(.name)"' "$sp")" = "$tid smith" ]
	run explain "$PID" "$(at "$sp" 16)"
	[[ "$output" == *"thread-stack of thread smith (TID $tid)"* ]]
	[[ "$output" == *"stack      16B above the stack pointer $sp: in use; used now "* ]]
	run explain "$PID" "$(at "$sp" -100000)"
	[[ "$output" == *"below the stack pointer"*"used before"* ]]
}

@test "below a stack an access grows it, or faults beyond its limit" {
	local start
	start=$(start_of '[stack]')
	[ "$(told '.addresses[0] | .gap.kind + " " + .access' "$(at "$start" -8)")" = \
		"stack-guard-gap grows-stack" ]
	[ "$(told '.addresses[0].access' "$(at "$start" -0x40000000000)")" = SIGSEGV ]
	need growsdown
	# How far it can depends on what the C library put below it.
	told '.addresses[0] | .access + " " + .access_reason' "$(at "$(place growsdown)" -8)" >out
	grep -qE '^(grows-stack|SIGSEGV) the mapping above, which grows down, .* stopped by ' out
}

@test "reserved, secret, locked and sealed memory is told" {
	[ "$(told '.addresses[0] | .region.kind + " " + .access' "$(place reserved)")" = \
		"reserved SIGSEGV" ]
	[ "$(told '.addresses[0].mapping.locked' "$(place zero)")" = false ]
	[ "$(told '.addresses[0].page.state' "$(place zero)")" = zero ]
	# Sanitizers make mlock() do nothing.
	local start
	start=$(place locked)
	if [ -n "$start" ] && sed -n "/^${start#0x}-/,/^VmFlags/p" "/proc/$PID/smaps" |
		grep -q 'VmFlags:.* lo'; then
		[ "$(told '.addresses[0].mapping | "\(.locked) \(.locked_bytes)"' "$(place locked)")" = \
			"true 65536" ]
	fi
	if [ -n "$(place secret)" ]; then
		[ "$(told '.addresses[0].region.kind' "$(place secret)")" = secret ]
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

# neighbours SCRIPT: python that prints two addresses of its own and waits; sets PID, LOW, HIGH.
neighbours() {
	start out python3 -c '
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mprotect.argtypes = libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
RW, PRIVATE, SHARED, FIXED, ANON = 3, 2, 1, 16, 32
P = mmap.PAGESIZE
base = libc.mmap(None, 16 * P, 0, PRIVATE | ANON, -1, 0) + P
def touch(page): ctypes.memset(base + page * P, 1, 1)
'"$1"'
print("%#x %#x ready" % (base, base + 2 * P), flush=True)
time.sleep(600)'
	await out ready
	read -r LOW HIGH _ < <(grep ready out) # a line, whatever its end is
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
	neighbours 'libc.munmap(base + P, P)'
	run explain "$PID" "$(at "$LOW" 4104)"
	[[ "$output" == *"not mapped, free"*"above"*"below"* ]]
}

@test "two addresses of one mapping are one" {
	[ "$(told .border.type "$(place data)" "$(at "$(place data)" 8)")" = same-region ]
	[ "$(told .border.type "$(symbol_at "$TOWN" prices)" "$(symbol_at "$TOWN" fields)")" = \
		same-mapping ]
}

@test "neighbours with different permissions, in either order" {
	local guard
	guard=$(place guard-none)
	run explain "$PID" "$(at "$guard" 4096)" "$guard"
	[ "$status" -eq 0 ]
	[[ "$output" == *"they touch at $(at "$guard" 4096)"* ]]
	[[ "$output" == *"different permissions: --- below, rw- above"* ]]
	[[ "$output" == *"Linux 6."* ]]
	[ "$(told '.border.reasons[0].cause' "$(place reserved)" "$(place opened)")" = rights ]
}

@test "mappings with something between them are not compared" {
	[ "$(told .border.type "$(place locked)" "$(place data)")" = others-between ]
	[ "$(told .border.type "$(place locked)" 0x10)" = unmapped ]
	neighbours 'libc.munmap(base + P, P)'
	[ "$(told .border.type "$LOW" "$HIGH")" = gap ]
}

# cause: how the neighbours lie, and why they are two.
cause() {
	told '.border.type + " " + ([.border.reasons[].cause] | join(","))' "$LOW" "$HIGH"
}

@test "memory written to before it became neighbours stays two" {
	neighbours '
libc.mprotect(base, P, RW); touch(0)
libc.mprotect(base + 2 * P, P, RW); touch(2)
libc.mprotect(base + P, P, RW)'
	[ "$(cause)" = "touching anonymous-identity" ]
	run explain "$PID" "$LOW" "$HIGH"
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
	[ "$(told '.addresses[0].access' "$HIGH")" = SIGBUS ]
	[ "$(told '.addresses[0].access' "$LOW")" = as-permitted ]
}

@test "hostile names of files, processes and symbols come out harmless" {
	local name=$'\033[2J\a x'
	cp "$TOWN" "$name"
	# Same length, so that the string table keeps its form.
	perl -pi -e 's/\0fields\0/\0\e[2J\n\r\0/' "$name"
	start_town "./$name"
	run explain "$PID" "$(place bss)"
	[ "$status" -eq 0 ]
	[[ "$output" == *'\x1b[2J\x0a\x0d'* ]]
	[[ "$output" == *'\x1b[2J\x07 x'* ]]
	[[ "$output" != *$'\033'* ]]
	[[ "$output" != *$'\a'* ]]
}

@test "a name of 100,000 characters is cut" {
	perl -e '$n = "a" x 100000; print "char $n" . "[64]; int main(void) { sleep(600); return $n" . "[1]; }\n"' >long.c
	${CC:-cc} -w -o long long.c
	start /dev/null ./long
	await "/proc/$PID/comm" long
	local address
	address=$(symbol_at long "$(perl -e 'print "a" x 100000')")
	run explain "$PID" "$address"
	[ "$status" -eq 0 ]
	[ "${#output}" -lt 4000 ]
	[ "$(told '.addresses[0].symbol | "\(.cut) \(.name | length)"' "$address")" = "true 1023" ]
}

@test "broken ELF files cost an answer and nothing more" {
	local i
	cp "$TOWN" broken
	# The section headers and what no segment loads: filled with rubbish.
	perl -e '
		open $f, "+<", "broken"; binmode $f;
		read $f, $h, 64; $off = unpack "Q", substr $h, 40, 8;
		srand 81; seek $f, $off, 0; print $f chr(rand 256) for 1 .. 64 * 20;'
	start_town ./broken
	for i in bss text rodata; do
		run explain "$PID" "$(place "$i")"
		[ "$status" -eq 0 ]
		[[ "$output" == *"$i of broken"* ]]
	done
}

@test "lines fit in 80 columns, and in ASCII" {
	local kind
	export COLUMNS=80
	for kind in text bss tls heap-block shm-posix reserved thread-stack; do
		# The town has memory that nobody may read.
		explain --ascii "$PID" "$(place $kind)" >out || [ $? -eq 2 ]
		is_ascii <out
		fits 80 <out
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
	need_nobody
	run "${as_nobody[@]}" "$OPEN/plat" explain "$PID" 0x1000
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
