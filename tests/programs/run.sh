#!/bin/bash
# Looks at real programs with plat, and compares with what check.py finds by other means.
#
#   run.sh [--quick] [--install] PLAT TOWN
#
# --quick    what a minute is enough for, without programs that are seldom installed
# --install  first gets with apt-get what is missing
#
# One line for each case: ok, FAIL with what differs, or skip with the reason. At the end the cases
# that failed are named again with their reasons; the last line is "N passed, N failed, N skipped". Nothing of the system is used or left: each program has a folder
# of its own, listens on sockets in it, and is ended with its children, also when this is interrupted.
set -u

quick=false install=false
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=true ;;
	--install) install=true ;;
	*) break ;;
	esac
	shift
done
if [ $# -ne 2 ]; then
	echo "usage: run.sh [--quick] [--install] PLAT TOWN" >&2
	exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
plat=$(realpath "$1") town=$(realpath "$2")
for program in "$plat" "$town"; do
	if [ ! -x "$program" ]; then
		echo "run.sh: $program: cannot be run" >&2
		exit 64
	fi
done
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8
unset DISPLAY MALLOC_ARENA_MAX

packages="python3 perl redis-server nginx postgresql default-jre-headless musl-tools
	gcc-12-multilib libc6-dev-i386 gdb chromium sqlite3 binutils gcc util-linux procps"
if $install; then
	missing=
	for package in $packages; do
		dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
	done
	if [ -n "$missing" ]; then
		echo "installing:$missing"
		# A package must not start its service.
		[ -e /usr/sbin/policy-rc.d ] || guarded=true
		if ${guarded:-false}; then
			printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
			chmod 755 /usr/sbin/policy-rc.d
		fi
		for package in $missing; do
			DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
				"$package" >/dev/null 2>&1 || echo "$package cannot be installed"
		done
		! ${guarded:-false} || rm -f /usr/sbin/policy-rc.d
	fi
fi

# --- The frame ---

old_pool='' swap_on=''
tmp=$(mktemp -d "${TMPDIR:-/tmp}/plat-programs.XXXXXX") || exit 1
# shellcheck source=tests/programs/processes.sh
. "$here/processes.sh"
chmod 755 "$tmp"
mkdir "$tmp/bin"
mkfifo "$tmp/never"
: >"$tmp/failures"
exec 9<>"$tmp/never" # a standard input that never ends

take_back()
{
	[ -z "$swap_on" ] || swapoff "$swap_on"
	[ -z "$old_pool" ] || echo "$old_pool" >/proc/sys/vm/nr_hugepages
}

# fail NAME REASON...: check.py sums up in its last line, and a traceback ends in its reason.
fail()
{
	local name=$1
	failed=$((failed + 1))
	shift
	printf 'FAIL  %s\n' "$name"
	printf '%s\n' "$@" | head -n 25 | sed 's/^/      /'
	{
		printf 'FAILED  %s\n' "$name"
		printf '%s\n' "$@" | awk '{ line[NR] = $0 }
			END {
				for (i = 1; i <= 2 && i < NR && !/^FAILED/; i++)
					print "        " line[i]
				print "        " $0
			}'
	} >>"$tmp/failures"
}

# needs NAME COMMAND...: whether all commands are there; if not, the case is skipped.
needs()
{
	local name=$1 command
	shift
	for command in "$@"; do
		if ! has "$command"; then
			skip "$name" "there is no $command"
			return 1
		fi
	done
}

needs_root()
{
	[ "$(id -u)" -eq 0 ] && return
	skip "$1" "needs root"
	return 1
}

# start OUTPUT COMMAND...: in the background; its PID is $pid.
start()
{
	local output=$1
	shift
	: >"$output"
	setsid "$@" <&9 >"$output" 2>"$output.err" 9<&- &
	pid=$!
	started+=("$pid")
}

gdb=
if ! $quick && has gdb; then
	gdb=--gdb
fi

# check NAME [OPTIONS...] PID
check()
{
	local name=$1 output
	shift
	# shellcheck disable=SC2086 # empty or one word
	if output=$(timeout 120 python3 "$here/check.py" $gdb "${@:1:$#-1}" "$plat" "${@: -1}" 2>&1)
	then
		ok "$name"
	else
		fail "$name" "$output"
	fi
	# shellcheck disable=SC2086
	if output=$(timeout 120 python3 "$here/heap_check.py" $gdb "$plat" "${@: -1}" 2>&1); then
		ok "$name: $output"
	else
		fail "$name, its heap" "$output"
	fi
}

# said NAME WORD: "WORD VALUE" in what the program printed
said()
{
	sed -n "s/^$2 //p" "$1"
}

# village NAME [OPTIONS of check.py...] -- COMMAND...: a program that lists what it has, as town does.
village()
{
	local name=$1 options=() elsewhere
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	start "$tmp/list" "$@"
	if ! await grep -qa '^ready ' "$tmp/list"; then
		fail "$name" "it does not start" "$(tail -n 3 "$tmp/list.err")"
		end_all
		return
	fi
	for elsewhere in $(said "$tmp/list" elsewhere); do
		options+=(--elsewhere "$elsewhere")
	done
	grep -avE '^(elsewhere|child|zombie) ' "$tmp/list" >"$tmp/listed"
	check "$name" "${options[@]}" --list "$tmp/listed" "$(said "$tmp/list" ready)"
	end_all
}

# answers NAME CODE WORDS COMMAND...: the exit code, and words in the output or the complaint
answers()
{
	local name=$1 code=$2 words=$3 output got
	shift 3
	output=$("$@" 2>&1)
	got=$?
	if [ "$got" -eq "$code" ] && printf '%s' "$output" | grep -qE -- "$words"; then
		ok "$name"
	else
		fail "$name" "exit $got, not $code, or without '$words':" "$output"
	fi
}

# loops NAME WHAT ROUNDS [WRAPPER...]
loops()
{
	local name=$1 output
	shift
	if output=$(timeout 300 python3 "$here/loops.py" "$plat" "$tmp/bin/strange" "$@" 2>&1); then
		ok "$name: $output"
	else
		fail "$name" "$output"
	fi
}

# build NAME OUTPUT COMPILER...
build()
{
	local name=$1 output=$2 log
	shift 2
	needs "$name" "$1" || return
	log=$("$@" -O1 -g -D_GNU_SOURCE -pthread -o "$tmp/bin/$output" 2>&1) && return
	skip "$name" "it does not build: $(printf '%s' "$log" | grep -m 1 -E 'error|cannot')"
	return 1
}

if [ "$(id -u)" -ne 0 ] && [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null)" -gt 0 ] 2>/dev/null
then
	skip "all programs" "without root, Yama lets nobody look"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi
if ! has python3 || ! has readelf; then
	skip "all programs" "there is no python3, or no readelf"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi
multiarch="-I/usr/include/$(gcc -print-multiarch 2>/dev/null)"
source=$here/../../demo/town.c

# --- Programs of ours ---

towns()
{
	village "town" -- "$town" --list
	village "town, a thread spinning" -- "$town" --list --spin
	if build "town, static" static gcc -static "$source"; then
		village "town, static" -- "$tmp/bin/static" --list
		has setarch && village "town, static, setarch -R" -- setarch -R "$tmp/bin/static" --list
	fi
	if needs "town, setarch" setarch; then
		for option in -L -R -X "-L -R"; do
			# shellcheck disable=SC2086 # one option or two
			village "town, setarch $option" -- setarch $option "$town" --list
		done
	fi
	village "town, ulimit -s unlimited" -- \
		bash -c 'ulimit -s unlimited; exec "$@"' - "$town" --list
	village "town, ulimit -s 512" -- bash -c 'ulimit -s 512; exec "$@"' - "$town" --list
}

more_towns()
{
	build "town, static-pie" static-pie gcc -static-pie "$source" &&
		village "town, static-pie" -- "$tmp/bin/static-pie" --list
	build "town, not position-independent" nopie gcc -no-pie "$source" &&
		village "town, not position-independent" -- "$tmp/bin/nopie" --list
	# Without a gap between the segments in the file: .data shares a page of it with .rodata.
	build "town, -z noseparate-code" close gcc -Wl,-z,noseparate-code "$source" &&
		village "town, -z noseparate-code" -- "$tmp/bin/close" --list
	build "town, -z norelro" norelro gcc -Wl,-z,norelro "$source" &&
		village "town, -z norelro" -- "$tmp/bin/norelro" --list
	build "town, large pages in the file" large gcc -Wl,-z,max-page-size=0x200000 "$source" &&
		village "town, large pages in the file" -- "$tmp/bin/large" --list
	if build "town, musl" musl musl-gcc -idirafter /usr/include -idirafter "${multiarch#-I}" \
		"$source"; then
		village "town, musl" -- "$tmp/bin/musl" --list
	fi
	if build "town, musl, static" musl-static musl-gcc -static -idirafter /usr/include \
		-idirafter "${multiarch#-I}" "$source"; then
		village "town, musl, static" --musl -- "$tmp/bin/musl-static" --list
	fi
	if build "town, 32-bit" m32 gcc -m32 "$multiarch" "$source"; then
		for option in "" -L -R -X -3 -B; do
			# shellcheck disable=SC2086 # none or one
			village "town, 32-bit${option:+, setarch $option}" -- \
				${option:+setarch $option} "$tmp/bin/m32" --list
		done
		village "town, 32-bit, ulimit -s unlimited" -- \
			bash -c 'ulimit -s unlimited; exec "$@"' - "$tmp/bin/m32" --list
	fi
	build "town, 32-bit, static" m32-static gcc -m32 -static "$multiarch" "$source" &&
		village "town, 32-bit, static" -- "$tmp/bin/m32-static" --list
}

# What Linux 6.7 and 6.11 have brought is kept from plat: it has to find the same by other ways.
old_kernel()
{
	local name="town, without PAGEMAP_SCAN and PROCMAP_QUERY" new=$plat
	needs_root "$name" && build "$name" old_kernel.so gcc -shared -fPIC "$here/old_kernel.c" ||
		return
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$tmp/bin/old_kernel.so" "$new" \
		>"$tmp/bin/old-plat"
	chmod 755 "$tmp/bin/old-plat"
	if ! "$tmp/bin/old-plat" map --help >/dev/null 2>&1; then
		skip "$name" "plat takes no preloaded library" # as under a sanitizer
		return
	fi
	plat=$tmp/bin/old-plat
	village "$name" --old-kernel -- "$town" --list
	plat=$new
}

stranger()
{
	build "strange" strange gcc "$here/strange.c" || return
	village "stacks side by side in one mapping, as glibc 2.42 has them" --threads 5 -- \
		"$tmp/bin/strange" stacks
	village "stacks in .bss, in the heap; a thread on a signal stack" -- \
		"$tmp/bin/strange" odd-stacks
	village "a main stack that mprotect() has cut" -- "$tmp/bin/strange" split-stack
	village "a coroutine" -- "$tmp/bin/strange" coroutine
	village "kernel objects, files in odd states" -- "$tmp/bin/strange" objects "$tmp/object"
	village "another process in the same memory" -- "$tmp/bin/strange" shared-space
	if ! $quick && build "strange, 32-bit" strange32 gcc -m32 "$multiarch" "$here/strange.c"; then
		for what in stacks odd-stacks split-stack coroutine; do
			village "strange $what, 32-bit" -- "$tmp/bin/strange32" "$what"
		done
	fi
}

names()
{
	local name
	for name in $'new\nline' 'gone (deleted)' 'back\012slash' '[heap]' $'not\xffutf8' ' blank '; do
		mkdir -p "$tmp/odd/$name"
		cp "$town" "$tmp/odd/$name/$name"
		TMPDIR=$tmp/odd/$name village "a program called $(printf '%q' "$name")" -- \
			"$tmp/odd/$name/$name" --list
	done
	cp "$town" "$tmp/bin/gone"
	start "$tmp/list" "$tmp/bin/gone" --list
	await grep -qa '^ready ' "$tmp/list"
	rm "$tmp/bin/gone"
	check "a deleted program" --list "$tmp/list" "$pid"
	# Another file has its name now.
	cp "$(command -v readelf)" "$tmp/bin/gone"
	check "a replaced program" --list "$tmp/list" "$pid"
	end_all
}

vanishing()
{
	[ -x "$tmp/bin/strange" ] || return
	local rounds=500 looks=300
	if $quick; then
		rounds=60 looks=40
	fi
	loops "exec in a loop" exec "$rounds"
	has setarch && loops "exec in a loop, addresses not randomised" exec "$rounds" setarch -R
	loops "a process that is killed meanwhile" vanish "$rounds"
	loops "threads that come and go" churn "$looks"
}

# --- Without rights, without memory ---

no_rights()
{
	needs_root "another user's process" && needs "another user's process" setpriv || return
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	cp "$plat" "$tmp/bin/plat"
	chmod 755 "$tmp/bin/plat"
	start "$tmp/list" sleep 1000
	if ! "${nobody[@]}" "$tmp/bin/plat" map --help >/dev/null 2>&1; then
		skip "another user's process" "nobody cannot run plat"
		end_all
		return
	fi
	answers "another user's process: figures of status" 2 'VmRSS +[0-9]' \
		"${nobody[@]}" "$tmp/bin/plat" map "$pid"
	answers "another user's process: the reason" 2 'not permitted' \
		"${nobody[@]}" "$tmp/bin/plat" map "$pid"
	answers "another user's process: JSON" 0 '^as it should be$' \
		python3 "$here/no_rights.py" "$pid" "${nobody[@]}" "$tmp/bin/plat"
	if setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+perfmon \
		--ambient-caps=+perfmon cat "/proc/$pid/maps" >/dev/null 2>&1; then
		answers "another user's process, with CAP_PERFMON" 0 '^as it should be$' \
			python3 "$here/no_rights.py" --maps "$pid" "${nobody[@]}" \
			--inh-caps=+perfmon --ambient-caps=+perfmon "$tmp/bin/plat"
	else
		skip "another user's process, with CAP_PERFMON" "this kernel hides maps from it"
	fi
	end_all
}

no_memory()
{
	if [ "$(cat /proc/2/comm 2>/dev/null)" = kthreadd ]; then
		answers "a kernel thread" 3 'is a kernel thread' "$plat" map 2
	else
		skip "a kernel thread" "none is to be seen here"
	fi
	answers "no such process" 3 'no such process' "$plat" map 2147483000
	[ -x "$tmp/bin/strange" ] || return
	start "$tmp/list" "$tmp/bin/strange" zombie
	await grep -qa '^ready ' "$tmp/list"
	answers "a zombie" 3 'is a zombie' "$plat" map "$(said "$tmp/list" zombie)"
	end_all
	start "$tmp/list" "$tmp/bin/strange" leader
	await grep -qa '^ready ' "$tmp/list"
	local other
	other=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -vx "$pid")
	answers "a process whose first thread has ended" 3 "look at $other" "$plat" map "$pid"
	answers "one of its threads" 0 "thread-stack $other" \
		"$plat" map --raw -o KIND,TID "$other"
	end_all
	start "$tmp/list" "$tmp/bin/strange" stacks
	await grep -qa '^ready ' "$tmp/list"
	other=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | tail -n 1)
	answers "a thread as operand: the stack is the first thread's" 0 "^stack $pid$" \
		"$plat" map --raw -o KIND,TID "$other"
	end_all
}

namespaces()
{
	local inner name="other PID and mount namespaces"
	needs_root "$name" && needs "$name" unshare || return
	if ! unshare -pmf --mount-proc true 2>/dev/null; then
		skip "$name" "they are not allowed here"
		return
	fi
	# shellcheck disable=SC2016 # for the shell inside
	start "$tmp/list" unshare -pmf --mount-proc sh -c \
		'mount -t tmpfs none /mnt && mount -t tmpfs none /dev/shm && cp "$1" /mnt/town &&
		exec /mnt/town --list' - "$town"
	if ! await grep -qa '^ready ' "$tmp/list"; then
		fail "$name" "town does not start" "$(tail -n 3 "$tmp/list.err")"
		end_all
		return
	fi
	inner=$(family "$pid" | grep -vx "$pid" | head -n 1)
	check "$name" "$inner"
	end_all
}

# --- Programs of others ---

cat >"$tmp/threads.py" <<'PYTHON'
import mmap, threading, time
kept = [bytes(1000) for _ in range(20000)]
area = mmap.mmap(-1, 1 << 20)
area[:5] = b"hello"
def spin():
    while True:
        pass
def wait():
    time.sleep(10000)
for run in (spin, wait, wait, wait):
    threading.Thread(target=run, daemon=True).start()
print("ready", flush=True)
time.sleep(10000)
PYTHON

scripts()
{
	start "$tmp/out" python3 "$tmp/threads.py"
	await grep -q ready "$tmp/out"
	check "python3, 4 threads, one spinning" --threads 5 "$pid"
	end_all
	if needs "perl" perl; then
		# shellcheck disable=SC2016 # perl's variables
		start "$tmp/out" perl -e '$|=1; $x{$_}="v"x100 for 1..50000;
			unless (fork) { sleep 1000 } print "ready\n"; sleep 1000'
		await grep -q ready "$tmp/out"
		check "perl" "$pid"
		check "perl, forked" "$(family "$pid" | grep -vx "$pid" | head -n 1)"
		end_all
	fi
}

redis()
{
	needs "redis-server" redis-server redis-cli || return
	start "$tmp/out" redis-server --port 0 --unixsocket "$tmp/redis.sock" --save '' \
		--appendonly no --dir "$tmp"
	await redis-cli -s "$tmp/redis.sock" ping
	seq 100000 | awk '{ print "SET key:" $1 " value-" $1 "-" rand() }' |
		redis-cli -s "$tmp/redis.sock" >/dev/null
	check "redis-server, 100,000 keys" "$pid"
	end_all
}

nginx_workers()
{
	needs "nginx" nginx || return
	mkdir -p "$tmp/nginx/logs"
	chmod 777 "$tmp/nginx" "$tmp/nginx/logs"
	cat >"$tmp/nginx/conf" <<-CONF
		daemon off;
		worker_processes 2;
		pid $tmp/nginx/pid;
		error_log $tmp/nginx/logs/error;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path $tmp/nginx/body;
			proxy_temp_path $tmp/nginx/proxy;
			fastcgi_temp_path $tmp/nginx/fastcgi;
			uwsgi_temp_path $tmp/nginx/uwsgi;
			scgi_temp_path $tmp/nginx/scgi;
			limit_req_zone \$binary_remote_addr zone=one:1m rate=1r/s;
			server { listen unix:$tmp/nginx/socket; location / { return 200 "hello"; } }
		}
	CONF
	start "$tmp/out" nginx -p "$tmp/nginx" -e "$tmp/nginx/logs/error" -c "$tmp/nginx/conf"
	await test -S "$tmp/nginx/socket"
	sleep 0.3
	local process n=0
	for process in $(family "$pid"); do
		if [ "$process" = "$pid" ]; then
			check "nginx, master" "$process"
		else
			n=$((n + 1))
			check "nginx, worker $n" "$process"
		fi
	done
	[ "$n" -eq 2 ] || fail "nginx" "it has $n workers, not 2" "$(cat "$tmp/out.err")"
	end_all
}

# postgres NAME SETTINGS...
postgres_with()
{
	local name=$1 bin as=() process command setting settings=()
	shift
	bin=$(find /usr/lib/postgresql/*/bin -name initdb -printf '%h\n' 2>/dev/null | tail -n 1)
	if [ -z "$bin" ]; then
		skip "$name" "it is not installed"
		return
	fi
	mkdir -p "$tmp/pg"
	if [ "$(id -u)" -eq 0 ]; then
		as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
		chown postgres "$tmp/pg"
	fi
	if [ ! -d "$tmp/pg/data" ]; then
		"${as[@]}" "$bin/initdb" -D "$tmp/pg/data" -A trust --no-sync >"$tmp/out" 2>&1 || {
			fail "$name" "initdb:" "$(tail -n 3 "$tmp/out")"
			return
		}
	fi
	for setting in listen_addresses= "unix_socket_directories=$tmp/pg" shared_buffers=64MB \
		max_connections=10 "$@"; do
		settings+=(-c "$setting")
	done
	start "$tmp/out" "${as[@]}" "$bin/postgres" -D "$tmp/pg/data" "${settings[@]}"
	if ! await "${as[@]}" "$bin/psql" -h "$tmp/pg" -d postgres -c 'select 1'; then
		fail "$name" "it does not start:" "$(tail -n 3 "$tmp/out.err")"
		end_all
		return
	fi
	mkfifo "$tmp/pg/sql"
	setsid "${as[@]}" "$bin/psql" -q -h "$tmp/pg" -d postgres <>"$tmp/pg/sql" \
		>/dev/null 2>&1 9<&- &
	started+=("$!")
	echo 'create temp table t as select n, md5(n::text) from generate_series(1, 200000) n;
		select pg_sleep(1000);' >"$tmp/pg/sql"
	await sh -c "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -qa 'local.*SELECT'"
	sleep 1
	for process in $(family "$pid"); do
		command=$(tr '\0' ' ' <"/proc/$process/cmdline")
		command=${command#postgres: }
		command=${command%% [^a-z]*}
		[ "$process" = "$pid" ] && command=postmaster
		check "$name, ${command%"${command##*[! ]}"}" "$process"
	done
	# A fast shutdown: killed, it would leave shared memory in the system.
	kill -INT "$pid"
	await sh -c "! kill -0 $pid"
	end_all
	rm -f "$tmp/pg/sql" "$tmp/pg/data/postmaster.pid"
}

jvm()
{
	needs "java" java || return
	cat >"$tmp/Land.java" <<-'JAVA'
		public class Land {
			public static void main(String[] args) throws Exception {
				byte[][] kept = new byte[200][];
				for (int i = 0; i < 200; i++)
					kept[i] = new byte[100_000];
				for (int i = 0; i < 4; i++)
					new Thread(() -> { while (true) try { Thread.sleep(10); }
						catch (InterruptedException e) { } }, "settler-" + i).start();
				System.out.println("ready");
				Thread.sleep(1_000_000);
			}
		}
	JAVA
	if java --list-modules 2>/dev/null | grep -q '^jdk.compiler'; then
		start "$tmp/out" java -Xmx256m "$tmp/Land.java"
		await grep -q ready "$tmp/out"
	else
		# A runtime without a compiler: the one program in it that goes on by itself.
		start "$tmp/out" rmiregistry -J-Xmx64m -J-Djava.rmi.server.hostname=127.0.0.1 10997
		sleep 3
	fi
	check "a Java virtual machine" "$pid"
	end_all
}

chromium_all()
{
	needs "chromium" chromium || return
	local process type
	mkdir -p "$tmp/chromium"
	HOME=$tmp/chromium start "$tmp/out" chromium --headless --no-sandbox --disable-gpu \
		--disable-background-networking --disable-dev-shm-usage --no-first-run \
		--remote-debugging-port=0 --user-data-dir="$tmp/chromium/data" about:blank
	# shellcheck disable=SC2016 # for the shell inside
	await sh -c 'tr "\0" " " < /proc/[0-9]*/cmdline | grep -q "type=renderer"'
	await grep -q 'DevTools listening' "$tmp/out.err"
	sleep 2
	for process in $(family "$pid"); do
		type=$(tr '\0' '\n' <"/proc/$process/cmdline" | tr ' ' '\n' |
			sed -n 's/^--type=//p' | head -n 1)
		check "chromium, ${type:-browser}" "$process"
	done
	end_all
}

compiler()
{
	needs "gcc, compiling" gcc awk || return
	awk 'BEGIN { for (i = 0; i < 6000; i++)
		printf "int f%d(int a, int b) { int s = 0; for (int i = 0; i < a; i++) " \
			"s += i %% (b + %d) * f%d(i, s); return s; }\n", i, i + 1, i ? i - 1 : 0 }' \
		>"$tmp/long.c"
	sed -i '1i int f0(int, int);' "$tmp/long.c"
	start "$tmp/out" gcc -O2 -c "$tmp/long.c" -o "$tmp/long.o"
	sleep 2
	local process
	process=$(family "$pid" | while read -r p; do
		[ "$(cat "/proc/$p/comm")" = cc1 ] && echo "$p"
	done)
	if [ -n "$process" ]; then
		check "gcc, compiling" "$process"
	else
		fail "gcc, compiling" "it has no cc1 after two seconds" "$(cat "$tmp/out.err")"
	fi
	end_all
}

database()
{
	needs "sqlite3, a mapped database" sqlite3 || return
	sqlite3 "$tmp/db" 'create table t(a, b); with recursive c(n) as (select 1 union all
		select n + 1 from c where n < 50000) insert into t select n, hex(randomblob(20)) from c;'
	mkfifo "$tmp/sql"
	setsid sqlite3 "$tmp/db" <>"$tmp/sql" >"$tmp/out" 2>&1 9<&- &
	pid=$!
	started+=("$pid")
	echo 'pragma mmap_size = 100000000; select count(*), "ready" from t;' >"$tmp/sql"
	await grep -q ready "$tmp/out"
	check "sqlite3, a mapped database" "$pid"
	end_all
}

# --- What changes settings of the machine for a while ---

huge_pages()
{
	local name="huge pages" want=96
	[ -x "$tmp/bin/strange" ] && needs_root "$name" || return
	if [ -w /proc/sys/vm/nr_hugepages ]; then
		old_pool=$(cat /proc/sys/vm/nr_hugepages)
		echo $((old_pool + want)) >/proc/sys/vm/nr_hugepages
	fi
	village "$name: transparent, and from the pool" -- "$tmp/bin/strange" huge
	village "town with a page of the pool" -- "$town" --list
	[ -x "$tmp/bin/strange32" ] &&
		village "$name, 32-bit" -- "$tmp/bin/strange32" huge
	if [ "$(cat /proc/sys/vm/nr_hugepages)" -ge "$want" ]; then
		postgres_with "postgres on huge pages" huge_pages=on
	else
		skip "postgres on huge pages" "the pool could not be filled"
	fi
	if [ -n "$old_pool" ]; then
		echo "$old_pool" >/proc/sys/vm/nr_hugepages
		old_pool=
	fi
}

swapped()
{
	local name="pages in swap"
	[ -x "$tmp/bin/strange" ] && needs_root "$name" && needs "$name" mkswap swapon || return
	dd if=/dev/zero of="$tmp/swap" bs=1M count=32 2>/dev/null && chmod 600 "$tmp/swap" &&
		mkswap "$tmp/swap" >/dev/null 2>&1
	if ! swapon "$tmp/swap" 2>/dev/null; then
		skip "$name" "this file system takes no swap file"
		return
	fi
	swap_on=$tmp/swap
	village "$name" -- "$tmp/bin/strange" swap
	swapoff "$tmp/swap" && swap_on=
}

towns
old_kernel
scripts
stranger
names
no_rights
no_memory
namespaces
vanishing
if ! $quick; then
	more_towns
	[ -x "$tmp/bin/strange" ] && village "65,530 mappings" -- "$tmp/bin/strange" maps
	redis
	nginx_workers
	postgres_with "postgres"
	jvm
	compiler
	database
	huge_pages
	swapped
	chromium_all
fi
[ ! -s "$tmp/failures" ] || cat "$tmp/failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
