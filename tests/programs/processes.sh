# shellcheck shell=bash disable=SC2034,SC2154 # what the scripts use, and set
# What the scripts beside this one share: they start programs, each in a session of its own, wait
# for them, count what is well, and leave nothing behind. Loaded where `tmp` is a folder that may go.

passed=0 failed=0 skipped=0 started=()

ok()
{
	passed=$((passed + 1))
	printf 'ok    %s\n' "$*"
}

skip()
{
	skipped=$((skipped + 1))
	printf 'skip  %s: %s\n' "$1" "$2"
}

has()
{
	command -v "$1" >/dev/null
}

# await COMMAND...: until it succeeds, at most 30 seconds.
await()
{
	local i
	for ((i = 0; i < 600; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	return 1
}

# A process and all that descend from it. Sessions do not tell: postgres gives each backend its own.
family()
{
	# shellcheck disable=SC2016 # awk's fields
	ps -e -o pid=,ppid=,state= | awk -v top="$1" '
		{ parent[$1] = $2; state[$1] = $3 }
		END {
			for (p in parent) {
				for (q = p; q && q != top; q = parent[q])
					;
				if (q == top && state[p] != "Z")
					print p
			}
		}' | sort -n
}

# Ends all that was started, first by asking: a town takes away what it has made. A process that is
# not there any more is no reason for words.
end_all()
{
	local pid i all=()
	for pid in "${started[@]}"; do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = postgres ] && kill -INT "$pid"
		mapfile -t -O "${#all[@]}" all < <(family "$pid")
		kill -TERM -- "-$pid" 2>/dev/null
	done
	for pid in "${started[@]}"; do
		for ((i = 0; i < 500; i++)); do
			kill -0 -- "-$pid" 2>/dev/null || break
			sleep 0.01
		done
		kill -KILL -- "-$pid" 2>/dev/null
	done
	for pid in "${all[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	for pid in "${started[@]}"; do
		wait "$pid" 2>/dev/null
	done
	started=()
}

# A script may have more to take back.
clean_up()
{
	end_all
	! declare -F take_back >/dev/null || take_back
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
