#!/usr/bin/env bats
# plat model run: scripts and traces, by the kernel's rules. A script's $names are its own.
# shellcheck disable=SC2016

load common

setup() {
	set_up 80
	TRACES=$BATS_TEST_DIRNAME/../data/strace
}

teardown() {
	clean_up
}

# script LINE...: into the file `script`.
script() {
	printf '%s\n' "$@" >script
}

@test "calls are printed with their results, and refusals with the rule" {
	script 'limit as 64M' \
		'mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)' \
		'mmap(NULL, 128M, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)'
	run plat model run script
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 'limit as 64M' ]
	[ "${lines[1]}" = 'mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7ffd000' ]
	[ "${lines[2]}" = 'mmap(NULL, 134217728, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (Cannot allocate memory)' ]
	[ "${lines[3]}" = $'\t# the address space would exceed RLIMIT_AS (LIMIT_AS)' ]
	[ "${lines[4]}" = '# 2 calls: 2 without a result to check' ]
}

@test "a result that differs is said, with exit status 1" {
	script 'munmap(0x1000, 4096) = -1 ENOMEM (Cannot allocate memory)' \
		'expect VmSize = 4096'
	run plat model run script
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = 'munmap(0x1000, 4096) = 0' ]
	[ "${lines[1]}" = $'\t# different: line 1 says -1 ENOMEM (Cannot allocate memory)' ]
	[ "${lines[2]}" = 'expect VmSize = 4096' ]
	[ "${lines[3]}" = $'\t# different: line 2 is not so' ]
}

@test "what is written is a script again, and agrees" {
	script '# A comment.' '' 'remember $at 0x10000000' \
		'mmap($at, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)' \
		'write $at' 'munmap($at + 4096, 4096)' 'read $at + 4096' 'expect $at to $at + 4K is rw-p'
	plat model run script >first
	run plat model run first
	[ "$status" -eq 0 ]
	[[ "$output" == *'# 5 calls: 5 as recorded' ]]
}

@test "- is standard input, and a line map shows the space" {
	script 'mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)' map
	run plat model run --ascii - <script
	[ "$status" -eq 0 ]
	[[ "$output" == *'mmap zone grows down'* ]]
	[[ "$output" == *'7ffff7ffd000'* ]]
	is_ascii <<<"${output//$'\t'/ }"
	run plat model run --list --noheadings --raw script
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = '00007ffff7ffd000 8K - r--p anon - [anon]' ]
	run plat model run --output START,PERMS --noheadings script
	[[ "${lines[1]}" == *7ffff7ffd000*r--p ]]
}

@test "--json is one document with steps and maps" {
	script 'limit as 4096' 'mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x1000' \
		'vma 0x5000-0x6000 r--p' map 'expect map_count = 1'
	# A vma cannot come after a call.
	run plat model run script
	[ "$status" -eq 3 ]
	script 'limit as 4096' 'vma 0x5000-0x6000 r--p' map \
		'mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x1000' 'expect map_count = 2'
	run plat model run --json script
	[ "$status" -eq 1 ]
	echo "$output" >out
	[ "$(json "d['schema'], len(d['steps'])" <out)" = '(1, 3)' ]
	[ "$(json "d['steps'][0]['map']['regions'][0]['start']" <out)" = 0x5000 ]
	[ "$(json "[d['steps'][1][k] for k in ('line', 'outcome', 'rule', 'recorded')]" <out)" = \
		"[4, 'different', 'LIMIT_AS', '0x1000']" ]
	[ "$(json "d['steps'][2]" <out)" = "{'line': 5, 'outcome': 'same'}" ]
	[ "$(json "d['summary']['different'], d['summary']['same']" <out)" = '(1, 1)' ]
}

@test "a complaint names the script, the line and the column, and nothing goes on" {
	script 'brk(NULL)' 'munmap(0x1000, PROT_READ)' 'brk(NULL)'
	run --separate-stderr plat model run script
	[ "$status" -eq 3 ]
	[ "$output" = 'brk(NULL) = 0' ]
	# shellcheck disable=SC2154 # stderr is bats's
	[ "$stderr" = 'plat model run: script:2:16: PROT_READ cannot stand here' ]
	run plat model run nowhere
	[ "$status" -eq 3 ]
	[ "$output" = 'plat model run: nowhere: No such file or directory' ]
}

@test "settings can stand before the script" {
	script 'mremap(0x1000, 4096, 4096, MREMAP_FIXED, 0x5000)' \
		'mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)'
	run plat model run --set 'limit as 4096' --set 'process bits 32' script
	[ "$status" -eq 0 ]
	[[ "${lines[2]}" == *'-1 ENOMEM'* ]]
	run plat model run --set 'process bits 32' script
	[[ "$output" == *0xf7ffc000* ]]
	run plat model run --set 'limit as lots' script
	[ "$status" -eq 64 ]
	[ "${lines[0]}" = 'plat model run: --set limit as lots: lots is not known' ]
	run plat model run --set 'brk(NULL)' script
	[ "$status" -eq 64 ]
	run plat model run --set 'map' script
	[ "$status" -eq 64 ]
	run plat model run --kernel six script
	[ "$status" -eq 64 ]
}

@test "--here takes this machine's settings and our limits" {
	script 'vma 0x7ffffffde000-0x7ffffffff000 rw-p growsdown' 'write $stack_end - 4M'
	run plat model run script
	[ "${lines[1]}" = 'write 0x7fffffbff000 = 0' ]
	ulimit -S -s 2048
	run plat model run --here script
	[ "${lines[1]}" = 'write 0x7fffffbff000 = SIGSEGV {SEGV_MAPERR}' ]
	[[ "${lines[2]}" == *LIMIT_STACK* ]]
}

@test "--kernel chooses the rules of a version" {
	# Since Linux 6.17 moving all mappings of a range is one call.
	script 'mmap(0x10000000, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)' \
		'mmap(0x10001000, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)' \
		'mremap(0x10000000, 8192, 8192, MREMAP_MAYMOVE|MREMAP_FIXED, 0x20000000)'
	run plat model run --kernel 6.18 script
	[ "${lines[2]##* = }" = 0x20000000 ]
	run plat model run --kernel 6.12 script
	[ "${lines[2]##* = }" = '-1 EFAULT (Bad address)' ]
}

@test "traces of real programs are as recorded" {
	local trace
	for trace in "$TRACES"/*.strace; do
		echo "$trace"
		run plat model run --quiet "$trace"
		echo "$output"
		[ "$status" -eq 0 ]
		# Nothing but the summary; of that most is checked, and only the beginning adopted.
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" =~ ([0-9]+)' calls: '([0-9]+)' as recorded, '([0-9]+)' adopted' ]]
		[ "${BASH_REMATCH[2]}" -gt 4 ]
		[ "${BASH_REMATCH[3]}" -le 8 ]
	done
}

@test "one address that is recorded wrongly is found in a trace" {
	sed 's/= 0x7[0-9a-f]*a000$/= 0x7f0000000000/' "$TRACES/ls.strace" >wrong
	run ! cmp -s wrong "$TRACES/ls.strace"
	run plat model run --quiet wrong
	[ "$status" -eq 1 ]
	[[ "$output" == *'# different: line '* ]]
}

@test "a program traced just now is as recorded, from its beginning on" {
	command -v strace >/dev/null || skip "no strace"
	strace -o trace true 2>/dev/null || skip "strace cannot trace here"
	local true
	true=$(type -P true)
	# Without randomisation exec makes what --binary says, and nothing has to be adopted after it.
	strace -f -o trace setarch -R "$true"
	{ sed -n '/execve.*"-R"/,$p' trace; echo map; } | sed -n '/personality/,$p' >rest
	run plat model run --binary "$true" --list rest
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" != *adopted* ]]
	[[ "$output" == *'[vdso]'* ]]
}

@test "a trace that joins late is believed" {
	script 'mprotect(0x7f0000000000, 4096, PROT_READ) = 0' \
		'mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000100000'
	run plat model run script
	[ "$status" -eq 1 ]
	run plat model run --unknown script
	[ "$status" -eq 0 ]
	[[ "$output" == *'# 2 calls: 2 adopted' ]]
}

@test "calls without rules make the answer partial" {
	script 'shmat(3, NULL, 0) = 0x7f0000000000'
	run plat model run script
	[ "$status" -eq 2 ]
	[[ "$output" == *'plat model run: script: the model has no rules for 1 call: shmat' ]]
}

@test "layout begins with what exec makes of a program" {
	script 'process personality ADDR_NO_RANDOMIZE' "layout $(type -P true)" map
	run plat model run --list --noheadings script
	[ "$status" -eq 0 ]
	[[ "$output" == *'[stack]'* ]]
	[[ "$output" == *'[vdso]'* ]]
	script 'layout /etc/passwd'
	run plat model run script
	[ "$status" -eq 3 ]
	[[ "$output" == *'/etc/passwd: not an ELF file' ]]
}

@test "wrong usage is told apart" {
	run plat model
	[ "$status" -eq 64 ]
	[ "${lines[0]}" = 'plat model: run or layout' ]
	run plat model walk
	[ "$status" -eq 64 ]
	run plat model run
	[ "$status" -eq 64 ]
	run plat model run a b
	[ "$status" -eq 64 ]
	run plat model --help
	[ "$status" -eq 0 ]
	[[ "$output" == *'plat-model(1)'* ]]
	run plat model run --help
	[ "$status" -eq 0 ]
	[[ "$output" == 'Usage: plat model run [options] SCRIPT'* ]]
	[[ "$output" == *'plat-model(1)'* ]]
}
