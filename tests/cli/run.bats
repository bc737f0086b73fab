#!/usr/bin/env bats
# plat run: programs ($BLOCKS, see blocks.c) that end in every way, with and without faults.

# What is in single quotes is for the shell inside.
# shellcheck disable=SC2016,SC2030,SC2031
load common

setup() {
	set_up 80
	unset PLAT_LIBRARY LD_PRELOAD
}

teardown() {
	clean_up
}

# go ARGUMENT...: plat run; sets $code, $said and $complaint, what it writes to standard error.
go() {
	code=0
	plat run "$@" >said 2>complaint </dev/null || code=$?
	said=$(cat said) complaint=$(cat complaint)
	echo "exit status $code; $said; $complaint"
}

# --- What comes of it ---

@test "the program runs on it, and one line says what it has allocated" {
	go "$BLOCKS" leak
	[ "$code" -eq 0 ]
	[[ "$said" == "block 0x"*" 12345" ]]
	[[ "$complaint" == "plat run: peak "*", at its end 12.1K live in 1 block, no faults" ]]
}

@test "its status is passed on, and 128 and the signal's number" {
	go "$BLOCKS" exit 7
	[ "$code" -eq 7 ]
	go -- "$BLOCKS" kill 9
	[ "$code" -eq 137 ]
	go "$BLOCKS" kill 15
	[ "$code" -eq 143 ]
	go no-such-command
	[ "$code" -eq 127 ]
	go /etc/passwd
	[ "$code" -eq 126 ]
}

@test "a fault aborts, or makes status 0 to 23" {
	go "$BLOCKS" fault
	[ "$code" -eq 134 ]
	[[ "$complaint" == *"plat-malloc: double free: "* ]]
	[[ "$complaint" == *", 1 fault" ]]
	go --on-error=report "$BLOCKS" fault
	[ "$code" -eq 23 ]
	[[ "$complaint" == *"plat-malloc: double free: "* ]]
	go --on-error=ignore "$BLOCKS" fault
	[ "$code" -eq 23 ]
	[[ "$complaint" != *"double free"* ]]
	[[ "$complaint" == *", 1 fault" ]]
}

@test "faults are known however the program ends" {
	go --on-error=ignore "$BLOCKS" fault-and-quit
	[ "$code" -eq 23 ]
	go --on-error=ignore "$BLOCKS" fault-and-die
	[ "$code" -eq 137 ]
	[[ "$complaint" == *", 1 fault" ]]
	go --on-error=ignore "$BLOCKS" fault-and-execute "$BLOCKS" leak
	[ "$code" -eq 23 ]
	[[ "$complaint" == *"12.1K live in 1 block, 1 fault" ]]
}

@test "faults of what it starts count too" {
	go --on-error=ignore "$BLOCKS" execute
	[ "$code" -eq 23 ]
	go --on-error=ignore "$BLOCKS" execute "$BLOCKS" fault
	[ "$code" -eq 23 ]
	# A program that closes all files before it executes another changes nothing.
	go --on-error=ignore python3 -c 'import os, subprocess, sys
subprocess.run([sys.argv[1], "fault"], close_fds=True)' "$BLOCKS"
	[ "$code" -eq 23 ]
}

@test "--alone leaves what it starts as it was" {
	export LD_PRELOAD=
	go --alone --on-error=ignore "$BLOCKS" execute sh -c 'echo "[$LD_PRELOAD]" "$(env | grep -c ^PLAT_R)"'
	[ "$said" = "[] 0" ]
	go --alone --report sh -c '"$0" leak; true' "$BLOCKS"
	[ "$code" -eq 0 ]
	[[ "$complaint" == *" 1  has allocated with plat's malloc"* ]]
	[[ "$complaint" == *" 0  misuses that were found"* ]]
	go --report sh -c '"$0" leak; true' "$BLOCKS"
	[[ "$complaint" == *" 2  have allocated with plat's malloc"* ]]
}

@test "what the user preloads stays, behind the library" {
	run ! grep -q libasan <(ldd "$PLAT") || skip "a sanitizer wants to be first"
	export LD_PRELOAD=$LIBRARY:libdl.so.2
	go sh -c 'echo "$LD_PRELOAD"'
	[ "$said" = "$LIBRARY:libdl.so.2" ]
	go --alone sh -c 'echo "$LD_PRELOAD"'
	[ "$said" = "libdl.so.2" ]
}

@test "settings reach the program, and plat's own words do not" {
	export PLAT_LIBRARY=$LIBRARY
	go --hard --guard-all --on-error=report sh -c 'env | grep ^PLAT_ | cut -d= -f1 | sort | tr "\n" " "'
	[ "$said" = "PLAT_GUARD PLAT_HARD PLAT_ON_ERROR PLAT_REPORT " ]
	run ! grep -q 'no such setting' complaint
}

@test "--checked stops copies that leave their block, and lets the others pass" {
	local act
	for act in overflow underflow string; do
		go --checked "$BLOCKS" "$act"
		[ "$code" -eq 134 ]
		[ "$(grep -c '^plat-malloc: ' complaint)" -eq 1 ]
	done
	go --checked "$BLOCKS" overflow
	grep -q '^plat-malloc: access past the end: 0x[0-9a-f]*, behind the block of 100 bytes at 0x' complaint
	go --checked --hard "$BLOCKS" underflow
	grep -q '^plat-malloc: ' complaint
	printf 'b\na\n' >words
	go --checked --quiet sort words
	[ "$code" -eq 0 ]
	[ "$said" = $'a\nb' ]
	[ -z "$complaint" ]
	go --checked --quiet python3 -c 'print(1)'
	[ "$said$code" = 10 ]
	[ -z "$complaint" ]
}

@test "--checked puts its library in front, and --alone takes out both" {
	run ! grep -q libasan <(ldd "$PLAT") || skip "a sanitizer wants to be first"
	export LD_PRELOAD=$CHECKED:libdl.so.2:$LIBRARY
	go --checked sh -c 'echo "$LD_PRELOAD"'
	[ "$said" = "$CHECKED:$LIBRARY:libdl.so.2" ]
	go --checked --alone sh -c 'echo "$LD_PRELOAD"'
	[ "$said" = "libdl.so.2" ]
	unset LD_PRELOAD
	cp "$LIBRARY" lib.so
	go --checked --library lib.so "$BLOCKS" leak
	[ "$code" -eq 3 ]
	[ "$complaint" = "plat run: libplat-checked.so.1 is not beside $(pwd -P)/lib.so" ]
	cp "$CHECKED" libplat-checked.so.1
	go --checked --library lib.so "$BLOCKS" leak
	[ "$code" -eq 0 ]
}

@test "--report says more, --quiet nothing" {
	go --report "$BLOCKS" leak
	grep -qE '^plat run: .*: exit status 0$' complaint
	grep -qE '^  peak +[0-9.]+M  in memory at once' complaint
	grep -qE '^  live +12\.1K  in 1 block, at its end$' complaint
	grep -qE '^  faults +0' complaint
	go --quiet "$BLOCKS" leak
	[ -z "$complaint" ]
	go --quiet --on-error=ignore "$BLOCKS" fault
	[[ "$complaint" == "plat run: peak "*", 1 fault" ]]
}

@test "without tracing the rest is still known" {
	go --no-trace --on-error=ignore "$BLOCKS" fault
	[ "$code" -eq 23 ]
	[[ "$complaint" == "plat run: peak at most "*", 1 fault" ]]
}

@test "standard input, output and the folder are the program's" {
	echo hello | plat run cat >said 2>complaint
	[ "$(cat said)" = hello ]
	go pwd -P
	[ "$said" = "$(pwd -P)" ]
}

@test "scripts run too, and programs of several threads" {
	printf '#!/bin/sh\necho "from $0"\n' >script
	chmod +x script
	go ./script
	[ "$code" -eq 0 ]
	[[ "$complaint" == *"live in"* ]]
	go "$BLOCKS"
	[ "$code" -eq 0 ]
}

@test "the end of many short threads is not taken for the program's" {
	run ! grep -q libasan <(ldd "$ENDINGS") || skip "a sanitizer wants to be first"
	go "$ENDINGS" churns
	[ "$code" -eq 0 ]
	[[ "$complaint" == *", at its end 2"[0-9]*"M live in "* ]]
}

# --- Where it cannot work ---

@test "a static program is named, and not run" {
	printf 'int main(void) { return 0; }' | cc -x c -static -o static - 2>/dev/null || skip "no static libc"
	go ./static
	[ "$code" -eq 3 ]
	[[ "$complaint" == *"/static: is static: "* ]] || [[ "$complaint" == *"./static: is static: "* ]]
}

@test "a program that gains rights is named, and not run" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	cp "$BLOCKS" gains
	chown 65534 gains
	chmod u+s gains
	go ./gains leak
	[ "$code" -eq 3 ]
	[[ "$complaint" == *"gains rights when it begins"* ]]
	[ -z "$said" ]
}

@test "a program for another processor or word size is named, and not run" {
	cp "$BLOCKS" other
	printf '\001' | dd of=other bs=1 seek=4 conv=notrunc 2>/dev/null # ELFCLASS32
	go ./other
	[ "$code" -eq 3 ]
	[[ "$complaint" == *"is a 32-bit program"* ]] || [[ "$complaint" == *"another processor"* ]]
}

@test "a program of musl is named, and not run" {
	command -v musl-gcc >/dev/null || skip "no musl-gcc"
	printf 'int main(void) { return 0; }' | musl-gcc -x c -o musl -
	go ./musl
	[ "$code" -eq 3 ]
	[[ "$complaint" == *"is linked with musl, the library with glibc" ]]
}

@test "a program that comes without it in the end is not taken for one with it" {
	go env -u LD_PRELOAD "$BLOCKS" leak
	[ "$code" -eq 3 ]
	[[ "$complaint" == *"did not end on plat's malloc: "* ]]
	go "$OWN_MALLOC"
	[ "$code" -eq 3 ]
	[[ "$complaint" == *"did not end on plat's malloc: "* ]]
	go env -u LD_PRELOAD "$BLOCKS" exit 5
	[ "$code" -eq 5 ]
}

@test "the library is the one that was named, and must be there" {
	go --library /nowhere/lib.so "$BLOCKS" leak
	[ "$code" -eq 3 ]
	[[ "$complaint" == "plat run: /nowhere/lib.so: "* ]]
	mkdir 'a b'
	cp "$LIBRARY" 'a b/lib.so'
	echo no library >file
	go --library file "$BLOCKS" leak
	[ "$code" -eq 3 ]
	[[ "$complaint" == *"/file: is not libplat-malloc" ]]
	go --library 'a b/lib.so' "$BLOCKS" leak
	[ "$code" -eq 3 ]
	[[ "$complaint" == *"cannot name a library whose path has a blank or a colon" ]]
	cp "$LIBRARY" lib.so
	PLAT_LIBRARY=lib.so go sh -c 'echo "$LD_PRELOAD"'
	[ "$said" = "$(pwd -P)/lib.so" ]
}

@test "plat and the library are found where they were moved together" {
	mkdir -p here/bin
	cp "$PLAT" here/bin/plat
	cp "$LIBRARY" here/bin/libplat-malloc.so.1
	code=0
	here/bin/plat run sh -c 'echo "$LD_PRELOAD"' >said 2>complaint || code=$?
	[ "$code" -eq 0 ]
	[ "$(cat said)" = "$(pwd -P)/here/bin/libplat-malloc.so.1" ]
}

@test "wrong usage is exit 64" {
	go
	[ "$code" -eq 64 ]
	go --on-error=shout true
	[ "$code" -eq 64 ]
	go --nonsense true
	[ "$code" -eq 64 ]
	go --leaks --as-is --hard true # there it would find nothing
	[ "$code" -eq 64 ]
	run plat run --help
	[ "$status" -eq 0 ]
	[[ "$output" == *"--guard-all"* ]]
	[[ "$output" == *"--checked"* ]]
}
