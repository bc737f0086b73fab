#!/usr/bin/env bats
# plat model layout: what exec makes, on paper. That it is what the kernel makes, in all cases, is
# tested by prop/kernel/exec.

# shellcheck disable=SC2154
load common

setup() {
	set_up 100
	ulimit -S -s 8192
}

teardown() {
	clean_up
}

layout() {
	plat model layout "$@"
}

@test "without ASLR it has the addresses of the textbooks" {
	layout --no-aslr >out
	grep -qE '^end of the stack +7ffffffff000$' out
	grep -qE '^begin of the mmap zone +7ffff7fff000$' out
	grep -qE '^program +555555554000$' out
	grep -qE '^55555555e000 rw-p H' out
	grep -q 'From the start of the heap to where the mmap zone begins: 42.7T.' out
}

@test "a program that is started without ASLR lies where the layout says" {
	start /dev/null setarch -R sleep 600
	await "/proc/$PID/comm" sleep
	layout --no-aslr --binary "$(readlink -f "$(command -v sleep)")" --json >out
	[ "$(json "d['positions']['program']['lowest'][2:]" <out)" = \
		"$(grep -m 1 /sleep "/proc/$PID/maps" | cut -d - -f 1)" ]
	[ "$(json "d['positions']['stack']['highest'][2:]" <out)" = \
		"$(grep -F '[stack]' "/proc/$PID/maps" | cut -d ' ' -f 1 | cut -d - -f 2)" ]
	[ "$(json "next(r['start'] for r in d['space']['regions'] if r['name'] == '[vdso]')[2:]" \
		<out)" = "$(grep -F '[vdso]' "/proc/$PID/maps" | cut -d - -f 1)" ]
	[ "$(json "d['positions']['heap']['lowest'][2:]" <out)" = \
		"$(grep -F '[heap]' "/proc/$PID/maps" | cut -d - -f 1)" ]
}

@test "what is drawn lies in the ranges" {
	layout --json --randomize 2 >out
	[ "$(json "d['settings']['aslr']" <out)" = True ]
	[ "$(json "all(p['lowest'] < p['highest'] for p in d['positions'].values())" <out)" = True ]
	[ "$(json "d['positions']['heap']['lowest'] < d['space']['addresses']['start_brk'] <
		d['positions']['heap']['highest']" <out)" = True ]
	[ "$(json "sorted(d['gap']['quantiles'].values()) ==
		list(d['gap']['quantiles'].values())" <out)" = True ]
	[ "$(json "d['gap']['least'] < d['gap']['quantiles']['50%'] < d['gap']['most']" <out)" = True ]
}

@test "an unlimited stack does not make the legacy layout" {
	COLUMNS=200 layout --stack unlimited --no-aslr >out
	grep -q 'mmap zone grows down' out
	grep -qE '^begin of the mmap zone +155555556000$' out
	grep -q '5/6 of user space, which is the most there is, RLIMIT_STACK is unlimited' out
	grep -q 'From the start of the heap to the stack: 42.7T' out
}

@test "--legacy begins at a third and grows up" {
	layout --legacy --no-aslr >out
	grep -q 'mmap zone grows up' out
	grep -qE '^begin of the mmap zone +2aaaaaaab000$' out
	grep -q 'personality ADDR_COMPAT_LAYOUT' out
}

@test "--32bit has 256 places for the program" {
	layout --32bit --json --randomize 2 >out
	[ "$(json "d['settings']['bits']" <out)" = 32 ]
	[ "$(json "d['positions']['program']['lowest']" <out)" = 0x56555000 ]
	[ "$(json "d['positions']['program']['values'] ==
		2 ** $(cat /proc/sys/vm/mmap_rnd_compat_bits)" <out)" = True ]
	[ "$(json "d['space']['addresses']['user_end']" <out)" = 0xffffe000 ]
}

@test "--randomize 1 leaves the heap behind the program" {
	layout --randomize 1 --json >out
	[ "$(json "d['positions']['heap']['values'] == d['positions']['program']['values']" <out)" = True ]
	layout --randomize 0 --json >out
	[ "$(json "d['settings']['aslr']" <out)" = False ]
	[ "$(json "{p['values'] for p in d['positions'].values()}" <out)" = '{1}' ]
}

@test "an exec that fails says why, and exits with 1" {
	run -1 layout --stack 4K
	[ "$output" = "exec fails: the process is killed by SIGSEGV: the stack would exceed RLIMIT_STACK, measured from its own end" ] ||
		[[ "$output" == "exec fails: Argument list too long: "* ]]
	run -1 layout --stack 4K --json
	[[ "$output" == *'"space": null,'* ]]
}

@test "what is no program is not looked at" {
	echo text >file
	run -3 layout --binary file
	[ "$output" = "plat model layout: file: not an ELF file" ]
	run -3 layout --binary nothing
	[ "$output" = "plat model layout: nothing: cannot open it: No such file or directory" ]
	run -3 layout --binary .
	[ "$output" = "plat model layout: .: not a regular file" ]
	head -c 100 "$(command -v "$PLAT")" >file
	run -3 layout --binary file
	[[ "$output" == "plat model layout: file: "* ]]
}

@test "wrong usage is said and exits with 64" {
	run -64 layout --32bit --binary "$(readlink -f "$(command -v sleep)")"
	[[ "$output" == *"has 64 bits"* ]]
	run -64 layout --stack much
	run -64 layout --randomize 3
	run -64 layout 4711
	[[ "$output" == *"programs are named by --binary"* ]]
}

@test "it fits narrow terminals, in ASCII too" {
	for width in 40 60 80 120; do
		for options in "" --32bit "--stack unlimited" "--legacy --bytes"; do
			# shellcheck disable=SC2086
			COLUMNS=$width layout --ascii $options >out
			fits "$width" <out
			is_ascii <out
			run -1 grep -n ' $' out
		done
	done
}
