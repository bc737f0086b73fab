#!/bin/bash
# Compares what plat headroom foretells of real processes with what is granted to them.
#
#   headroom.sh [--quick] PLAT TOWN
#
# Every process is looked at with --verify: a probe that has the same space must get as far, to the
# page. A grower (grower.c) besides grows itself afterwards, and says how far it got. --quick leaves
# out what is large or seldom installed.
#
# One line for each case: ok, FAIL with what differs, or skip with the reason; the last line is
# "N passed, N failed, N skipped". Nothing of the system is used or left.
set -u

quick=false
if [ "${1-}" = --quick ]; then
	quick=true
	shift
fi
if [ $# -ne 2 ]; then
	echo "usage: headroom.sh [--quick] PLAT TOWN" >&2
	exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
plat=$(realpath "$1") town=$(realpath "$2")
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8
unset DISPLAY MALLOC_ARENA_MAX

tmp=$(mktemp -d "${TMPDIR:-/tmp}/plat-headroom.XXXXXX") || exit 1
# shellcheck source=tests/programs/processes.sh
. "$here/processes.sh"
chmod 755 "$tmp"
mkdir "$tmp/bin"

fail()
{
	failed=$((failed + 1))
	printf 'FAIL  %s\n' "$1"
	printf '%s\n' "${@:2}" | sed 's/^/      /'
}

# start COMMAND...: in the background, with a standard input that descriptor 8 writes to; sets pid.
start()
{
	rm -f "$tmp/in"
	mkfifo "$tmp/in"
	exec 8<>"$tmp/in"
	: >"$tmp/out"
	setsid "$@" <"$tmp/in" >"$tmp/out" 2>"$tmp/err" 8>&- &
	started+=("$!")
	pid=$!
}

# agrees [TRUTH]: the document in $tmp/json says that predicted and probed are equal; and what a
# grower has said in the file TRUTH is the same. Prints what is not.
agrees()
{
	python3 - "$tmp/json" "$@" <<-'PYTHON'
	import json, sys
	answers = json.load(open(sys.argv[1]))["headroom"]
	bad = []
	for a in answers:
	    for key in ("bytes", "count"):
	        if a.get(key) != a.get("probed_" + key) and a.get("probed_" + key, 0) is not None:
	            bad.append(f"{a['what']}: {a[key]} foretold, {a['probed_' + key]} probed")
	if len(sys.argv) > 2:
	    told = {a["what"] + (" " + a["at"] if a["what"] == "stack" else ""):
	            a["count"] if a["what"] == "threads" else a["bytes"] for a in answers}
	    for line in open(sys.argv[2]):
	        what, got = line.rsplit(maxsplit=1)
	        if what != "ready" and told.pop(what, None) != int(got):
	            bad.append(f"{what}: it got {got}")
	    bad += [f"{what}: {told[what]} foretold, but it said nothing" for what in told]
	print("\n".join(bad))
	sys.exit(bool(bad))
	PYTHON
}

# verify NAME PID
verify()
{
	local name=$1 output code
	timeout 120 "$plat" headroom --verify --json "$2" >"$tmp/json" 2>"$tmp/complaint"
	code=$?
	if [ "$code" -gt 1 ]; then
		fail "$name" "exit $code: $(cat "$tmp/complaint")"
	elif output=$(agrees); then
		return 0
	else
		fail "$name" "$output"
	fi
	return 1
}

# process NAME COMMAND...: any program that prints "ready", and goes on.
process()
{
	local name=$1
	shift
	start "$@"
	if ! await grep -qa ready "$tmp/out"; then
		fail "$name" "it does not start: $(tail -n 3 "$tmp/err")"
	elif verify "$name" "$(sed -n 's/^ready \([0-9]*\)$/\1/p' "$tmp/out" | grep . || echo "$pid")"
	then
		ok "$name"
	fi
	end_all
}

# start_grower NAME COMMAND...: sets pid, and verifies it.
start_grower()
{
	local name=$1
	shift
	start "$@"
	if ! await grep -q '^ready ' "$tmp/out"; then
		fail "$name" "it does not start: $(tail -n 3 "$tmp/err")"
		return 1
	fi
	pid=$(sed -n 's/^ready //p' "$tmp/out")
	verify "$name" "$pid"
}

# grower NAME COMMAND...
grower()
{
	local name=$1 output
	if start_grower "$@"; then
		echo >&8
		await grep -q '^threads ' "$tmp/out"
		if output=$(agrees "$tmp/out"); then
			ok "$name"
		else
			fail "$name" "$output"
		fi
	fi
	end_all
}

# guessed NAME WORDS COMMAND...: a grower of which /proc does not tell all. The command must say so.
guessed()
{
	local name=$1 words=$2
	shift 2
	if start_grower "$name" "$@"; then
		if "$plat" headroom "$pid" | grep -qxF -e "- $words"; then
			skip "$name" "$words"
		else
			fail "$name" "it does not say: $words"
		fi
	fi
	end_all
}

# build NAME OUTPUT COMPILER...
build()
{
	local name=$1 output=$2 log
	shift 2
	if ! has "$1"; then
		skip "$name" "there is no $1"
		return 1
	fi
	log=$("$@" -O1 -o "$tmp/bin/$output" "$here/grower.c" 2>&1) && return
	skip "$name" "it does not build: $(printf '%s' "$log" | grep -m 1 -E 'error|cannot')"
	return 1
}

# with LIMITS COMMAND...: the words of a command that starts another under ulimit
with()
{
	# shellcheck disable=SC2016 # for the shell inside
	words=(bash -c 'ulimit $0 && exec "$@"' "$@")
}

if ! has python3; then
	skip "all programs" "there is no python3"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi

# --- Layouts and limits ---

layouts()
{
	local kind=$1 program=$2 option
	grower "$kind" "$program"
	if has setarch; then
		for option in -L -R '-L -R' -X; do
			# shellcheck disable=SC2086 # one option or two
			grower "$kind, setarch $option" setarch $option "$program"
		done
	fi
	with '-s unlimited' "$program"
	grower "$kind, ulimit -s unlimited" "${words[@]}"
	with '-s 512' "$program"
	grower "$kind, ulimit -s 512" "${words[@]}"
	with '-v 1000000' "$program"
	grower "$kind, ulimit -v 1000000" "${words[@]}"
	with '-d 100000' "$program"
	grower "$kind, ulimit -d 100000" "${words[@]}"
}

# What a process can do to its own space.
deeds()
{
	local kind=$1 program=$2 mode
	for mode in grows split moved low as=1000 as=300000000 data=0 data=50000000 stack=4096 \
		stack=1000000000; do
		grower "$kind, $mode" "$program" "$mode"
	done
	with '-s 65536' "$program" grows split
	grower "$kind, ulimit -s 65536, grows split" "${words[@]}"
}

# As somebody without capabilities.
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

locks()
{
	local kind=$1 program=$2
	grower "$kind, locked" "$program" locked
	if [ "$(id -u)" -eq 0 ] && has setpriv; then
		with '-l 6000' "${nobody[@]}" "$program" locked
		grower "$kind, ulimit -l 6000, locked, without capabilities" "${words[@]}"
		if has setarch; then
			with '-l 6000' setarch -L "${nobody[@]}" "$program" locked
			grower "$kind, setarch -L, ulimit -l 6000, locked, without capabilities" \
				"${words[@]}"
		fi
		grower "$kind, without capabilities" "${nobody[@]}" "$program"
	fi
}

ours()
{
	local multiarch
	multiarch="-idirafter /usr/include/$(gcc -print-multiarch 2>/dev/null)"
	if build "64-bit" grower gcc; then
		layouts "64-bit" "$tmp/bin/grower"
		deeds "64-bit" "$tmp/bin/grower"
		locks "64-bit" "$tmp/bin/grower"
		grower "64-bit, 65,500 mappings" "$tmp/bin/grower" many=65500
		grower "64-bit, as many mappings as can be" "$tmp/bin/grower" full
		has setarch && grower "64-bit, setarch -L, as many mappings as can be" \
			setarch -L "$tmp/bin/grower" full
	fi
	build "64-bit, static" static gcc -static && layouts "64-bit, static" "$tmp/bin/static"
	$quick && return
	build "64-bit, static-pie" static-pie gcc -static-pie &&
		layouts "64-bit, static-pie" "$tmp/bin/static-pie"
	build "64-bit, not position-independent" no-pie gcc -no-pie &&
		layouts "64-bit, not position-independent" "$tmp/bin/no-pie"
	build "musl" musl musl-gcc && layouts "musl" "$tmp/bin/musl"
	build "musl, static" musl-static musl-gcc -static &&
		layouts "musl, static" "$tmp/bin/musl-static"
	# shellcheck disable=SC2086 # words
	if build "32-bit" grower32 gcc -m32 $multiarch; then
		layouts "32-bit" "$tmp/bin/grower32"
		deeds "32-bit" "$tmp/bin/grower32"
		locks "32-bit" "$tmp/bin/grower32"
		if has setarch; then
			grower "32-bit, setarch --3gb" setarch --3gb "$tmp/bin/grower32"
			# Its first stack is placed right behind the heap, and is one mapping with it.
			guessed "32-bit, setarch -L -R, grows" \
				"the break is taken to be where the heap's mapping ends" \
				setarch -L -R "$tmp/bin/grower32" grows
		fi
	fi
	# shellcheck disable=SC2086 # words
	build "32-bit, static" static32 gcc -m32 $multiarch -static &&
		layouts "32-bit, static" "$tmp/bin/static32"
}

# --- Programs of others ---

scripts()
{
	cat >"$tmp/threads.py" <<-'PYTHON'
	import mmap, threading, time
	kept = [bytes(1000) for _ in range(20000)]
	area = mmap.mmap(-1, 1 << 20)
	for _ in range(4):
	    threading.Thread(target=lambda: time.sleep(10000), daemon=True).start()
	print("ready", flush=True)
	time.sleep(10000)
	PYTHON
	process "python3, 4 threads" python3 "$tmp/threads.py"
	with '-v 4000000' python3 "$tmp/threads.py"
	process "python3, ulimit -v 4000000" "${words[@]}"
	has setarch && process "python3, setarch -L" setarch -L python3 "$tmp/threads.py"
	# shellcheck disable=SC2016 # perl's variables
	has perl && process "perl" perl -e '$|=1; $x{$_}="v"x100 for 1..50000; print "ready\n"; sleep 1000'
	process "bash" bash -c 'echo ready; read -r _; :'
}

servers()
{
	# shellcheck disable=SC2016 # for the shell inside
	has redis-server && process "redis-server" bash -c 'redis-server --port 0 --save "" \
		--unixsocket "$0" --appendonly no & sleep 1; echo "ready $!"; wait' "$tmp/redis"
	if has nginx; then
		mkdir -p "$tmp/nginx/logs"
		cat >"$tmp/nginx/conf" <<-CONF
			daemon off; pid $tmp/nginx/pid; error_log $tmp/nginx/logs/error; events { }
			http { access_log off; client_body_temp_path $tmp/nginx/body;
			server { listen unix:$tmp/nginx/socket; } }
		CONF
		# shellcheck disable=SC2016 # for the shell inside
		process "nginx" bash -c 'nginx -p "$0" -e "$0/logs/error" -c "$0/conf" &
			sleep 1; echo "ready $!"; wait' "$tmp/nginx"
	fi
	local words
	if has java; then
		words=(bash -c 'rmiregistry -J-Xmx64m -J-Djava.rmi.server.hostname=127.0.0.1 10996 &
			sleep 3; echo "ready $!"; wait')
		process "a Java virtual machine" "${words[@]}"
		has setarch && process "a Java virtual machine, setarch -L" setarch -L "${words[@]}"
	fi
	if has node; then
		words=(node -e 'console.log("ready"); setTimeout(() => {}, 1e7)')
		process "node" "${words[@]}"
		has setarch && process "node, setarch -L" setarch -L "${words[@]}"
	fi
}

ours
process "town" "$town" --list
has setarch && process "town, setarch -L" setarch -L "$town" --list
scripts
$quick || servers
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
