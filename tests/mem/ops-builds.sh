#!/bin/sh
# The operations on memory as others build them: with musl, where all are ours; for processors of 32
# bits and with NEON; into a program that relocates itself, whose resolvers run before anything else
# does. What cannot be built here for lack of a compiler is skipped.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

# shellcheck source=tests/compilers.sh
. tests/compilers.sh

# Builds and runs the tests. try NAME PROCESSOR RUNNER COMMAND...
try()
{
	name=$1 processor=$2 runner=$3
	shift 3
	n=$((n + 1))
	if ! can "$@" || { [ -n "$runner" ] && ! command -v "$runner" >/dev/null; }; then
		echo "ok $n - $name # SKIP it cannot be built here"
		return
	fi
	files=src/mem/ops/portable/plain.c
	[ "$processor" != portable ] || files=
	# shellcheck disable=SC2086 # none, or one
	if ! "$@" -w -O1 -fno-builtin -D_GNU_SOURCE -Isrc -Iinclude -Itests tests/mem/ops.c \
		tests/check.c src/mem/ops/*.c "src/mem/ops/$processor"/*.c $files \
		-o "$dir/ops" -pthread >"$dir/log" 2>&1 || ! $runner "$dir/ops" >>"$dir/log" 2>&1; then
		sed 's/^/# /' "$dir/log"
		printf 'not '
	fi
	echo "ok $n - $name"
}

# What is wiped stays wiped where the optimizer sees everything, and leaves memset out.
try_secret()
{
	name='a secret is wiped where the optimizer would leave it'
	n=$((n + 1))
	if ! cc -O3 -flto -w -D_GNU_SOURCE -Isrc -Iinclude tests/mem/ops_secret.c \
		src/mem/ops/*.c src/mem/ops/portable/*.c -o "$dir/secret" -pthread >"$dir/log" 2>&1 ||
		! "$dir/secret"; then
		sed 's/^/# /' "$dir/log"
		printf 'not '
	elif "$dir/secret" memset; then
		name="$name # SKIP it leaves nothing here"
	fi
	echo "ok $n - $name"
}

echo 1..6
# musl has no sigabbrev_np.
try 'with musl' x86 '' musl-gcc -static -Dsigabbrev_np=strsignal
try 'for 32-bit x86' x86 '' cc -m32 -idirafter /usr/include/x86_64-linux-gnu
try 'for aarch64' arm qemu-aarch64 aarch64-linux-gnu-gcc -static
try 'for a processor that nobody has thought of' portable '' cc
try 'in a program that relocates itself' x86 '' cc -static-pie -fstack-protector-all
try_secret
