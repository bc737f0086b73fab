/* MAP_FIXED_NOREPLACE where something is, and mmap where nothing is left: the call fails. */
#include "collide.h"

int main(void)
{
	begin();
	TRY(try_mmap(0x10000000, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		     -1, 0),
	    0x10000000);
	TRY(try_mmap(0x10001000, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		     -1, 0),
	    -EEXIST);
	TRY(try_mmap(0x10002000, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		     -1, 0),
	    0x10002000);

	/* More than the largest gap, and more than user space. */
	TRY(try_mmap(0, 0x7ffff0000000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		     0),
	    -ENOMEM);
	TRY(try_mmap(0, 0x800000000000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		     0),
	    -ENOMEM);
	/* More than the limit: addresses alone count, whatever their rights. */
	TRY(try_setrlimit(RLIMIT_AS, 1024 * 1024 * 1024), 0);
	TRY(try_mmap(0, 1024 * 1024 * 1024, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0),
	    -ENOMEM);
	/* What is replaced counts only once. */
	TRY(try_mmap(0x10000000, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
	    0x10000000);
	return end();
}
