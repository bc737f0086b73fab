#include "mem/overlap.h"

#include "mem/complaint.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static bool overlap(const void *to, const void *from, size_t size)
{
	uintptr_t ahead = (uintptr_t)to - (uintptr_t)from;

	return ahead != 0 && (ahead < size || -ahead < size);
}

static _Noreturn void stop(const char *by, const void *to, const void *from, size_t size)
{
	struct plat__complaint complaint = {.length = 0};

	plat__complaint_add(&complaint, "overlap: ");
	plat__complaint_add(&complaint, by);
	plat__complaint_add(&complaint, ": ");
	plat__complaint_number(&complaint, size);
	plat__complaint_add(&complaint, " bytes from ");
	plat__complaint_address(&complaint, from);
	plat__complaint_add(&complaint, " to ");
	plat__complaint_address(&complaint, to);
	plat__complaint_write(&complaint);
	abort();
}

void plat__overlap_refuse(const char *by, const void *to, const void *from, size_t size)
{
	if (overlap(to, from, size))
		stop(by, to, from, size);
}
