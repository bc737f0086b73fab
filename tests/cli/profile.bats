#!/usr/bin/env bats
# plat profile, of a program ($LEAKS, see leaks.c) that leaks and churns what it is told.

# shellcheck disable=SC2154 # as_nobody is of common.bash
load common

setup() {
	set_up 80
}

teardown() {
	exec 7>&-
	clean_up
}

profile() {
	plat profile "$@"
}

# sum KEY: of all sites whose innermost frame is in a function, of a JSON document.
sum() {
	json "sum(s['$1'] for s in d['sites'] if s['frames'] and s['frames'][0].get('symbol') == '$2')"
}

@test "three leaks are told by site, each within its interval" {
	start_own PLAT_SAMPLE=16K
	tell churn 200
	tell leak_small 20
	tell leak_medium 40
	tell leak_large 80
	profile --json --top all "$PID" >out
	python3 - <<'END'
import json
d = json.load(open('out'))
assert d['rate'] == 16384
for name, mib in (('leak_small', 20), ('leak_medium', 40), ('leak_large', 80)):
    sites = [s for s in d['sites'] if s['frames'] and s['frames'][0].get('symbol') == name]
    assert len(sites) == 1, (name, len(sites))
    s = sites[0]
    # Twice the interval of 19 of 20 is that of 9999 of 10000.
    assert abs(s['live_bytes'] - mib * 2**20) <= 2 * s['live_bytes_error'] + 2**16, (name, s)
    assert s['freed_bytes'] == 0 and s['live_samples'] == s['samples'] > 0
    assert s['frames'][0]['module'].endswith('leaks')
churn = [s for s in d['sites'] if s['frames'] and s['frames'][0].get('symbol') == 'churn']
assert sum(s['live_bytes'] for s in churn) == 0
assert abs(sum(s['made_bytes'] for s in churn) - 200 * 2**20) < 20 * 2**20
t = d['totals']
for key in ('made_bytes', 'live_bytes', 'samples', 'live_samples'):
    assert abs(t[key] - sum(s[key] for s in d['sites'])) <= len(d['sites']), key
assert t['lost_samples'] == 0 and d['proofs']['broken'] == 0
END
	profile "$PID" >lines
	fits 80 <lines
	# The largest is the first.
	[ "$(grep -o 'leak_[a-z]*' lines | head -n 3 | paste -sd ' ')" = "leak_large leak_medium leak_small" ]
	profile --ascii "$PID" | is_ascii
}

@test "the rate is switched on and off from outside, and numbers stay" {
	start_own
	tell leak_small 5
	run profile "$PID"
	[ "$status" -eq 0 ]
	[[ "$output" == *"no sampling now; 0 samples so far"*"--rate 512K begins"* ]]
	run profile --rate 16K "$PID"
	[ "$status" -eq 0 ]
	[ "$output" = "$PID: a sample each 16K; it was no samples" ]
	tell churn 100
	profile --json "$PID" >first
	[ "$(json "d['rate']" <first)" -eq 16384 ]
	[ "$(sum samples churn <first)" -gt 1000 ]
	tell churn 100
	profile --json "$PID" >second
	[ "$(sum samples churn <second)" -gt "$(sum samples churn <first)" ]
	run profile --rate off "$PID"
	[ "$output" = "$PID: no samples; it was a sample each 16K" ]
	tell churn 1
	profile --json "$PID" >third
	tell churn 100
	profile --json "$PID" >fourth
	[ "$(json "d['rate']" <fourth)" -eq 0 ]
	[ "$(sum samples churn <third)" -eq "$(sum samples churn <fourth)" ]
	[ "$(sum samples churn <fourth)" -ge "$(sum samples churn <second)" ]
	plat doctor --json "$PID" | grep -q '"name": *"sample"'
}

@test "--wait shows the profile after some time" {
	start_own
	echo "churn 2000" >&7
	profile --rate 64K --wait 0.2 --json "$PID" >out
	[ "$(json "d['rate']" <out)" -eq 65536 ]
}

@test "sites are sorted and chosen" {
	start_own PLAT_SAMPLE=16K
	tell churn 200
	tell leak_small 10
	[ "$(profile --json --sort made "$PID" | json "d['sites'][0]['frames'][0]['symbol']")" = churn ]
	[ "$(profile --json --sort freed "$PID" | json "d['sites'][0]['frames'][0]['symbol']")" = churn ]
	[ "$(profile --json --sort live "$PID" | json "d['sites'][0]['frames'][0]['symbol']")" = leak_small ]
	[ "$(profile --json --leaks "$PID" | json "min(s['live_samples'] for s in d['sites']) > 0")" = True ]
	[ "$(profile --json --top 1 "$PID" | json "len(d['sites'])")" -eq 1 ]
	[ "$(profile --json --top 1 --no-symbols "$PID" | json "d['sites'][0]['frames'][0]['symbol']")" = None ]
}

@test "callers without frame pointers have stacks" {
	start_own PLAT_SAMPLE=off
	profile --rate 16K "$PID"
	tell deep 10
	profile --json --top all "$PID" >out
	[ "$(json "d['totals']['samples'] > 100" <out)" = True ]
	if [ "$(json "max(len(s['frames']) for s in d['sites'])" <out)" -lt 3 ]; then
		skip "there is no unwinder that takes no lock"
	fi
	[ "$(json "max([f.get('symbol') for f in s['frames']].count('go_down') for s in d['sites'])" <out)" -ge 4 ]
}

@test "where stacks end at the caller it is said what to do, once" {
	cat >program.c <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		static void *volatile last;
		__attribute__((noipa)) int make(void) { last = malloc(100); return last != NULL; }
		__attribute__((noipa)) int step(void) { return make() + make(); }
		int main(void)
		{
			int i;
			while (getchar() != -1) {
				for (i = 0; i < 10000; i++)
					step();
				puts("done");
				fflush(stdout);
			}
			return 0;
		}
	END
	gcc -O2 -fomit-frame-pointer -o program program.c || skip "no gcc"
	local settings
	for settings in PLAT_GUARD=off PLAT_SAMPLE=off; do
		rm -f program.in
		mkfifo program.in
		exec 7<>program.in
		start program.out env LD_PRELOAD="$LIBRARY" "$settings" ./program <program.in
		await "/proc/$PID/comm" program
		profile --rate 4K "$PID"
		echo >&7
		await program.out '^done'
		run --separate-stderr profile --leaks --top 1 "$PID"
		echo "$output" "$stderr"
		[ "$status" -eq 0 ]
		[[ "$output" == *make+* ]]
		if [ "$settings" = PLAT_SAMPLE=off ]; then
			[[ "$output" == *step+* ]] || skip "there is no unwinder that takes no lock"
			[ -z "$stderr" ]
		else
			[ "${#stderr_lines[@]}" -eq 1 ]
			[[ "$stderr" == "plat profile: $PID: most stacks end at "*PLAT_SAMPLE=off* ]]
		fi
	done
}

@test "not a percent and a half more instructions, with a sample each 512K" {
	local off on
	command -v valgrind >/dev/null || skip "no valgrind"
	for rate in off 512K; do
		PLAT_SEED=1 PLAT_GUARD=off PLAT_SAMPLE=$rate LD_PRELOAD=$LIBRARY valgrind --tool=callgrind \
			--soname-synonyms=somalloc=nouserintercepts --callgrind-out-file=/dev/null \
			"$LEAKS" loop 500000 2>"$rate" || skip "valgrind cannot run it"
	done
	off=$(awk '/Collected/ { print $NF }' off)
	on=$(awk '/Collected/ { print $NF }' 512K)
	[ "$off" -gt 30000000 ]
	echo "$off $on"
	# In thousandths. A program that does nothing else than allocate; see docs/allocator.md.
	[ $(((on - off) * 1000)) -le $((off * 15)) ]
}

@test "another allocator is named, exit 3" {
	start program.out sleep 60
	await "/proc/$PID/comm" sleep
	run profile --rate 512K "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat profile: $PID: it uses "*", of "* ]]
}

@test "who may not trace the process is told so, exit 3" {
	need_nobody
	start_own
	run "${as_nobody[@]}" "$OPEN/plat" profile --rate 1K "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == "plat profile: $PID: its memory cannot be read: "* ]]
	[ "$(profile --json "$PID" | json "d['rate']")" -eq 0 ]
}

@test "a process that is gone is exit 3" {
	start_own
	kill -KILL "$PID"
	while [ -e "/proc/$PID" ] && ! grep -q '^State:.Z' "/proc/$PID/status"; do sleep 0.05; done
	run profile --rate 512K "$PID"
	[ "$status" -eq 3 ]
	run profile 2147483646
	[ "$status" -eq 3 ]
}

@test "a rate that would lie elsewhere is not written" {
	start_own
	# The program moves the pointer in its own header.
	tell lie 0
	run profile --rate 512K "$PID"
	[ "$status" -eq 3 ]
	[[ "$output" == *"not memory of the process's own: nothing was written" ]]
}

@test "wrong usage is exit 64" {
	local wrong
	run profile
	[ "$status" -eq 64 ]
	run profile $$ $$
	[ "$status" -eq 64 ]
	for wrong in '--rate 0' '--rate 5G' '--rate on' '--sort size' '--top 0' '--top -1' \
		'--wait x' '--rate 1K --top 3' '--rate 1K --json' '--rate'; do
		# shellcheck disable=SC2086 # words
		run profile $wrong $$
		echo "$wrong"
		[ "$status" -eq 64 ]
	done
	run profile --help
	[ "$status" -eq 0 ]
	[[ "$output" == *"--rate SIZE"* ]]
}

@test "a block's makers are told where it is explained" {
	local address
	start_own PLAT_SAMPLE=1
	tell leak_large 1
	address=$(plat heap --blocks --json --min-size 100000 --limit 1 "$PID" | json "d['addr']")
	plat explain --json "$PID" "$address" >out
	[ "$(json "d['addresses'][0]['block']['made_by'][0]['symbol']" <out)" = leak_large ]
	plat explain "$PID" "$address" | grep -A 1 '^  made by' | grep -q '^    leak_large+0x'
	plat explain --no-owners --json "$PID" "$address" >out
	[ "$(json "d['addresses'][0]['block']['made_by']" <out)" = None ]
}
