#!/bin/bash
# Runs real programs on plat's malloc, unchanged: by default and in hard mode, and many of them with
# libplat-checked in front, beside their own malloc.
#
#	malloc.sh [--install] [--library FILE] PLAT [WORD]
#
# --install  first gets with apt-get what is missing
# --library  this libplat-malloc.so.1 and not the one beside PLAT
# WORD       only programs whose name has it
#
# One line a program and mode: ok, or FAILED with what differs, or skip with the reason. A program is
# ok if it ended well, if what it printed is what it prints with its own malloc, if it was on plat's
# malloc at its end, and if no fault was found in it or in what it started. Servers are asked while
# they run: each of their processes must have the library. A program whose executable has a malloc
# of its own, which no preload comes before, is run beside the library, and its line says so.
#
# The last line is "N passed, N failed, N skipped". Nothing of the system is used or left: each
# program has a folder of its own, listens there or on the loopback, and is ended with its children.
set -u

install=false library=
while [ $# -gt 0 ]; do
	case $1 in
	--install) install=true ;;
	--library) library=$2 && shift ;;
	*) break ;;
	esac
	shift
done
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	echo "usage: malloc.sh [--install] [--library FILE] PLAT [WORD]" >&2
	exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
plat=$(realpath "$1") word=${2:-}
if [ -z "$library" ]; then
	library=$(dirname "$plat")/../alloc/libplat-malloc.so.1
fi
library=$(realpath "$library")
checked=$(dirname "$library")/libplat-checked.so.1
[ -r "$checked" ] || checked=$(dirname "$library")/../mem/libplat-checked.so.1
for file in "$plat" "$library" "$checked"; do
	if [ ! -r "$file" ]; then
		echo "malloc.sh: $file: cannot be read" >&2
		exit 64
	fi
done
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8
unset DISPLAY LD_PRELOAD MALLOC_ARENA_MAX TMUX
for name in "${!PLAT_@}"; do
	unset "$name"
done
$install && "$here/../../tools/install-packages" programs

# --- The frame ---

tmp=$(mktemp -d "${TMPDIR:-/tmp}/plat-malloc.XXXXXX") || exit 1
# shellcheck source=tests/programs/processes.sh
. "$here/processes.sh"
chmod 755 "$tmp"
mkdir "$tmp/bin"
: >"$tmp/failures"
# Other users run them too.
cp "$plat" "$library" "$checked" "$tmp/bin"
plat=$tmp/bin/plat library=$tmp/bin/${library##*/}
chmod 755 "$tmp"/bin/*
# missing COMMAND...: the reason for a skip
missing()
{
	local command
	for command in "$@"; do
		has "$command" || echo "there is no $command"
	done | head -n 1
}

# In a program's function: under COMMAND... runs it in the mode that is being tried, as $user if that
# is set. What plat says of it is judged afterwards.
mode=own user=
under()
{
	local as=() on=() err
	[ -z "$user" ] || as=(setpriv "--reuid=$user" "--regid=$user" --clear-groups)
	err=$(mktemp "$tmp/err.XXXXXX")
	case $mode in
	plat) on=("$plat" run --library "$library" --) ;;
	hard) on=("$plat" run --library "$library" --hard --) ;;
	checked) on=("$plat" run --library "$library" --checked --) ;;
	esac
	"${as[@]}" "${on[@]}" "$@" 2>"$err"
}

# The same in the background, in a session of its own: $server is its PID, $server_out what it prints.
serve()
{
	server_out=$tmp/out.server
	# shellcheck disable=SC2016 # for the shell inside
	setsid bash -c 'exec 2>"$1"; shift; exec "$@"' - "$(mktemp "$tmp/err.XXXXXX")" \
		"${serve_as[@]}" "${serve_on[@]}" "$@" </dev/null >"$server_out" &
	server=$!
	started+=("$server")
}

# Sets the words that stand before a server's command.
serve_as=() serve_on=()
set_mode()
{
	mode=$1 serve_as=() serve_on=()
	case $mode in
	plat) serve_on=("$plat" run --library "$library" --) ;;
	hard) serve_on=("$plat" run --library "$library" --hard --) ;;
	checked) serve_on=("$plat" run --library "$library" --checked --) ;;
	esac
}

# Waits for the server; its status is the result.
served()
{
	local i
	for ((i = 0; i < 600; i++)); do
		kill -0 "$server" 2>/dev/null || break
		sleep 0.05
	done
	if kill -0 "$server" 2>/dev/null; then
		echo "the server does not end"
		return 1
	fi
	wait "$server"
}

# All processes of the server, but for plat's own, have the library.
all_have_it()
{
	local process
	[ "$mode" != own ] || return 0
	for process in $(family "$server"); do
		[ "$(readlink "/proc/$process/exe")" != "$plat" ] || continue
		# Some come and go.
		[ -s "/proc/$process/maps" ] || continue
		grep -q "$library" "/proc/$process/maps" ||
			echo "without the library: $(tr '\0' ' ' <"/proc/$process/cmdline")"
	done 2>/dev/null
}

# As await; what was waited for in vain is a reason.
await_aloud()
{
	await "$@" && return
	echo "waited in vain for: $*"
	return 1
}

# What is wrong with the errors of a run: each `under` must have ended on plat's malloc, with no faults.
judge()
{
	local err
	[ "$mode" = own ] && return
	for err in "$tmp"/err.*; do
		grep -a -E '^plat-malloc: ' "$err" | head -n 3
		[ ! -e "$tmp/work/malloc-of-its-own" ] || continue
		if ! grep -a -q '^plat run: peak .*, no faults$' "$err"; then
			echo "plat's last words: $(grep -a '^plat run:' "$err" | tail -n 2)"
			tail -n 3 "$err"
		fi
	done
}

# program NAME SECONDS FUNCTION [REASON]: in all $modes. A REASON is that it cannot be run here.
modes=(own plat hard)
program()
{
	local name=$1 seconds=$2 function=$3 reason=${4:-} status said wrong start
	[[ $name == *"$word"* ]] || return
	if [ -n "$reason" ]; then
		skipped=$((skipped + 1))
		printf 'skip    %s: %s\n' "$name" "$reason"
		return
	fi
	for each in "${modes[@]}"; do
		rm -rf "$tmp/err".* "$tmp/work"
		mkdir "$tmp/work"
		chmod 777 "$tmp/work"
		start=$SECONDS
		set_mode "$each"
		(
			# A session would not do: a shell's jobs are its children.
			trap end_all EXIT
			cd "$tmp/work" || exit 1
			"$function"
		) >"$tmp/said.$mode" 2>"$tmp/complaint" </dev/null 9>&- &
		within "$seconds" $!
		status=$?
		wrong=$(judge)
		if [ "$mode" = own ]; then
			if [ "$status" -ne 0 ]; then
				skipped=$((skipped + 1))
				printf 'skip    %s: with its own malloc it ends with %d: %s\n' "$name" \
					"$status" "$(cat "$tmp/said.own" "$tmp/complaint" "$tmp"/err.* |
						tail -n 1)"
				return
			fi
			continue
		fi
		said=$(diff -a "$tmp/said.own" "$tmp/said.$mode" | head -n 8)
		if [ "$status" -eq 0 ] && [ -z "$wrong$said" ]; then
			passed=$((passed + 1))
			printf 'ok      %s, %s%s (%d s)\n' "$name" "$mode" \
				"$(cat "$tmp/work/malloc-of-its-own" 2>/dev/null)" $((SECONDS - start))
			continue
		fi
		failed=$((failed + 1))
		{
			printf 'FAILED  %s, %s: status %d\n' "$name" "$mode" "$status"
			printf '%s\n' "$wrong" "$said" "$(tail -n 3 "$tmp/complaint")" | grep -a . |
				head -n 16 | sed 's/^/        /'
		} | tee -a "$tmp/failures"
		if [ -n "${KEEP:-}" ]; then
			mkdir -p "$KEEP" && cp -r "$tmp"/err.* "$tmp"/said.* "$tmp/complaint" "$KEEP"
		fi
	done
}

# The same, with libplat-checked too.
checked_too()
{
	local modes=("${modes[@]}" checked)
	program "$@"
}

# within SECONDS PID: its status; what takes longer is ended with its children.
within()
{
	local i processes
	for ((i = 0; i < $1 * 10; i++)); do
		kill -0 "$2" 2>/dev/null || break
		sleep 0.1
	done
	if kill -0 "$2" 2>/dev/null; then
		mapfile -t processes < <(family "$2")
		kill -KILL "${processes[@]}" 2>/dev/null
		echo "it has taken $1 seconds, and was ended" >>"$tmp/complaint"
	fi
	wait "$2"
}

# A port that nobody listens on.
free_port()
{
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# --- Programs ---

status_is_passed_on()
{
	local status
	for status in 0 1 77 127; do
		under sh -c "exit $status"
		echo "$?"
	done
	for status in TERM KILL SEGV; do
		under sh -c "kill -$status \$\$"
		echo "$?"
	done
}

bash_script()
{
	cat >script <<-'SCRIPT'
		declare -a squares
		declare -A words
		for ((i = 0; i < 3000; i++)); do
			squares[i]=$((i * i))
			words[word$((i % 700))]+="$i "
		done
		echo "${#squares[@]} ${squares[*]: -3} ${#words[@]} ${words[word77]}"
		for i in {1..60}; do
			x=$(printf '%s ' "${squares[@]:i:50}" | (read -r first rest; echo "$first ${#rest}"))
			echo "$i $x"
		done
		for i in {1..20}; do
			(
				unset 'squares[5]'
				words[mine]=$(printf '%*s' $((i * 1000)) '')
				exit $((${#words[mine]} / 1000))
			) &
			pids[i]=$!
		done
		for i in {1..20}; do
			wait "${pids[i]}"
			echo "child $i: $?"
		done
		f() { local depth=$1; [ "$depth" -eq 0 ] && { echo bottom; return; }; f $((depth - 1)); }
		f 200
		while read -r a b; do echo "$b-$a"; done < <(seq 200 | paste - -) | sort | md5sum
		mapfile -t lines <<<"$(seq 5000)"
		echo "${#lines[@]} ${lines[4999]//9/nine}"
		printf '%s\n' "${!words[@]}" | sort | tail -n 1 | tr a-z A-Z
		trap 'echo caught' USR1
		kill -USR1 $$
		exec echo "${BASH_VERSINFO[0]}"
	SCRIPT
	under bash script
}

perl_script()
{
	cat >script <<-'SCRIPT'
		use strict;
		my (%h, @a);
		for my $i (1 .. 60000) {
			$h{"key$i"} = { n => $i, list => [1 .. $i % 7], text => "x" x ($i % 300) };
			delete $h{"key" . int($i / 2)} if $i % 3 == 0;
		}
		my ($n, $sum) = (0, 0);
		for my $k (sort keys %h) { $n++; $sum += $h{$k}{n} * @{$h{$k}{list}} + length $h{$k}{text}; }
		print "$n $sum\n";
		my $text = join " ", map { "w" . $_ * 7919 % 1000 } 1 .. 50000;
		my %count;
		$count{$1}++ while $text =~ /(\w+)/g;
		print join(",", map { "$_=$count{$_}" } (sort keys %count)[0 .. 20]), "\n";
		(my $other = $text) =~ s/(\d)(\d)/$2$1/g;
		print unpack("%32C*", $other), "\n";
		for my $c (1 .. 10) {
			my $pid = fork;
			if (!$pid) { %h = (); @a = map { "a" x $_ } 1 .. 2000; exit $c; }
			waitpid $pid, 0;
			print "child ", $? >> 8, "\n";
		}
		my $x = "a";
		$x .= $x for 1 .. 22;
		print length $x, "\n";
		print eval { die { code => 42 } } || $@->{code}, "\n";
	SCRIPT
	under perl script
}

python=python3
for candidate in /usr/bin/python3 python3; do
	if "$candidate" -c 'import test.test_json, test.test_asyncio' 2>/dev/null; then
		python=$candidate has_tests=true
		break
	fi
done

# On a busy machine some of its tests fail at times, whatever the malloc: -w runs those once more. Jobs of
# a script are deaf to SIGINT, which test_threading sends.
#
# Those of test_asyncio have a process of their own. test_threading leaves a function behind that traces each
# thread from then on, and Python 3.11.2 never leaves the beginning of a function that is traced while a
# signal waits for the main thread (Python/ceval.c: DO_TRACING, of RESUME, goes to handle_eval_breaker and
# comes back to the same instruction). The main thread waited for that thread, with any malloc, as soon as
# SIGCHLD came at such a moment.
#
# In hard mode those of interpreters within one process are left out, too. Python 3.11.2 frees an interpreter
# while a thread that ends still reads it (Python/ceval_gil.h, drop_gil, behind MUTEX_UNLOCK); its
# memory is a run, which hard mode closes.
python_tests()
{
	local status left_out=()
	[ "$mode" != hard ] || left_out+=(--ignore '*SubinterpThreadingTests*')
	under env --default-signal=INT,QUIT PYTHONDONTWRITEBYTECODE=1 "$python" -m test -w \
		--timeout 400 "${left_out[@]}" --tempdir "$PWD" "$@" >log 2>&1
	status=$?
	[ "$status" -eq 0 ] || grep -aE '^(FAIL|ERROR|Fatal|Timeout|  File)' log
	return "$status"
}

python_tests_own()
{
	python_tests test_json test_threading && python_tests test_asyncio
}

python_tests_malloc()
{
	export PYTHONMALLOC=malloc
	python_tests test_json test_threading
}

python_script()
{
	cat >script <<-'SCRIPT'
		import collections, concurrent.futures, json, os, re, subprocess, sys, zlib
		data = {str(i): list(range(i % 50)) for i in range(20000)}
		text = json.dumps(data)
		print(len(text), zlib.crc32(text.encode()), json.loads(text) == data)
		def work(n):
		    kept = [bytes(i % 5000) for i in range(3000)]
		    return zlib.crc32(b"".join(kept) + str(n).encode())
		with concurrent.futures.ThreadPoolExecutor(8) as pool:
		    print(list(pool.map(work, range(64))))
		for i in range(8):
		    pid = os.fork()
		    if pid == 0:
		        data.clear()
		        os._exit(i)
		    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
		print(subprocess.run([sys.executable, "-c", "print(sum(range(10 ** 6)))"],
		                     capture_output=True, text=True).stdout)
		print(2 ** 5000 % 10 ** 50, collections.Counter(re.findall("[0-9]", text)).most_common(3))
	SCRIPT
	under env PYTHONMALLOC=malloc "$python" script
}

redis()
{
	local ask=(redis-cli -s "$PWD/socket") i
	serve redis-server --port 0 --unixsocket "$PWD/socket" --save '' --dir "$PWD" --appendonly no \
		--enable-debug-command local
	await_aloud "${ask[@]}" ping || return
	all_have_it
	redis-benchmark -s "$PWD/socket" -q -n 20000 -r 10000 -P 16 \
		-t set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset \
		>benchmark 2>&1 || return
	tr '\r' '\n' <benchmark | grep -c 'requests per second, p50='
	"${ask[@]}" flushall
	seq 40000 | awk '{ print "SET key:" $1 % 9000, "value-" $1 * 7919 % 100003
		print "RPUSH list:" $1 % 100, $1
		print "HSET hash:" $1 % 500, "f" $1 % 37, $1
		print "APPEND text:" $1 % 50, "some text " $1
		print "ZADD z", $1 * 7919 % 10007, "m" $1 % 2000
		if ($1 % 3 == 0) print "DEL key:" $1 % 4500 }' | "${ask[@]}" >/dev/null
	"${ask[@]}" dbsize
	"${ask[@]}" debug digest
	"${ask[@]}" bgsave >/dev/null
	for ((i = 0; i < 200; i++)); do
		"${ask[@]}" info persistence | grep -q 'rdb_bgsave_in_progress:0' && break
		sleep 0.05
	done
	"${ask[@]}" info persistence | tr -d '\r' | grep -E 'rdb_last_bgsave_status'
	"${ask[@]}" debug reload
	"${ask[@]}" debug digest
	"${ask[@]}" memory purge
	"${ask[@]}" shutdown nosave
	served
}

sqlite()
{
	awk 'BEGIN { for (i = 1; i <= 100000; i++)
		printf "%d,name %d,%d,%.3f\n", i, i * 7919 % 10007, i % 977, i / 7 }' >rows.csv
	cat >queries <<-'SQL'
		create table rows(id integer primary key, name text, bucket int, value real);
		.mode csv
		.import rows.csv rows
		select count(*), sum(bucket), round(avg(value), 3) from rows;
		create index by_name on rows(name, bucket);
		select bucket, count(*), max(name) from rows group by bucket order by 2 desc, 1 limit 5;
		select a.id, b.id from rows a join rows b on a.name = b.name and a.id < b.id
			order by a.id, b.id limit 5;
		update rows set name = name || '!' where bucket % 2 = 0;
		delete from rows where id % 3 = 0;
		select name, row_number() over (partition by bucket order by id) from rows
			order by id desc limit 5;
		with recursive c(n) as (select 1 union all select n + 1 from c where n < 20000)
			select length(group_concat(n)) from c;
		vacuum;
		pragma integrity_check;
		select json_group_array(id) from (select id from rows order by name limit 10);
	SQL
	under sqlite3 rows.db <queries
}

gcc_large()
{
	awk 'BEGIN {
		print "#include <stdio.h>\n#include <string.h>\nstruct s { int a, b; double d; char t[24]; };"
		for (i = 0; i < 1200; i++)
			printf "int f%d(struct s *s, int n) { int sum = %d; for (int i = 0; i < n; i++) { " \
				"s[i].a += i * %d %% (s[i].b | 1); s[i].d *= 1.%d; " \
				"switch (s[i].a & 7) { case 1: sum += s[i].b; break; case 3: " \
				"sum ^= (int)strlen(s[i].t); break; case 5: s[i].t[%d] = (char)sum; } } " \
				"return sum%s; }\n", i, i, i * 7919 % 1009, i, i % 24,
				i ? " + f" (i - 1) "(s, n - 1)" : ""
		print "int main(void) { struct s s[9] = {0}; printf(\"%d\\n\", f1199(s, 9)); }" }' >large.c
	under gcc -O2 -g -c large.c -o large.o || return
	md5sum large.o
	under gcc large.o -o large || return
	./large
}

nginx_server()
{
	local port i
	port=$(free_port)
	mkdir -p root logs
	for i in 1 10 100 1000; do
		head -c $((i * 1000)) /dev/zero | tr '\0' x >"root/$i"
	done
	cat >conf <<-CONF
		daemon off;
		worker_processes 2;
		pid $PWD/pid;
		error_log $PWD/logs/error;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path $PWD/body;
			proxy_temp_path $PWD/proxy;
			fastcgi_temp_path $PWD/fastcgi;
			uwsgi_temp_path $PWD/uwsgi;
			scgi_temp_path $PWD/scgi;
			gzip on;
			gzip_types text/plain;
			default_type text/plain;
			server {
				listen 127.0.0.1:$port;
				root $PWD/root;
				location /back/ { proxy_pass http://127.0.0.1:$port/; }
				location /hello { return 200 "hello"; }
			}
		}
	CONF
	serve nginx -p "$PWD" -e "$PWD/logs/error" -c "$PWD/conf"
	await_aloud curl -sf "http://127.0.0.1:$port/hello" || return
	all_have_it
	for i in 1 10 back/100 1000; do
		curl -s --compressed "http://127.0.0.1:$port/$i" | md5sum
	done
	if has wrk; then
		for i in hello 10 back/100; do
			wrk -t 1 -c 30 -d 2s -H 'Accept-Encoding: gzip' "http://127.0.0.1:$port/$i" \
				>"wrk" || return
			grep -E 'Non-2xx|Socket errors' wrk
		done
	else
		for ((i = 0; i < 300; i++)); do
			curl -s "http://127.0.0.1:$port/back/10" | md5sum
		done | uniq
	fi
	kill -HUP "$(cat pid)"
	sleep 0.5
	curl -s "http://127.0.0.1:$port/10" | md5sum
	all_have_it
	grep -aE 'alert|emerg|exited on signal' logs/error
	kill -QUIT "$(cat pid)"
	served
}

postgres_bin=$(find /usr/lib/postgresql/*/bin -name initdb -printf '%h\n' 2>/dev/null | tail -n 1)
postgres()
{
	local ask i
	if [ "$(id -u)" -eq 0 ]; then
		user=postgres
		serve_as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
		chown postgres .
	fi
	ask=("${serve_as[@]}" "$postgres_bin/psql" -h "$PWD" -d postgres -qAt)
	under "$postgres_bin/initdb" -D data -A trust --no-sync >initdb.log || return
	serve "$postgres_bin/postgres" -D "$PWD/data" -c listen_addresses= -c fsync=off \
		-c "unix_socket_directories=$PWD" -c max_connections=20 -c autovacuum_naptime=1s
	await_aloud "${ask[@]}" -c 'select 1' || return
	all_have_it
	"${serve_as[@]}" pgbench -h "$PWD" -i -q -s 3 postgres >pgbench.log 2>&1 || return
	"${serve_as[@]}" pgbench -h "$PWD" -n -c 6 -j 2 -T 6 postgres >pgbench.log 2>&1 || return
	grep -E 'number of failed|number of clients' pgbench.log
	"${ask[@]}" -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)
		and (select sum(tbalance) from pgbench_tellers) = (select sum(bbalance) from pgbench_branches)'
	"${ask[@]}" -c "select md5(string_agg(md5(n::text), '' order by n % 1000, n)) from generate_series(1, 200000) n" \
		-c 'select count(distinct (n * 7919) % 100003) from generate_series(1, 300000) n' \
		-c "select length(repeat('x', 30000000) || jsonb_agg(n)::text) from generate_series(1, 50000) n"
	"${ask[@]}" -c 'vacuum full analyze' -c 'select pg_reload_conf()'
	all_have_it
	grep -aE 'terminated by signal|PANIC' "$tmp"/err.*
	# plat passes signals on to what it runs.
	kill -INT "$(head -n 1 data/postmaster.pid)"
	served
}

node_script()
{
	cat >script.js <<-'SCRIPT'
		const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
		const zlib = require('zlib'), crypto = require('crypto'), cp = require('child_process');
		function churn(seed) {
			const hash = crypto.createHash('md5');
			let kept = [];
			for (let i = 0; i < 20000; i++) {
				const b = Buffer.alloc((i * 7919 + seed) % 9000, i & 255);
				if (i % 7 === 0) kept.push(b);
				if (kept.length > 300) kept = kept.filter((_, j) => j % 2);
				if (i % 100 === 0) hash.update(b);
				if (i % 1000 === 0) hash.update(zlib.inflateSync(zlib.deflateSync(b)));
			}
			return hash.digest('hex');
		}
		if (!isMainThread) {
			parentPort.postMessage(churn(workerData));
		} else {
			const found = [churn(0)];
			let n = 6;
			for (let i = 1; i <= 6; i++) {
				const w = new Worker(__filename, { workerData: i });
				w.on('message', m => { found[i] = m; });
				w.on('exit', code => {
					found[i] += code;
					if (--n === 0) {
						console.log(found.join('\n'));
						console.log(cp.execFileSync(process.execPath,
							['-p', 'new SharedArrayBuffer(1e6).byteLength']).toString());
					}
				});
			}
		}
	SCRIPT
	under node script.js
}

java_program()
{
	cat >Land.java <<-'JAVA'
		import java.nio.ByteBuffer;
		import java.util.*;
		import java.util.concurrent.*;
		import java.util.zip.*;

		public class Land {
			static long churn(int seed) throws Exception {
				List<ByteBuffer> kept = new ArrayList<>();
				CRC32 crc = new CRC32();
				for (int i = 0; i < 4000; i++) {
					ByteBuffer b = ByteBuffer.allocateDirect(1 + (i * 7919 + seed) % 20000);
					while (b.hasRemaining())
						b.put((byte) i);
					b.flip();
					if (i % 20 == 0)
						crc.update(b);
					kept.add(b);
					if (kept.size() > 200)
						kept.clear();
				}
				Deflater deflater = new Deflater();
				deflater.setInput(new byte[500_000]);
				deflater.finish();
				byte[] out = new byte[10_000];
				long n = deflater.deflate(out);
				deflater.end();
				return crc.getValue() + n;
			}

			public static void main(String[] args) throws Exception {
				ExecutorService pool = Executors.newFixedThreadPool(8);
				List<Future<Long>> all = new ArrayList<>();
				for (int i = 0; i < 16; i++) {
					int seed = i;
					all.add(pool.submit(() -> churn(seed)));
				}
				for (Future<Long> one : all)
					System.out.println(one.get());
				pool.shutdown();
				for (int i = 0; i < 200; i++) {
					Thread t = new Thread(() -> ByteBuffer.allocateDirect(100_000));
					t.start();
					t.join();
				}
				System.gc();
				Process p = new ProcessBuilder("echo", "a child").start();
				System.out.println(new String(p.getInputStream().readAllBytes()));
			}
		}
	JAVA
	under javac Land.java || return
	under java -Xmx256m -cp . Land
}

# The same as `under`, for a program that may have a malloc of its own in its executable: plat has to
# say that with status 3, and no other faults.
own_malloc_under()
{
	local status
	under "$@"
	status=$?
	if [ "$status" -eq 3 ] && grep -aqE "^plat run: peak .*, no faults$" "$tmp"/err.* &&
		grep -aq "^plat run: .*: did not end on plat's malloc: " "$tmp"/err.*; then
		echo ', beside its own malloc' >"$tmp/work/malloc-of-its-own"
		status=0
	fi
	return "$status"
}

chromium_page()
{
	cat >page.html <<-'PAGE'
		<!DOCTYPE html><title>page</title><body><p id=p>before</p><canvas id=c></canvas><script>
		let rows = [];
		for (let i = 0; i < 3000; i++) rows.push("<li>" + "x".repeat(i % 100) + i);
		const list = document.createElement("ul");
		list.innerHTML = rows.join("");
		document.body.append(list);
		c.getContext("2d").fillRect(0, 0, 50, 50);
		p.textContent = "after " + list.children.length + " " + c.toDataURL().length;
		list.remove();
		</script>
	PAGE
	mkdir home
	HOME=$PWD/home own_malloc_under chromium --headless --no-sandbox --disable-gpu --no-first-run \
		--disable-background-networking --disable-dev-shm-usage --user-data-dir="$PWD/home/data" \
		--virtual-time-budget=5000 --dump-dom "file://$PWD/page.html"
}

git_repository()
{
	local i
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a \
		GIT_COMMITTER_EMAIL=a@example.org GIT_CONFIG_NOSYSTEM=1 HOME=$PWD
	git init -q -b main one && cd one || return
	for i in {1..40}; do
		seq "$i" $((i * 100)) >"file$((i % 7))"
		mkdir -p "folder$((i % 3))"
		seq $((i * 1000)) >"folder$((i % 3))/n$i"
		git add .
		GIT_AUTHOR_DATE="$((1700000000 + i)) +0000" GIT_COMMITTER_DATE="$((1700000000 + i)) +0000" \
			git commit -q -m "commit $i"
	done
	cd .. || return
	under git clone -q --no-local "file://$PWD/one" two || return
	cd two || return
	under git repack -q -a -d -f --threads=4 --depth=20 --window=20 || return
	under git gc -q --aggressive --prune=now || return
	under git log --stat -p --format=%H%n%s | md5sum
	under git fsck --strict --full 2>&1 || return
	under git blame folder1/n40 | wc -l
	under git rev-list --objects --all | md5sum
	under git diff --stat HEAD~30 HEAD | tail -n 1
	under git grep -c 77 | md5sum
	under git archive HEAD | md5sum
}

tmux_session()
{
	local ask=(under tmux -L "plat-malloc-$$" -f /dev/null)
	export SHELL=/bin/sh HOME=$PWD TERM=xterm-256color PS1='$ ' ENV=
	serve tmux -L "plat-malloc-$$" -f /dev/null -D
	# What starts no server of its own.
	await_aloud tmux -L "plat-malloc-$$" show-options -g || return
	"${ask[@]}" new-session -d -x 80 -y 24 -s one "PS1='$ ' exec sh" || return
	all_have_it
	"${ask[@]}" split-window -d -v -t one "PS1='$ ' exec sh" || return
	"${ask[@]}" split-window -d -h -t one "PS1='$ ' exec sh"
	"${ask[@]}" send-keys -t one.0 'seq 3000 | tail -n 3; echo don''e' Enter
	await_aloud sh -c "tmux -L plat-malloc-$$ capture-pane -p -t one.0 | grep -q '^done'" || return
	"${ask[@]}" capture-pane -p -t one.0 | grep -v '^\$'
	"${ask[@]}" resize-pane -t one.0 -D 3
	"${ask[@]}" set-buffer -b b "$(seq 500)"
	"${ask[@]}" show-buffer -b b | md5sum
	"${ask[@]}" new-window -t one "seq 20; exec sleep 1000"
	"${ask[@]}" list-panes -a -F '#{window_index} #{pane_index} #{pane_current_command}' | wc -l
	"${ask[@]}" list-keys | md5sum
	"${ask[@]}" kill-session -t one
	"${ask[@]}" kill-server
	served
}

vim_edit()
{
	seq 3000 | sed 's/$/ some words that can be changed/' >text
	cat >commands <<-'VIM'
		%s/some \(\w\+\)/\1 some/g
		g/7/normal Aseven
		v/1/d
		sort! n
		let s = map(range(2000), 'v:val * 7919 % 1009')
		call append(0, join(sort(s, 'n')[0:50], ','))
		for i in range(50) | exe "normal ggyyGp" | endfor
		for i in range(30) | undo | endfor
		redo
		new
		put =range(100)
		w other
		bd
		syntax on
		wq
	VIM
	under vim -u NONE -i NONE -N -n -es -S commands text
	md5sum text other
}

program 'the status of a program' 30 status_is_passed_on
checked_too 'bash' 60 bash_script
checked_too 'perl' 60 perl_script "$(missing perl)"
no_tests="$(missing python3)"
[ -n "$no_tests" ] || ${has_tests:-false} || no_tests="there is no python3 that has its tests"
checked_too 'python3, a script, PYTHONMALLOC=malloc' 60 python_script "$(missing python3)"
program 'python3, its tests but one' 600 python_tests_own "$no_tests"
checked_too 'python3, its tests, PYTHONMALLOC=malloc' 600 python_tests_malloc "$no_tests"
checked_too 'redis-server' 180 redis "$(missing redis-server redis-benchmark redis-cli)"
checked_too 'sqlite3' 60 sqlite "$(missing sqlite3)"
checked_too 'gcc' 300 gcc_large "$(missing gcc)"
checked_too 'nginx' 90 nginx_server "$(missing nginx curl python3)"
no_postgres=$(missing pgbench setpriv)
[ -n "$postgres_bin" ] || no_postgres="there is no postgres"
program 'postgres' 180 postgres "$no_postgres"
program 'node' 120 node_script "$(missing node)"
program 'java and javac' 180 java_program "$(missing java javac)"
checked_too 'git' 120 git_repository "$(missing git)"
checked_too 'tmux' 60 tmux_session "$(missing tmux)"
checked_too 'vim' 60 vim_edit "$(missing vim)"
program 'chromium' 120 chromium_page "$(missing chromium)"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
