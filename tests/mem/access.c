#include "access.h"

#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

static sigjmp_buf back;
static const volatile void *faulted_at;

static void jump_back(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	faulted_at = info->si_addr;
	siglongjmp(back, 1);
}

static bool faults(volatile char *p, bool writes)
{
	struct sigaction action = {.sa_sigaction = jump_back, .sa_flags = SA_SIGINFO}, segv, bus;
	volatile bool result = false;

	check(sigaction(SIGSEGV, &action, &segv) == 0 && sigaction(SIGBUS, &action, &bus) == 0);
	if (sigsetjmp(back, 1)) {
		check(faulted_at == p);
		result = true;
	} else if (writes) {
		*p = 1;
	} else {
		(void)*p;
	}
	check(sigaction(SIGSEGV, &segv, NULL) == 0 && sigaction(SIGBUS, &bus, NULL) == 0);
	return result;
}

bool read_faults(volatile const char *p)
{
	return faults((volatile char *)p, false);
}

bool write_faults(volatile char *p)
{
	return faults(p, true);
}

int rights_at(volatile char *p)
{
	return (read_faults(p) ? 0 : PLAT_RIGHT_READ) | (write_faults(p) ? 0 : PLAT_RIGHT_WRITE);
}
