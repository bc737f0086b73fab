/* A stack runs into its guard: the access faults, and nothing is overwritten. */
#include "collide.h"

int main(void)
{
	begin();
	/* A thread's stack: its guard is a page without rights. */
	TRY(try_mmap(0x10000000, 65536, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
	    0x10000000);
	TRY(try_mprotect(0x10000000, 4096, PROT_NONE), 0);
	TRY(try_write(0x10001000), 0);
	TRY(try_write(0x10000fff), ACCERR);
	/* Below the guard nothing is mapped: who jumps over it is not always caught so. */
	TRY(try_write(0x0fffffff), MAPERR);

	/* The main stack grows until the limit stops it. */
	TRY(try_setrlimit(RLIMIT_STACK, 1024 * 1024), 0);
	TRY(try_write(stack_end - 1024 * 1024), 0);
	TRY(try_write(stack_end - 1024 * 1024 - 1), MAPERR);
	TRY(try_setrlimit(RLIMIT_STACK, 2 * 1024 * 1024), 0);
	TRY(try_write(stack_end - 1024 * 1024 - 1), 0);
	return end();
}
