#!/bin/sh
# The programs under EXAMPLES of the man pages of libplat: each is compiled as it stands there, linked
# with the library, run, and has to say what the page says. Numbers may be others. Each function that
# the page is about is called by one of them.
#
#	examples.sh LIBPLAT.SO [PAGE...]
#
# A program is a literal display that begins with #include; a literal display right behind it is what
# it prints.
set -u
library=$(realpath "$1")
shift
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ln -s "$library" "$dir/libplat.so.1"
ln -s libplat.so.1 "$dir/libplat.so"
export LD_LIBRARY_PATH="$dir"
# A library with a sanitizer in it needs the program to have it, too.
flags=
! nm -D "$library" | grep -q __asan_init || flags=-fsanitize=address,undefined

# displays PAGE: writes N.c and N.out into $dir.
displays()
{
	awk -v dir="$dir" '
	/^\.Sh / { inside = $2 == "EXAMPLES"; n = n ? n : 0 }
	!inside { next }
	/^\.Ed/ { if (file) close(file); file = ""; literal = 0; next }
	/^\.Bd -literal/ { literal = first = 1; next }
	!literal { next }
	{ gsub(/\\e/, "\\"); sub(/^\\&/, ""); gsub(/\\-/, "-") }
	first { file = dir "/" ($0 ~ /^#include/ ? ++n ".c" : n ".out"); first = 0 }
	{ print > file }' "$1"
}

same_but_numbers()
{
	for file in "$1" "$2"; do
		sed -E 's/0x[0-9a-f]+|[0-9]+/N/g; s/ +/ /g' "$file" >"$file.words"
	done
	diff "$1.words" "$2.words"
}

# try N: one example.
try()
{
	# shellcheck disable=SC2086 # flags are words
	cc -std=gnu11 -Wall -Wextra -Werror -O1 $flags -Iinclude "$dir/$1.c" -o "$dir/$1" \
		-L"$dir" -lplat -pthread && "$dir/$1" >"$dir/$1.said" || return 1
	[ -f "$dir/$1.out" ] || { echo "the page does not say what it prints"; return 1; }
	same_but_numbers "$dir/$1.out" "$dir/$1.said"
}

# The functions that a page is about: those that no example of it calls.
forgotten()
{
	awk '/^\.Sh/ { inside = $2 == "NAME" } inside && /^\.Nm/ { print $2 }' "$1" |
		while read -r name; do
			grep -qw "$name" "$dir"/[0-9]*.c || echo "# no example calls $name"
		done
}

pages=${*:-$(grep -l 'Fl lplat$' docs/man/*.3)}
# A sanitizer needs more address space, and more data, than a limit of theirs leaves.
[ -z "$flags" ] || pages=$(echo "$pages" | grep -v -e plat_brk.3 -e plat_usage.3)
echo "1..$(echo "$pages" | wc -w)"
number=0
for page in $pages; do
	number=$((number + 1))
	rm -f "$dir"/[0-9]*
	displays "$page"
	wrong=0
	[ -f "$dir/1.c" ] || { wrong=1; echo "# there is no example"; }
	for source in "$dir"/[0-9]*.c; do
		[ -f "$source" ] || continue
		example=$(basename "$source" .c)
		try "$example" >"$dir/log" 2>&1 || { wrong=1; sed 's/^/# /' "$dir/log"; }
	done
	[ -z "$(forgotten "$page")" ] || { wrong=1; forgotten "$page"; }
	[ $wrong -eq 0 ] || printf 'not '
	echo "ok $number - the examples of $(basename "$page") work"
done
