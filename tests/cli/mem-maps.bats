#!/usr/bin/env bats
# What libplat's maps and shared memory are to those who look at the process.

load common

setup() {
	set_up 80
	start_holders "$MEM_MAPS"
}

# Who is killed leaves the object behind.
teardown() {
	clean_up
	rm -f "/dev/shm/plat-maps-$(held ready)"
}

# explained NAME OFFSET: what plat explain says of a byte of what the program calls so.
explained() {
	plat explain "$PID" "$(at "$(held "$1")" "$2")"
}

# is NAME OFFSET LINE: that is told of it; the line may be broken.
is() {
	explained "$1" "$2" | tr -s ' \n' ' ' >said
	grep -qF -- "$3" said || { cat said; return 1; }
}

@test "an object is told by its name, and is held" {
	PID=$(held ready)
	is object 0 "shm plat-maps-$PID"
	is object 49999 "file /dev/shm/plat-maps-$PID, offset 0xc34f"
	is object 0 'rw-s'
	plat map "$PID" >out
	grep -q "rw-s M .*POSIX /plat-maps-$PID " out
	grep -q "OFDLCK .*READ .*:$(stat -c %i "/dev/shm/plat-maps-$PID") 0 0\$" /proc/locks
}

@test "an object's name stays when the process that has it open is killed" {
	PID=$(held ready)
	[ -e "/dev/shm/plat-maps-$PID" ]
	kill -KILL "$PID"
	[ -e "/dev/shm/plat-maps-$PID" ]
}

@test "an object's name goes with the process that closes it last" {
	PID=$(held ready)
	kill "$(sed -n 1p pids)" # what keeps the program's input open
	for ((i = 0; i < 200; i++)); do
		[ -e "/dev/shm/plat-maps-$PID" ] || break
		sleep 0.02
	done
	[ ! -e "/dev/shm/plat-maps-$PID" ]
}

@test "a window is told by the page of its first byte, and a byte of it by its own" {
	is window 0 "file $(basename "$(readlink -f /bin/sh)")"
	is window 0 'r--s'
	is window 0 'offset 0x1388'
}

@test "a private map's changed page is its own" {
	is private 0 'rw-p'
	is private 0 "a private copy of the file's page"
	run ! is private 8192 'private copy'
}

@test "behind the end of a file that was cut there is no page" {
	is cut 16383 'locked no'
	run ! is cut 16383 SIGBUS
	is cut 16384 'absent: the file ends before it'
	is cut 16384 'faults: beyond the last page of the file (16384 bytes): SIGBUS'
}

@test "anonymous memory is told by who has it, and by what was advised" {
	is anonymous 0 'rw-p anon'
	is anonymous 0 'attributes none but its permissions'
	is shared 0 'rw-s shm'
	is shared 0 'shm shared anonymous'
	is advised 0 'left out of core dumps (dont-dump)'
}

@test "memory without a name has one for those who look, and can be sealed" {
	is memfd 0 'shm memfd letters'
	is memfd 0 'rw-s'
	is sealed 0 'shm memfd prices'
	is sealed 0 'r--p'
}
