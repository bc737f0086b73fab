/*
 * MAP_FIXED over the heap and beside it: nothing fails, and what was there is gone. The heap in
 * turn gives back what is not its own.
 */
#include "collide.h"

int main(void)
{
	begin();
	TRY(try_brk(start_brk + 65536), start_brk + 65536);
	TRY(try_write(start_brk), 0);
	note("the byte is there", peek(start_brk) == 42);
	TRY(try_mmap(start_brk, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
	    start_brk);
	TRY(try_read(start_brk), 0);
	note("it is gone", peek(start_brk) == 0);

	/* Right behind the break: now the heap cannot grow. */
	TRY(try_mmap(start_brk + 65536, 4096, PROT_READ,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
	    start_brk + 65536);
	TRY(try_brk(start_brk + 65537), start_brk + 65536);

	/* Shrinking unmaps whatever lies in the part that is given back. */
	TRY(try_mmap(start_brk + 8192, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0),
	    start_brk + 8192);
	TRY(try_brk(start_brk), start_brk);
	TRY(try_read(start_brk + 8192), MAPERR);
	TRY(try_read(start_brk + 65536), 0);
	return end();
}
