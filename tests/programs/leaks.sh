#!/bin/bash
# Asks plat leaks of real programs, as they are, and with a leak put in.
#
#   leaks.sh [--show] PLAT LIBRARY
#
# Programs as they are lose nothing. Those that losing.c makes lose blocks lose these and nothing else,
# and what is said of them names the cause by its size and text. Each runs on glibc's malloc and on
# LIBRARY, which is plat's; what has a malloc of its own that cannot be read, on the latter alone. --show
# prints what is said. One line a case; the last is "N passed, N failed, N skipped".
set -u

show=false
if [ "${1-}" = --show ]; then
	show=true
	shift
fi
if [ $# -ne 2 ] || [ ! -x "$1" ]; then
	echo "usage: leaks.sh [--show] PLAT LIBRARY" >&2
	exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
plat=$(realpath "$1")
library=$(realpath "$2")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/plat-leaks.XXXXXX") || exit 1
# shellcheck source=tests/programs/processes.sh
. "$here/processes.sh"
chmod 755 "$tmp" # nginx looks into it as somebody without rights
unset MALLOC_PERTURB_ MALLOC_ARENA_MAX GLIBC_TUNABLES PYTHONMALLOC
cd "$tmp" || exit 1

# ask NAME PID LEAST [TEXT]: nothing is lost where LEAST is 0; else so many blocks or more, and TEXT is said.
ask()
{
	local name=$1 pid=$2 least=$3 text=${4-} status count
	"$plat" leaks --ascii "$pid" >said 2>errors
	status=$?
	count=$("$plat" leaks --json "$pid" 2>>errors | jq '.leaks | length')
	! $show || sed "s/^/      /" said
	if [ "$least" -eq 0 ] && [ "$status" -eq 0 ]; then
		ok "$name: nothing is lost"
	elif [ "$least" -gt 0 ] && [ "$status" -eq 1 ] && [ "${count:-0}" -ge "$least" ] && grep -qF -- "$text" said; then
		ok "$name: $count blocks are lost, '$text' among them"
	else
		failed=$((failed + 1))
		printf 'FAIL  %s: status %s, %s blocks\n' "$name" "$status" "${count:-no}"
		sed 's/^/      /' said errors
	fi
}

# preload LIBRARY OTHER: what goes into LD_PRELOAD; each may be empty.
preload()
{
	echo "$1${1:+${2:+:}}$2"
}

# begin COMMAND...: in a session of its own, with an input that stays open as 8; sets pid.
begin()
{
	rm -f input
	mkfifo input
	exec 8<>input
	: >output
	setsid "$@" <input >output 2>&1 7>&- 8>&- &
	pid=$!
	started+=("$pid")
}

# Each on both allocators: `malloc` is its name, `own` what it needs in LD_PRELOAD.
python()
{
	has python3 || { skip "python3 on $malloc" 'it is not there'; return; }
	local words='import ctypes, json, re, sqlite3, ssl, sys
d = {i: [str(i)] for i in range(20000)}
r = [re.compile("a%d(b|c)*" % i) for i in range(50)]
j = json.loads(json.dumps(d))
c = sqlite3.connect(":memory:")
c.execute("create table t(a)")
c.executemany("insert into t values(?)", [(i,) for i in range(2000)])
'
	local end='
print("ready", flush=True)
sys.stdin.read()'
	local way
	for way in default malloc; do
		begin env LD_PRELOAD="$own" PYTHONMALLOC=$way /usr/bin/python3 -c "$words$end"
		await grep -q ready output && ask "python3, $way, on $malloc" "$pid" 0
		end_all
	done
	begin env LD_PRELOAD="$own" /usr/bin/python3 -c "$words
m = ctypes.CDLL(None)
m.malloc.restype = ctypes.c_void_p
for i in range(100):
    m.strcpy(ctypes.c_void_p(m.malloc(1000)), b'lost by ctypes')
$end"
	await grep -q ready output && ask "python3 with a leak on $malloc" "$pid" 90 'lost by ctypes'
	end_all
}

sqlite()
{
	has sqlite3 || { skip "sqlite3 on $malloc" 'it is not there'; return; }
	local words='create table t(a, b);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into t select i, hex(randomblob(20)) from n;
create index x on t(b);
select "ready" || (count(*) > 0) from t where b like "A%";'
	begin env LD_PRELOAD="$own" sqlite3
	echo "$words" >&8
	await grep -q ready output && ask "sqlite3 on $malloc" "$pid" 0
	end_all
	[ -e losing-sqlite.so ] || { skip "sqlite3 with a leak on $malloc" 'its headers are not there'; return; }
	begin env LD_PRELOAD="$own" sqlite3
	printf '%s\n' "select load_extension('$tmp/losing-sqlite.so', 'sqlite3_losing_init');" \
		'create table l(a); with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) insert into l select lose() from n;' \
		"$words" >&8
	await grep -q ready output && ask "sqlite3 with a leak on $malloc" "$pid" 495 'lost by sqlite'
	end_all
}

nginx()
{
	if ! has nginx || ! has curl; then
		skip "nginx on $malloc" 'it or curl is not there'
		return
	fi
	local losing worker
	mkdir -p www
	echo hello >www/index.html
	for losing in '' "$tmp/losing.so"; do
		rm -f nginx.sock
		cat >nginx.conf <<-EOF
			daemon off; worker_processes 1; pid $tmp/nginx.pid; error_log stderr;
			events { }
			http { access_log off; client_body_temp_path $tmp/b; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f;
			uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
			server { listen unix:$tmp/nginx.sock; location / { root $tmp/www; } } }
		EOF
		begin env LD_PRELOAD="$(preload "$losing" "$own")" nginx -p "$tmp" -c "$tmp/nginx.conf"
		if ! await curl -sf --unix-socket nginx.sock http://x/index.html; then
			skip "nginx on $malloc" 'it does not begin'
			end_all
			return
		fi
		for _ in {1..50}; do
			curl -s --unix-socket nginx.sock http://x/index.html >/dev/null
		done
		worker=$(pgrep -P "$pid" | head -n 1)
		if [ -z "$losing" ]; then
			ask "nginx on $malloc" "$worker" 0
		else
			ask "nginx with a leak on $malloc" "$worker" 30 'lost by accept4'
		fi
		end_all
	done
}

redis()
{
	if ! has redis-server || ! has redis-cli; then
		skip "redis on $malloc" 'it is not there'
		return
	fi
	# Debian's has jemalloc, unless there is something before it.
	[ -n "$own" ] || { skip "redis on $malloc" 'its own is jemalloc'; return; }
	local losing
	for losing in '' "$tmp/losing.so"; do
		begin env LD_PRELOAD="$(preload "$losing" "$own")" redis-server --port 0 --unixsocket "$tmp/redis.sock" --save ''
		await redis-cli -s redis.sock ping || { skip "redis on $malloc" 'it does not begin'; end_all; return; }
		redis-cli -s redis.sock debug populate 20000 >/dev/null
		for _ in {1..50}; do
			redis-cli -s redis.sock lpush list a b c >/dev/null
		done
		if [ -z "$losing" ]; then
			ask "redis on $malloc" "$pid" 0
		else
			ask "redis with a leak on $malloc" "$pid" 45 'lost by accept'
		fi
		end_all
	done
}

# is_reading PID FILE: it has opened it.
is_reading()
{
	# shellcheck disable=SC2010 # names of links are ours
	ls -l "/proc/$1/fd" 2>/dev/null | grep -q "$2\$"
}

compiler()
{
	local cc1 losing
	cc1=$(gcc -print-prog-name=cc1 2>/dev/null)
	[ -x "$cc1" ] || { skip "cc1 on $malloc" 'it is not there'; return; }
	for losing in '' "$tmp/losing.so"; do
		rm -f rest.h
		mkfifo rest.h
		exec 7<>rest.h
		{
			printf '#include <%s.h>\n' stdio stdlib string math time unistd pthread
			for i in {1..300}; do
				printf 'int f%d(int x) { return x * %d + f%d(x); }\n' "$i" "$i" "$((i > 1 ? i - 1 : 1))"
			done
			# It waits for this, in the middle of its work.
			echo '#include "rest.h"'
		} >input.c
		begin env LD_PRELOAD="$(preload "$losing" "$own")" "$cc1" -quiet -O2 -o /dev/null input.c
		await is_reading "$pid" rest.h
		[ -n "$losing" ] || ask "gcc's cc1 on $malloc" "$pid" 0
		[ -z "$losing" ] || ask "gcc's cc1 with a leak on $malloc" "$pid" 100 'lost by '
		end_all
		exec 7>&-
	done
}

gcc -shared -fPIC -O2 -D_GNU_SOURCE "$here/losing.c" -o losing.so || exit 1
gcc -shared -fPIC -O2 -D_GNU_SOURCE -DWITH_SQLITE "$here/losing.c" -o losing-sqlite.so 2>/dev/null
for own in '' "$library"; do
	malloc=${own:+"plat's malloc"}
	malloc=${malloc:-"glibc's malloc"}
	python
	sqlite
	nginx
	redis
	compiler
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
