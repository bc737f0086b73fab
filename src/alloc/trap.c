/*
 * The handler stands only where there is none, says its lines, and is gone: the instruction is
 * tried again, and what happens then is what would have happened without us. Where faults are not
 * to end the program the page is opened, and it goes on. libplat's handler of stack overflows,
 * which is as quiet, asks what ours would have said.
 */
#include "alloc/trap.h"

#include "alloc/atomic.h"
#include "alloc/fault.h"
#include "alloc/guard.h"
#include "alloc/map.h"
#include "alloc/options.h"
#include "alloc/sites.h"
#include "alloc/system.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint32_t is_set;
static uint32_t is_handler;

void plat__trap_explain(const void *p)
{
	const struct slab *slab = plat__map_find((uintptr_t)p);

	if (!slab || slab->kind != SLAB_GUARDED)
		return;
	plat__site_write("made by", slab->site);
	plat__site_write("freed by", slab->freed_site);
}

/* A freed run is, in hard mode; of another one no page is closed. */
static bool is_apart(const struct slab *slab)
{
	return slab && (slab->kind == SLAB_GUARDED || slab->kind == SLAB_MAPPING ||
			(slab->kind == SLAB_RUN && load_acquire(&slab->size) == 0));
}

/* The address is in front of this block, and nobody else's. */
static bool is_in_front(const struct slab *slab, uintptr_t address)
{
	return address >= (slab->kind == SLAB_GUARDED ? slab->region : slab->base - slab->front);
}

/* The block that the address belongs to: what lies in front of it is not in the map. */
static struct slab *find_apart(uintptr_t address)
{
	struct slab *slab = plat__map_find(address);
	size_t offset = plat__page_bytes;

	if (is_apart(slab))
		return slab;
	for (slab = NULL; !slab && offset < GUARD_FRONT + 2 * GRANULE; offset += GRANULE)
		slab = plat__map_find(address + offset);
	return is_apart(slab) && is_in_front(slab, address) ? slab : NULL;
}

/* Says whose page it was. true: the program can go on. */
static bool tell(const void *p)
{
	struct slab *slab = find_apart((uintptr_t)p);
	uint64_t size = slab ? load_acquire(&slab->size) : 0;
	enum fault fault = FAULT_PAST_END;

	if (!slab)
		return false;
	if (size == 0) {
		fault = FAULT_USE_AFTER_FREE;
		size = slab->freed_size + 1;
	} else if ((uintptr_t)p < slab->base) {
		fault = FAULT_UNDERFLOW;
	} else if ((uintptr_t)p - slab->base < size - 1) {
		return false; /* the program itself has closed the page */
	}
	plat__fault_tell(fault, p, (size_t)(size - 1), (const void *)slab->base);
	return plat__options.on_error != ON_ERROR_ABORT && plat__guard_open(slab, (uintptr_t)p);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (info->si_code > 0 && tell(info->si_addr)) {
		errno = saved;
		return;
	}
	signal(number, SIG_DFL);
	/* From another process, or by kill: there is no instruction to be tried again. */
	if (info->si_code <= 0)
		syscall(SYS_tgkill, plat__system_pid(), syscall(SYS_gettid), number);
	errno = saved;
}

void plat__trap_set(void)
{
	struct sigaction mine = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	struct sigaction before;
	int saved = errno;

	if (load_relaxed(&is_set) || exchange(&is_set, 1))
		return;
	if (sigaction(SIGSEGV, NULL, &before) == 0 && !(before.sa_flags & SA_SIGINFO) &&
	    before.sa_handler == SIG_DFL && sigaction(SIGSEGV, &mine, NULL) == 0)
		store_relaxed(&is_handler, 1);
	errno = saved;
}

__attribute__((visibility("default"))) bool plat_tell_fault(const void *p)
{
	return !load_relaxed(&is_handler) && tell(p);
}
