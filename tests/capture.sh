#!/bin/sh
# Captures what plat reads of a process, into a tree for `plat map --root DIR PID`.
#
#     capture.sh [--from PATH=PATH]... PID DIR
#
# DIR/PID gets maps smaps stat status limits personality auxv, task/TID/{stat,status,syscall}, and in
# pages/ the few pages of memory that plat needs; DIR/sys/vm gets the machine's settings. Private is
# left out: no environment, no arguments, no host name; of each page only the words that plat looks at
# are kept, and of status only the lines it reads. --from replaces the beginning of paths, home folders
# are always replaced. The process should be asleep, and goes on as it was.
set -eu
here=$(dirname "$0")

usage()
{
	echo 'usage: capture.sh [--from PATH=PATH]... PID DIR' >&2
	exit 64
}

scrub='s#\(  */\)home/[^/ ]*/#\1home/user/#;s#\(  */\)root/#\1home/user/#'
while [ "${1-}" = --from ]; do
	[ $# -ge 2 ] || usage
	scrub="s#\\(  *\\)${2%%=*}#\\1${2#*=}#;$scrub"
	shift 2
done
[ $# -eq 2 ] || usage
proc=/proc/$1 to=$2/$1
[ -r "$proc/maps" ] || { echo "capture.sh: $1: no such process" >&2; exit 3; }

mkdir -p "$to/pages" "$2/sys/vm"
for name in mmap_min_addr max_map_count legacy_va_layout; do
	cat "/proc/sys/vm/$name" >"$2/sys/vm/$name" || true
done
for name in stat limits personality auxv; do
	cat "$proc/$name" >"$to/$name"
done
for name in maps smaps; do
	sed "$scrub" "$proc/$name" >"$to/$name"
done
keep='^(Name|State|Tgid|Pid|PPid|Uid|NSpid|Threads|Vm[A-Za-z]*|Rss[A-Za-z]*|HugetlbPages):'
grep -E "$keep" "$proc/status" >"$to/status"
for task in "$proc"/task/*; do
	tid=${task##*/}
	mkdir -p "$to/task/$tid"
	cat "$task/stat" >"$to/task/$tid/stat"
	cat "$task/syscall" >"$to/task/$tid/syscall"
	grep -E "$keep" "$task/status" >"$to/task/$tid/status"
done
python3 "$here/capture-pages.py" "$1" "$to"
