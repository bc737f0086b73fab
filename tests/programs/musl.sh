#!/bin/bash
# Reads heaps of other versions of musl's malloc: oldmalloc of 1.1.9 to 1.1.24, mallocng of 1.2.2 to 1.2.5.
#
#   musl.sh [--rounds N] HEAP-READER-MUSL PLAT
#
# The packages of musl are fetched from Debian and Ubuntu, unpacked into a folder that goes again, and
# nothing of them is installed. tests/prop/heap/worker.c is linked with each, dynamically and statically,
# and judged: each of its blocks is there when it is stopped, with its size, and nothing else. Then redis,
# nginx, lua and minigzip are built with musl-gcc from Debian's sources, run with each of these C libraries,
# and every proof of plat heap must hold; what redis says that it uses must be among what is live.
# One line a case; the last is "N passed, N failed, N skipped".
set -u

rounds=10
if [ "${1-}" = --rounds ]; then
	rounds=$2
	shift 2
fi
if [ $# -ne 2 ] || [ ! -x "$1" ] || [ ! -x "$2" ]; then
	echo "usage: musl.sh [--rounds N] HEAP-READER-MUSL PLAT" >&2
	exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
judge=$(realpath "$1") plat=$(realpath "$2")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/plat-musl.XXXXXX") || exit 1
# shellcheck source=tests/programs/processes.sh
. "$here/processes.sh"
unset MALLOC_PERTURB_

debian=http://deb.debian.org/debian/pool/main
ubuntu=http://archive.ubuntu.com/ubuntu/pool/universe/m/musl
# Word size, mirror, version, architecture; musl and musl-dev have the same.
packages="
64 $ubuntu 1.1.9-1 amd64
64 $ubuntu 1.1.19-1 amd64
64 $ubuntu 1.1.24-1 amd64
64 $debian/m/musl 1.2.2-1 amd64
64 $debian/m/musl 1.2.3-1 amd64
64 $ubuntu 1.2.4-2 amd64
64 $debian/m/musl 1.2.5-3 amd64
32 $ubuntu 1.1.9-1 i386
32 $ubuntu 1.1.19-1 i386
32 $debian/m/musl 1.2.2-1 i386
32 $debian/m/musl 1.2.3-1 i386"

# fail NAME FILE: with the end of what was said.
fail()
{
	failed=$((failed + 1))
	printf 'FAIL  %s\n' "$1"
	tail -n 5 "$2" | sed 's/^/      /'
}

fetch()
{
	curl -sf --max-time 120 -o "$2" "$1"
}

# --- The C libraries ---

# get MIRROR VERSION ARCHITECTURE FOLDER: sets include, objects and loader.
get()
{
	local package
	for package in musl musl-dev; do
		fetch "$1/${package}_$2_$3.deb" "$tmp/deb" && dpkg-deb -x "$tmp/deb" "$4" || return
	done
	include=$(dirname "$(find "$4" -path '*/include/*/stdlib.h' | head -n 1)")
	objects=$(dirname "$(find "$4" -name crt1.o | head -n 1)")
	loader=$(find "$4" -name libc.so -type f | head -n 1)
	[ -n "$include" ] && [ -n "$objects" ] && [ -n "$loader" ]
}

# link BITS KIND: the worker; its dynamic linker is what stands in `loader`, by its own path.
link()
{
	local libc=("$loader" "-Wl,-dynamic-linker,$loader")
	[ "$2" = dynamic ] || libc=(-static "$objects/libc.a")
	gcc "-m$1" -std=gnu17 -O2 -D_GNU_SOURCE -no-pie -nostdinc -nostdlib -isystem "$include" \
		-isystem "$(gcc -print-file-name=include)" "$objects/crt1.o" "$objects/crti.o" \
		"$here/../prop/heap/worker.c" "${libc[@]}" -lgcc "$objects/crtn.o" \
		-o "$tmp/worker" >"$tmp/said" 2>&1
}

judge_worker()
{
	local name=$1 threads
	for threads in 1 8; do
		if timeout 600 "$judge" --workers 2 --rounds "$rounds" --threads "$threads" \
			"$tmp/worker" >"$tmp/said" 2>&1; then
			ok "$name, $threads threads"
		else
			fail "$name, $threads threads" "$tmp/said"
		fi
	done
}

# --- Real programs ---

sources="
$debian/r/redis/redis_7.0.15.orig.tar.gz
$debian/n/nginx/nginx_1.22.1.orig.tar.gz
$debian/l/lua5.4/lua5.4_5.4.4.orig.tar.gz
$debian/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2"

# Whose dynamic linker is this one: a link that leads to one C library after the other.
interpreter=$tmp/interpreter

build_redis()
{
	# What musl lacked before 1.1.22.
	echo 'int pthread_setname_np(void *thread, const char *name) { return !thread && !name; }' \
		>name.c && musl-gcc -c name.c -o "$tmp/name.o" &&
	# The bundled parts first, so that their own flags are theirs.
	make -s -j2 -C deps CC=musl-gcc hiredis linenoise lua hdr_histogram &&
		make -s -j2 -C src CC=musl-gcc MALLOC=libc OPTIMIZATION=-O1 \
			LDFLAGS="$tmp/name.o -Wl,--dynamic-linker=$interpreter" redis-server redis-cli &&
		cp src/redis-server src/redis-cli "$tmp/bin"
}

build_nginx()
{
	# What some packages of musl lack; nothing is encrypted here.
	mkdir include && echo 'char *crypt(const char *, const char *);' >include/crypt.h &&
		./configure --with-cc=musl-gcc --with-cc-opt="-I$PWD/include" \
		--without-http_rewrite_module --without-http_gzip_module --without-http_auth_basic_module \
		--with-ld-opt="-Wl,--dynamic-linker=$interpreter" --prefix="$tmp/nginx" &&
		make -s -j2 && cp objs/nginx "$tmp/bin"
}

build_lua()
{
	make -s -j2 -C src CC=musl-gcc MYLDFLAGS="-Wl,--dynamic-linker=$interpreter" lua &&
		cp src/lua "$tmp/bin"
}

build_zlib()
{
	CC=musl-gcc ./configure --static && make -s minigzip CC=musl-gcc \
		LDFLAGS="-L. libz.a -Wl,--dynamic-linker=$interpreter" && cp minigzip "$tmp/bin"
}

build()
{
	local url name
	mkdir "$tmp/bin"
	ln -s "/lib/ld-musl-$(uname -m).so.1" "$interpreter" # what configure builds is run
	for url in $sources; do
		name=$(basename "$url")
		name=${name%%[_0-9]*}
		rm -rf "$tmp/source" && mkdir "$tmp/source"
		if ! fetch "$url" "$tmp/archive" ||
			! tar -xf "$tmp/archive" -C "$tmp/source" --strip-components 1; then
			skip "$name" 'its source cannot be had'
		elif ! (cd "$tmp/source" && "build_$name") >"$tmp/said" 2>&1; then
			skip "$name" "it cannot be built: $(grep -m 1 -i error "$tmp/said")"
		fi
	done
	rm -rf "$tmp/source"
}

# begin COMMAND...: in a session of its own; its input never ends.
begin()
{
	setsid "$@" <&9 >"$tmp/out" 2>&1 &
	started+=($!)
}

# Whether a program of this name reads from its standard input by now, and does nothing else.
reads()
{
	[ "$(cat "/proc/$2/comm")" = "$1" ] && grep -qE '^[0-9]+ 0x0 ' "/proc/$2/syscall"
}

# check NAME PID
check()
{
	if timeout 120 python3 "$here/heap_check.py" "$plat" "$2" >"$tmp/said" 2>&1 &&
		grep -q '^musl ' "$tmp/said"; then
		ok "$1: $(cat "$tmp/said")"
	else
		fail "$1" "$tmp/said"
	fi
}

# blocks_of OPERAND: all blocks, without what a core does not tell.
blocks_of()
{
	"$plat" heap --json --blocks --state all "$1" 2>/dev/null | python3 -c '
import json, sys
for block in map(json.loads, sys.stdin):
    print(*(block[key] for key in ("addr", "size", "extent", "state", "class", "arena")))'
}

# check_core NAME PID: a core by gdb has the blocks that the process has.
check_core()
{
	if ! has gcore || ! gcore -o "$tmp/core" "$2" >/dev/null 2>&1; then
		skip "$1, its core" 'gcore does not make one'
		return
	fi
	blocks_of "$2" >"$tmp/live"
	blocks_of "$tmp/core.$2" >"$tmp/dead"
	if [ -s "$tmp/live" ] && cmp "$tmp/live" "$tmp/dead" >"$tmp/said" 2>&1; then
		ok "$1, its core: $(wc -l <"$tmp/live") blocks"
	else
		fail "$1, its core" "$tmp/said"
	fi
	rm -f "$tmp/core.$2"
}

redis()
{
	"$tmp/bin/redis-cli" -s "$tmp/redis.sock" "$@"
}

# What redis adds up itself is at most what is live; the rest is lua's and libc's, and what oldmalloc rounds
# up: a word on average and half a grain, of which there are four words.
check_used()
{
	local used live blocks
	used=$(redis info memory | sed -n 's/^used_memory:\([0-9]*\).*/\1/p')
	read -r live blocks < <("$plat" heap --json --stop "$2" 2>/dev/null | python3 -c '
import json, sys
totals = json.load(sys.stdin)["totals"]
print(totals["live_bytes"], totals["live_blocks"])')
	echo "redis says that it uses $used bytes; $live are live in $blocks blocks" >"$tmp/said"
	if [ "$used" -le "$live" ] && [ $((live - used)) -lt $((24 * blocks + 300000)) ]; then
		ok "$1: $(cat "$tmp/said")"
	else
		fail "$1" "$tmp/said"
	fi
}

run_redis()
{
	begin "$tmp/bin/redis-server" --port 0 --unixsocket "$tmp/redis.sock" --save '' --dir "$tmp" \
		--enable-debug-command local
	if ! await redis ping; then
		skip "$1, redis" "it does not start: $(tail -n 1 "$tmp/out")"
		return
	fi
	redis debug populate 100000 key 100 >"$tmp/said"
	redis eval 'for i = 1, 3000 do redis.call("hset", "h" .. i % 50, i, ("x"):rep(i % 900)) end' 0 \
		>"$tmp/said"
	redis eval 'for i = 1, 60000, 3 do redis.call("del", "key:" .. i) end' 0 >"$tmp/said"
	check "$1, redis" "${started[-1]}"
	check_used "$1, redis" "${started[-1]}"
}

run_nginx()
{
	local worker
	mkdir -p "$tmp/nginx/logs"
	echo "daemon off; user root; worker_processes 1; events { worker_connections 512; }
		http { server { listen unix:$tmp/nginx.sock; location / { empty_gif; } } }" \
		>"$tmp/nginx/conf"
	rm -f "$tmp/nginx.sock"
	begin "$tmp/bin/nginx" -p "$tmp/nginx" -c "$tmp/nginx/conf"
	if ! await curl -sf --unix-socket "$tmp/nginx.sock" http://here/; then
		skip "$1, nginx" "it does not start: $(tail -n 1 "$tmp/out")"
		return
	fi
	worker=$(pgrep -P "${started[-1]}" | head -n 1)
	check "$1, nginx" "${started[-1]}"
	check "$1, nginx's worker" "$worker"
}

run_lua()
{
	begin "$tmp/bin/lua" -e '
		local t = {}
		for i = 1, 200000 do t[i % 30000] = { i, tostring(i):rep(i % 40) } end
		io.read()'
	if await reads lua "${started[-1]}"; then
		check "$1, lua" "${started[-1]}"
		check_core "$1, lua" "${started[-1]}"
	else
		skip "$1, lua" "it does not start: $(tail -n 1 "$tmp/out")"
	fi
}

run_minigzip()
{
	begin "$tmp/bin/minigzip"
	if await reads minigzip "${started[-1]}"; then
		check "$1, minigzip" "${started[-1]}"
	else
		skip "$1, minigzip" "it does not start: $(tail -n 1 "$tmp/out")"
	fi
}

# run_programs NAME: with the C library that `loader` is.
run_programs()
{
	local program
	ln -sfn "$loader" "$interpreter"
	for program in "$tmp"/bin/*; do
		program=$(basename "$program")
		[ "$program" = redis-cli ] || [ ! -x "$tmp/bin/$program" ] || "run_${program%-server}" "$1"
		end_all
	done
}

mkfifo "$tmp/never"
exec 9<>"$tmp/never" # a standard input that never ends
if has musl-gcc; then
	build
else
	skip 'real programs' 'there is no musl-gcc'
	mkdir "$tmp/bin"
fi
while read -r bits mirror version architecture; do
	[ -n "$bits" ] || continue
	name="musl $version $architecture"
	if ! get "$mirror" "$version" "$architecture" "$tmp/libc"; then
		skip "$name" 'it cannot be had'
	else
		for kind in dynamic static; do
			if link "$bits" "$kind"; then
				judge_worker "$name, $kind"
			else
				skip "$name, $kind" "no program can be linked with it: $(head -n 1 "$tmp/said")"
			fi
		done
		[ "$bits" != 64 ] || run_programs "$name"
	fi
	rm -rf "$tmp/libc"
done <<<"$packages"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
