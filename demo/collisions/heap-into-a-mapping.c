/* The heap grows into a mapping: the call fails, and the break stays where it was. */
#include "collide.h"

int main(void)
{
	begin();
	/* A page stays free between the heap and its neighbour. */
	TRY(try_mmap(start_brk + 65536, 4096, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
	    start_brk + 65536);
	TRY(try_brk(start_brk + 65536), start_brk);
	TRY(try_brk(start_brk + 61441), start_brk);
	TRY(try_brk(start_brk + 61440), start_brk + 61440);
	TRY(try_munmap(start_brk + 65536, 4096), 0);

	/* Below what grows down it is the stack guard gap, and a page. */
	TRY(try_mmap(start_brk + 4 * 1024 * 1024, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN, -1, 0),
	    start_brk + 4 * 1024 * 1024);
	TRY(try_brk(start_brk + 3 * 1024 * 1024), start_brk + 61440);
	TRY(try_brk(start_brk + 3 * 1024 * 1024 - 4096), start_brk + 3 * 1024 * 1024 - 4096);
	/* The heap has come as near as it may: that stack can grow by one page, and no further. */
	TRY(try_write(start_brk + 4 * 1024 * 1024 - 1), 0);
	TRY(try_write(start_brk + 4 * 1024 * 1024 - 4097), MAPERR);
	return end();
}
