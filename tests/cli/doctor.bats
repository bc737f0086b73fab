#!/usr/bin/env bats
# plat doctor: of programs ($BLOCKS, see blocks.c) with several mallocs before them.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&-
	clean_up
}

doctor() {
	plat doctor "$@"
}

# start_on LIBRARY PROGRAM [WORD...]: with it preloaded; sets PID. Its input is open as 7.
start_on() {
	local object=$1
	shift
	rm -f program.in
	mkfifo program.in
	exec 7<>program.in
	LD_PRELOAD=$object start program.out "$@" <program.in 2>program.err
}

start_blocks() {
	start_on "$LIBRARY" "$BLOCKS"
	await program.out '^ready'
}

# await_program NAME: it has been executed.
await_program() {
	await "/proc/$PID/comm" "^$1"
	sleep 0.1 # and loaded
}

# ask PID: sets $code; the document is in `out`.
ask() {
	code=0
	doctor --json "$1" >out 2>complaint || code=$?
	cat out complaint
}

# codes: of the findings.
codes() {
	json "' '.join(f['code'] for f in d['findings'])" <out
}

@test "plat's malloc is found to be used, and by whom" {
	start_blocks
	ask "$PID"
	[ "$code" -eq 0 ]
	[ "$(json "d['malloc']['allocator']" <out)" = plat ]
	[ "$(json "d['malloc']['file']" <out)" = "$(realpath "$LIBRARY")" ]
	[ "$(json "len(d['malloc']['defined_by']) >= 2" <out)" = True ]
	[ "$(json "d['malloc']['places_there'] > 0" <out)" = True ]
	[ "$(json "d['malloc']['places_elsewhere']" <out)" = 0 ]
	[ "$(json "[p['loaded'] for p in d['preloads']]" <out)" = "[True]" ]
	[ -z "$(codes)" ]
}

@test "the C library's malloc is found, too" {
	start program.out sleep 60
	await_program sleep
	ask "$PID"
	[ "$code" -eq 0 ]
	[ "$(json "d['malloc']['found_by']" <out)" = linked ]
	[ "$(json "d['preloads']" <out)" = "[]" ]
	[ "$(json "d['malloc']['state']" <out)" = None ]
}

@test "a library that is not there is named with the reason" {
	start_on "/nowhere/libplat-malloc.so.1" sleep 60
	await_program sleep
	ask "$PID"
	[ "$code" -eq 1 ]
	[ "$(codes)" = not-loaded ]
	[ "$(json "d['preloads'][0]['why']" <out)" = "there is no such file" ]
	echo no library >file
	kill "$PID"
	start_on "$PWD/file" sleep 60
	await_program sleep
	ask "$PID"
	[ "$(json "d['preloads'][0]['why']" <out)" = "it is not an ELF file" ]
	cp "$LIBRARY" other.so
	printf '\001' | dd of=other.so bs=1 seek=4 conv=notrunc 2>/dev/null # ELFCLASS32
	kill "$PID"
	start_on "$PWD/other.so" sleep 60
	await_program sleep
	ask "$PID"
	[ "$(json "d['preloads'][0]['why']" <out)" = "it is for 32-bit programs, and this is a 64-bit one" ]
}

@test "a program with a malloc of its own is found out" {
	start_on "$LIBRARY" "$OWN_MALLOC"
	await_program own-malloc
	ask "$PID"
	[ "$code" -eq 1 ]
	[ "$(codes)" = own-malloc ]
	[ "$(json "d['malloc']['file']" <out)" = "$(realpath "$OWN_MALLOC")" ]
}

@test "the first of two that were preloaded is used" {
	cp "$LIBRARY" second.so
	start_on "$LIBRARY:$PWD/second.so" "$BLOCKS"
	await program.out '^ready'
	ask "$PID"
	[ "$code" -eq 1 ]
	[ "$(codes)" = not-first ]
	[ "$(json "d['malloc']['file']" <out)" = "$(realpath "$LIBRARY")" ]
}

@test "a library that calls another malloc than the rest is named" {
	start_on "$LIBRARY" "$BLOCKS" deep "$DEEP"
	await program.out '^ready'
	ask "$PID"
	[ "$code" -eq 1 ]
	[ "$(codes)" = other-malloc ]
	json "d['findings'][0]['text']" <out | grep -q "$(basename "$DEEP")"
	[ "$(json "d['malloc']['places_elsewhere']" <out)" = 1 ]
	[ "$(json "d['malloc']['allocator']" <out)" = plat ]
}

@test "a static program has no preload" {
	printf '#include <unistd.h>\nint main(void) { pause(); }' | cc -x c -static -o static - 2>/dev/null ||
		skip "no static libc"
	start_on "$LIBRARY" ./static
	await_program static
	ask "$PID"
	[ "$code" -eq 1 ]
	[ "$(json "[d['linkage'], d['malloc']['found_by']]" <out)" = "['static', 'static']" ]
	[ "$(json "d['preloads'][0]['why']" <out)" = "the program is static, nothing loads libraries for it" ]
}

@test "a program that has gained rights ignores preloads and settings" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	cp "$BLOCKS" gains
	chown 65534 gains
	chmod u+s gains
	PLAT_HARD=1 start_on "$LIBRARY" ./gains nap
	await_program gains
	ask "$PID"
	[ "$(json "d['secure']" <out)" = True ] || skip "set-user-ID has no effect here"
	[ "$code" -eq 1 ]
	json "d['preloads'][0]['why']" <out | grep -q AT_SECURE
	[ "$(json "d['settings'][0]['note']" <out)" = "ignored, as it has gained rights" ]
}

@test "settings are listed with where they came from" {
	PLAT_ON_ERROR=report PLAT_MMAP_THRESHOLD=1M MALLOC_ARENA_MAX=1 GLIBC_TUNABLES=glibc.malloc.check=3 \
		start_blocks
	ask "$PID"
	python3 - <<'END'
import json
s = {x['name']: x for x in json.load(open('out'))['settings']}
assert s['PLAT_ON_ERROR']['value'] == 'report' and s['PLAT_ON_ERROR']['note'] is None
assert s['MALLOC_ARENA_MAX']['note'] == "no effect: its malloc is not glibc's"
assert s['GLIBC_TUNABLES']['value'] == 'glibc.malloc.check=3'
assert (s['on_error']['value'], s['on_error']['from']) == ('1', 'environment')
assert (s['mmap_threshold']['value'], s['mmap_threshold']['from']) == ('1048576', 'environment')
assert s['top_pad']['from'] == 'default'
END
	start_blocks
	ask "$PID"
	[ "$(json "next(s['from'] for s in d['settings'] if s['name'] == 'mmap_threshold')" <out)" = \
		"has followed what was freed" ]
}

@test "a setting that the malloc has refused is told so, and is no origin" {
	PLAT_HARD=maybe PLAT_MMAP_MAX=12x PLAT_GUARD=off PLAT_NOTHING=1 PLAT_SCRATCH=checked PLAT_SAMPLE=off \
		start_blocks
	ask "$PID"
	[ "$code" -eq 0 ]
	python3 - <<'END'
import json
s = {x['name']: x for x in json.load(open('out'))['settings']}
assert s['PLAT_HARD']['note'] == s['PLAT_MMAP_MAX']['note'] == 'it cannot have this value'
assert s['PLAT_NOTHING']['note'] == 'there is no such setting'
assert s['PLAT_GUARD']['note'] is s['PLAT_SCRATCH']['note'] is s['PLAT_SAMPLE']['note'] is None
assert (s['is_hard']['value'], s['is_hard']['from']) == ('0', 'default')
assert (s['mmap_max']['value'], s['mmap_max']['from']) == ('65536', 'default')
assert (s['is_guard_off']['value'], s['is_guard_off']['from']) == ('1', 'environment')
END
}

@test "every value is judged as the malloc has judged it" {
	local value names source
	source="$(dirname "$BATS_TEST_FILENAME")/../../src"
	names=$(sed -n 's/^	ROW(\([A-Z_]*\), .*/PLAT_\1/p' "$source/alloc/state.h" | grep -v LIBRARY)
	[ "$(wc -w <<<"$names")" -ge 14 ]
	for value in '' 1 12K 1KK -1 18446744073709551616 17179869184G off dense report; do
		# shellcheck disable=SC2046,SC2086 # words of an environment, all without blanks
		start_on "$LIBRARY" env $(printf "%s=$value " $names) cat
		await_program cat
		ask "$PID"
		kill "$PID"
		sed -n 's/^plat-malloc: \(PLAT_[A-Z_]*\)=[^:]*: it cannot.*/\1/p' program.err | sort -u >refused
		json "'\n'.join(sorted(s['name'] for s in d['settings'] if s['note'] and s['name'][:5] == 'PLAT_'))" <out |
			sed '/^$/d' >noted
		diff refused noted || { echo "of the value '$value'"; false; }
	done
}

@test "an environment that was written over is unknown" {
	start_on "$LIBRARY" python3 -c '
import ctypes, sys
stat = open("/proc/self/stat").read().rsplit(")", 1)[1].split()
start, end = int(stat[47]), int(stat[48])
ctypes.memset(start, 0, end - start)
print("ready", flush=True)
sys.stdin.read()'
	await program.out '^ready'
	ask "$PID"
	[ "$code" -eq 2 ]
	grep -q "environ: the program has written over it" complaint
	[ "$(json "d['malloc']['allocator']" <out)" = plat ]
}

@test "it is said in words, in 80 columns and in ASCII" {
	start_blocks
	doctor "$PID" >lines
	fits 80 <lines
	grep -q "^malloc      plat's malloc" lines
	grep -q '^preload     .*' lines
	grep -q '^settings    ' lines
	doctor --ascii "$PID" | is_ascii
}

@test "who may not look is told so" {
	need_nobody
	start_blocks
	run "${as_nobody[@]}" "$OPEN/plat" doctor "$PID"
	[ "$status" -eq 3 ]
}

@test "wrong usage is exit 64, no process is exit 3" {
	run doctor
	[ "$status" -eq 64 ]
	run doctor $$ $$
	[ "$status" -eq 64 ]
	run doctor 2147483646
	[ "$status" -eq 3 ]
	run doctor --help
	[ "$status" -eq 0 ]
}
