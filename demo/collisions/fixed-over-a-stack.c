/*
 * MAP_FIXED over a stack and beside it: nothing fails, and what was there is gone. A hint asks for
 * the same place and is not given it.
 */
#include "collide.h"

#include <unistd.h>

static __attribute__((noinline)) int collide(void)
{
	begin();
	/* The gap below a stack is kept by hints and searches... */
	PLACE(try_mmap(stack_start - 4096, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	      elsewhere);
	note("the hint was not followed", elsewhere != stack_start - 4096);
	TRY(try_munmap(elsewhere, 4096), 0);
	/* ...and by nobody else. The stack now ends in somebody's memory, without a fault. */
	TRY(try_mmap(stack_start - 4096, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
	    stack_start - 4096);
	TRY(try_write(stack_start), 0);
	TRY(try_write(stack_start - 1), 0);
	TRY(try_write(stack_start - 4097), MAPERR);

	/* The highest page holds the strings of the environment. */
	note("the strings are there", !is_empty(stack_end - 4096, stack_end));
	TRY(try_mmap(stack_end - 4096, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
	    stack_end - 4096);
	TRY(try_read(stack_end - 1), 0);
	note("they are gone", is_empty(stack_end - 4096, stack_end));
	return end();
}

/* Our own frames shall not lie in the page that is going to be replaced. */
int main(void)
{
	char *room = __builtin_alloca(16384);
	int r;

	__asm__ volatile("" : : "r"(room) : "memory"); /* it is used, for all that is known */
	r = collide();
	__asm__ volatile("" : : "r"(room) : "memory");
	_exit(r);
}
