/*
 * Linked with the workers of tests/prop/leaks: once all threads of one stand, another one asks a
 * leak checker that lives in the same process for all that it finds, and ends the worker. With
 * -fsanitize=leak that is LeakSanitizer; else Memcheck, if it runs in that.
 */
#include <stdio.h>
#include <unistd.h>

#include <valgrind/memcheck.h>

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
void leaks_examine(void);

/* Each leak, and then the blocks of each record. */
static void ask_memcheck(void)
{
	VALGRIND_MONITOR_COMMAND("leak_check full possibleleak any unlimited");
	VALGRIND_MONITOR_COMMAND("block_list 1..5000 unlimited");
}

void leaks_examine(void)
{
	usleep(300000); /* for the last to stand */
	if (__lsan_do_recoverable_leak_check)
		__lsan_do_recoverable_leak_check();
	else
		ask_memcheck();
	_exit(0);
}
