/*
 * A stack grows towards a mapping: it stops a gap of 256 pages above one that can be accessed, and
 * goes right up to one that cannot.
 */
#include "collide.h"

int main(void)
{
	begin();
	TRY(try_mmap(stack_end - 4 * 1024 * 1024, 4096, PROT_READ,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
	    stack_end - 4 * 1024 * 1024);
	TRY(try_write(stack_end - 3 * 1024 * 1024 + 4096), 0);
	TRY(try_write(stack_end - 3 * 1024 * 1024 + 4095), MAPERR);
	/* Without rights it is no neighbour to keep away from. */
	TRY(try_mprotect(stack_end - 4 * 1024 * 1024, 4096, PROT_NONE), 0);
	TRY(try_write(stack_end - 4 * 1024 * 1024 + 4096), 0);
	TRY(try_write(stack_end - 4 * 1024 * 1024 + 4095), ACCERR);
	return end();
}
