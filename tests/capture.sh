#!/bin/sh
# Captures what plat reads of a process, into a tree for `plat map --root DIR PID`.
#
#     capture.sh [--from PATH=PATH]... PID DIR
#
# DIR/PID gets maps smaps stat status limits personality auxv cgroup, task/TID/{stat,status,syscall},
# and in pages/ the few pages of memory that plat needs; DIR/sys and DIR/meminfo get the settings of
# the machine, DIR/cgroup the memory limits of the process's control groups, by the names that
# PID/cgroup has. Private is left out: no environment, no arguments, no host name, no names of groups;
# of each page only the words that plat looks at are kept, and of status only the lines it reads.
# --from replaces the beginning of paths, home folders are always replaced. The process should be
# asleep, and goes on as it was.
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
proc=/proc/$1 root=$2 to=$2/$1
[ -r "$proc/maps" ] || { echo "capture.sh: $1: no such process" >&2; exit 3; }

# The memory limits of control groups, from the process's own to the root. Groups are called after
# their depth; of both versions' lines the one that limits memory is kept.
capture_groups()
{
	line=$(grep -E '^[0-9]+:([^:]*,)?memory(,[^:]*)?:' "$proc/cgroup" || grep '^0::' "$proc/cgroup") ||
		return 0
	case $line in
	0::*) mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts) ;;
	*) mount=$(awk '$3 == "cgroup" && ("," $4 ",") ~ /,memory,/ { print $2; exit }' /proc/mounts) ;;
	esac
	group=${line#*:*:}
	named=$(echo "$group" | awk -F/ '{ for (i = 2; i <= NF; i++) if ($i != "") printf "/group%d", i - 1 }')
	echo "${line%"$group"}${named:-/}" >"$to/cgroup"
	group=${group%/}
	while :; do
		mkdir -p "$root/cgroup$named"
		for file in current high max swap.current swap.max usage_in_bytes limit_in_bytes \
			memsw.usage_in_bytes memsw.limit_in_bytes; do
			cat "$mount$group/memory.$file" >"$root/cgroup$named/memory.$file" 2>/dev/null ||
				rm -f "$root/cgroup$named/memory.$file"
		done
		[ "$group" ] || break
		group=${group%/*} named=${named%/*}
	done
}

mkdir -p "$to/pages" "$2/sys/vm" "$2/sys/kernel"
for name in mmap_min_addr max_map_count legacy_va_layout overcommit_memory admin_reserve_kbytes \
	user_reserve_kbytes; do
	cat "/proc/sys/vm/$name" >"$2/sys/vm/$name" || true
done
cat /proc/sys/kernel/randomize_va_space >"$2/sys/kernel/randomize_va_space" || true
grep -oE '^[0-9]+\.[0-9]+' /proc/sys/kernel/osrelease >"$2/sys/kernel/osrelease"
grep -E '^(MemTotal|MemAvailable|SwapTotal|SwapFree|CommitLimit|Committed_AS):' /proc/meminfo >"$2/meminfo"
capture_groups
for name in stat limits personality auxv; do
	cat "$proc/$name" >"$to/$name"
done
for name in maps smaps; do
	sed "$scrub" "$proc/$name" >"$to/$name"
done
keep='^(Name|State|Tgid|Pid|PPid|Uid|NSpid|Threads|Vm[A-Za-z]*|Rss[A-Za-z]*|HugetlbPages):'
grep -E "$keep" "$proc/status" >"$to/status"
# Capabilities count where they are those of the first user namespace.
[ "$(readlink "$proc/ns/user")" != 'user:[4026531837]' ] || grep '^CapEff:' "$proc/status" >>"$to/status"
for task in "$proc"/task/*; do
	tid=${task##*/}
	mkdir -p "$to/task/$tid"
	cat "$task/stat" >"$to/task/$tid/stat"
	cat "$task/syscall" >"$to/task/$tid/syscall"
	grep -E "$keep" "$task/status" >"$to/task/$tid/status"
done
python3 "$here/capture-pages.py" "$1" "$to"
