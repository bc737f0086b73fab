#!/bin/sh
# Programs on the library under Valgrind, whose processor is another one: the same status and output as
# without it, and no word from Memcheck about the program, to which the library belongs here.
#
# Of the library itself Memcheck says that it looks at memory from the break before anybody has written
# there. It does: such memory reads as zeros, as only Memcheck does not know. And Valgrind remarks on a
# call that the library makes because it fails, with an address that may be anything (system.c,
# plat__system_is_readable).
#
#	valgrind.sh LIBPLAT-MALLOC.SO ALLOC-SHADOW
set -u
library=$(realpath "$1") shadow=$(realpath "$2")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0
if ! command -v valgrind >/dev/null; then
	echo '1..0 # SKIP there is no valgrind'
	exit 0
fi
# Memcheck reads libc's names of its own functions; without libc6-dbg it does not begin.
if ! valgrind -q /bin/true 2>log; then
	echo "1..0 # SKIP $(grep -m 1 -E 'Fatal|error' log | tr -d '#')"
	exit 0
fi

# same NAME "VALGRIND-OPTIONS" COMMAND...
same()
{
	name=$1 options=$2
	shift 2
	n=$((n + 1))
	LD_PRELOAD=$library "$@" <input >wanted 2>/dev/null
	wanted=$?
	# shellcheck disable=SC2086 # words
	LD_PRELOAD=$library valgrind -q $options "$@" <input >got 2>log
	got=$?
	grep -vE "sigprocmask: unknown 'how' field|Bad set handler address .* in sigprocmask" log >words
	if [ "$wanted" -eq "$got" ] && cmp -s wanted got && ! [ -s words ]; then
		echo "ok $n - $name"
	else
		echo "# status $got, without Valgrind $wanted"
		diff wanted got | head -n 5 | sed 's/^/# /'
		head -n 30 words | sed 's/^/# /'
		echo "not ok $n - $name"
	fi
}

for kind in Cond Value8; do
	printf '{\n\tfresh\n\tMemcheck:%s\n\tobj:*/libplat-malloc.so*\n}\n' $kind
done >fresh
printf '{\n\tprobe\n\tMemcheck:Param\n\trt_sigprocmask(set)\n\tfun:syscall\n\tobj:*/libplat-malloc.so*\n}\n' >>fresh

seq 20000 | sed 's/./& /g' >input
python=/usr/bin/python3
[ -x $python ] || python=python3
program='import json; print(len(json.dumps([{str(i): [i] * (i % 20)} for i in range(2000)])))'
echo 1..5
none=--tool=none
memcheck='--tool=memcheck --soname-synonyms=somalloc=nouserintercepts --suppressions=fresh --error-exitcode=99'
for tool in none memcheck; do
	[ $tool = none ] && options=$none || options=$memcheck
	same "sort, $tool" "$options" sort -k 3
	# Its own allocator reads what it has not written, as its manual says.
	same "python3, $tool" "$options" env PYTHONMALLOC=malloc PYTHONHASHSEED=1 $python -S -c "$program"
done
# Not under Memcheck, which takes what a large calloc gives for memory that was not written.
same 'random calls, none' $none "$shadow" --seed 1 --seeds 1 --ops 3000
