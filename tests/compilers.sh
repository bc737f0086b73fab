# shellcheck shell=sh
# What tests that build with other compilers ask; $dir is a folder of theirs.

# can COMMAND...: it compiles and links
can()
{
	# shellcheck disable=SC2154 # it is theirs
	command -v "$1" >/dev/null && echo 'int main(void) { return 0; }' >"$dir/can.c" &&
		"$@" -o "$dir/can" "$dir/can.c" 2>/dev/null
}
