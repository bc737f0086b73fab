# shellcheck shell=bash
# What the tests of commands share; a file of tests begins with `load common` and calls set_up and
# clean_up in its setup() and teardown(). $PLAT is the command, $TOWN the demo program, which makes
# every kind of memory and lists it.
#
# Each test runs in an empty folder of its own. What it starts is noted in the file `pids` there.

bats_require_minimum_version 1.5.0
export PLAT=${PLAT:-plat} TOWN=${TOWN:-town}
export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0

# set_up COLUMNS: the environment of a test, as on a terminal of this width.
set_up() {
	export COLUMNS=$1 LC_ALL=C.UTF-8
	unset DEBUGINFOD_URLS
	cd "$BATS_TEST_TMPDIR" || exit 1
}

# tell_last_run: of a test that failed, what the last `run` gave and what its files hold.
tell_last_run() {
	[ -z "${status-}" ] || printf 'the last run: status %s\n%s\n' "$status" "${output-}" | head -c 2000
	[ -z "${stderr-}" ] || printf 'and to stderr:\n%s\n' "$stderr" | head -c 2000
	[ ! -s out ] || { echo 'the file out:' && head -c 2000 out; }
}

# clean_up: ends what was started in this folder, also if it is stopped, and removes $OPEN.
clean_up() {
	local pids=() states i
	[ -n "${BATS_TEST_COMPLETED-}" ] || tell_last_run
	if [ -e pids ]; then
		mapfile -t pids < <(xargs -n 1 <pids)
		states=("${pids[@]/#//proc/}")
		states=("${states[@]/%//status}")
		kill "${pids[@]}" 2>/dev/null || true
		kill -CONT "${pids[@]}" 2>/dev/null || true
		# A town takes away what it has made; who does not end by itself is ended.
		for ((i = 0; i < 200; i++)); do
			grep -qs '^State:.[^ZX]' "${states[@]}" || break
			sleep 0.02
		done
		kill -KILL "${pids[@]}" 2>/dev/null || true
	fi
	[ -z "${OPEN-}" ] || rm -rf "$OPEN"
}

# search_leaks: a sanitizer looks for leaks too. Only where nobody traces, neither plat nor strace: the
# search traces its own process, and both may then wait for ever.
search_leaks() {
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=1
}

# plat ARGUMENT...: the command, ended if it hangs; --foreground leaves it in our process group.
plat() {
	timeout --foreground -k 10 120 "$PLAT" "$@"
}

# --- Processes to look at ---

# await FILE PATTERN: until a line of it matches; a machine that is busy gets a minute.
await() {
	local i
	for ((i = 0; i < 1200; i++)); do
		grep -q "$2" "$1" 2>/dev/null && return 0
		sleep 0.05
	done
	echo "$1 has no line with: $2"
	return 1
}

# start OUTPUT COMMAND...: in the background, until the end of the test; sets PID.
start() {
	local output=$1
	shift
	: >"$output" # now, for await
	"$@" <&0 >"$output" 3>&- & # without <&0 a shell takes standard input away
	PID=$!
	echo "$PID" >>pids
}

# start_town [PROGRAM]: runs the town; sets PID, and LIST, the file with what it says it has made.
start_town() {
	mkfifo town.in # as long as this is open for writing, the town lives
	sleep 600 >town.in 3>&- &
	echo $! >>pids
	ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 \
		start town.list "${1:-$TOWN}" --list <town.in 2>/dev/null
	LIST=$PWD/town.list
	rm town.in
	await "$LIST" '^ready '
}

# start_holders PROGRAM: one that says what it has, holders.c or classes.cc; sets PID, and HOLDERS_LIST.
# Its standard input is open as long as the file $PROGRAM.in is.
start_holders() {
	local name
	name=$(basename "$1")
	mkfifo "$name.in"
	sleep 600 >"$name.in" 3>&- &
	echo $! >>pids
	# It is the C library's heap that is looked at.
	MALLOC_PERTURB_='' ASAN_OPTIONS='' start "$name.list" "$1" <"$name.in"
	HOLDERS_LIST=$PWD/$name.list
	rm "$name.in"
	await "$HOLDERS_LIST" '^ready '
}

# held NAME: where the block lies that the program has said so.
held() {
	awk -v name="$1" '$1 == name { print $2; exit }' "$HOLDERS_LIST"
}

# stop PID: its figures and pages stand still from now on.
stop() {
	kill -STOP "$1"
	await "/proc/$1/status" '^State:.T'
}

# range KIND: START-END of the first thing of this kind in the town, empty where it has none.
range() {
	awk -v kind="$1" '$1 == kind { print $2 "-" $3; exit }' "$LIST"
}

# place KIND: where that begins.
place() {
	local range
	range=$(range "$1")
	echo "${range%-*}"
}

# at ADDRESS OFFSET: their sum as an address.
at() {
	printf '0x%x' $(($1 + $2))
}

# start_of NAME: where the mapping that maps calls so begins, as [stack]; empty where there is none.
start_of() {
	awk -v name="$1" '$NF == name { split($1, a, "-"); print "0x" a[1]; exit }' "/proc/$PID/maps"
}

# kib FILE NAME: a figure of a file of /proc/PID in bytes, summed over its lines.
kib() {
	awk -v name="$2:" '$1 == name { sum += $2; n++ } END { if (n) printf "%.0f\n", sum * 1024 }' \
		"/proc/$PID/$1"
}

# start_leaks [WORD...]: the program of leaks.c, with VARIABLE=VALUE in its environment, below a command;
# sets PID. Its input is open as 7.
start_leaks() {
	rm -f program.in
	mkfifo program.in
	exec 7<>program.in
	start program.out env MALLOC_PERTURB_= "$@" "$LEAKS" <program.in
	await program.out '^ready'
}

# start_own [WORD...]: the same on plat's malloc.
start_own() {
	start_leaks LD_PRELOAD="$LIBRARY" "$@"
}

# tell WORD NUMBER: the program does so, and has done it when this returns.
ntold=0
tell() {
	ntold=$((ntold + 1))
	echo "$1 $2" >&7
	await program.out "^done $ntold\$"
}

# As a user without rights: "${as_nobody[@]}" COMMAND...
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# need_nobody: skips where we cannot become somebody without rights. Sets OPEN, a folder that is open
# to all, with a copy of plat, because nobody may neither enter ours nor perhaps where plat was built.
need_nobody() {
	[ "$(id -u)" -eq 0 ] || skip "not root: no other user to be"
	OPEN=$(mktemp -d)
	chmod 755 "$OPEN"
	cp "$PLAT" "$OPEN/plat"
	"${as_nobody[@]}" "$OPEN/plat" map --help >/dev/null || skip "another user cannot run plat"
}

# --- What was said ---

# json EXPRESSION: in Python, of the document d on standard input.
json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(('"$1"'))'
}

# is_ascii: standard input holds printable ASCII only; shows the lines where it does not.
is_ascii() {
	! LC_ALL=C grep -n '[^ -~]'
}

# fits WIDTH: no line of standard input has more characters; shows the first that has.
fits() {
	local line
	while IFS= read -r line || [ -n "$line" ]; do
		if [ "${#line}" -gt "$1" ]; then
			echo "wider than $1: $line"
			return 1
		fi
	done
}
