#include "cli/sites.h"

#include "source/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is said of a call takes three KiB. Real programs have some hundreds, or thousands. */
#define CALLS_MOST ((size_t)1 << 15)
/* Of them all, the same ones again and again. */
#define FRAMES_MOST ((size_t)1 << 20)

/* Frames of the allocator itself are not what anybody asks for. */
static void drop_own_frames(const struct target *target, uint32_t own, struct own_site *site)
{
	unsigned n = 0;

	while (n < site->nframes) {
		const struct region *region = space_find(&target->space, site->frames[n] - 1);

		if (!region || region->module != own)
			break;
		n++;
	}
	site->nframes -= n;
	memmove(site->frames, site->frames + n, site->nframes * sizeof(site->frames[0]));
}

int sites_read(const struct target *target, const struct heap_look *look, struct own_profile *ret,
	       struct error *err)
{
	uint32_t own = look->own->reading.module;
	int r = own_profile_read(look->own, ret, err);
	size_t i;

	/* In a static program the allocator's code is the program's. */
	if (r < 0 || own == NO_MODULE || target->space.modules[own].role == MODULE_PROGRAM)
		return r;
	for (i = 0; i < ret->nsites; i++)
		drop_own_frames(target, own, &ret->sites[i]);
	return 0;
}

static int by_address(const void *a, const void *b)
{
	plat_addr x = *(const plat_addr *)a, y = *(const plat_addr *)b;

	return x < y ? -1 : x > y;
}

/* All frames, each address once, in order. 0 or -ENOMEM. */
static int list_addresses(const struct own_site *sites, size_t nsites, struct calls *ret)
{
	size_t i, k, n = 0, room = 1;

	for (i = 0; i < nsites && room < FRAMES_MOST; i++)
		room += sites[i].nframes;
	ret->addrs = calloc(room, sizeof(*ret->addrs));
	if (!ret->addrs)
		return -ENOMEM;
	for (nsites = i, i = 0; i < nsites; i++)
		for (k = 0; k < sites[i].nframes; k++)
			ret->addrs[n++] = sites[i].frames[k];
	qsort(ret->addrs, n, sizeof(*ret->addrs), by_address);
	for (i = 0; i < n && ret->n < CALLS_MOST; i++)
		if (ret->n == 0 || ret->addrs[ret->n - 1] != ret->addrs[i])
			ret->addrs[ret->n++] = ret->addrs[i];
	return 0;
}

/* A return address may be that of the next function: the call itself is before it. */
static int name_calls(const struct target *target, struct calls *calls)
{
	size_t i;

	calls->symbols = calloc(calls->n + 1, sizeof(*calls->symbols));
	if (!calls->symbols)
		return -ENOMEM;
	for (i = 0; i < calls->n; i++)
		calls->addrs[i]--;
	symbols_find_many(&target->dir, &target->space, calls->addrs, calls->n, calls->symbols);
	for (i = 0; i < calls->n; i++)
		calls->addrs[i]++;
	return 0;
}

int sites_calls(const struct target *target, const struct own_site *sites, size_t nsites,
		struct calls *ret)
{
	struct calls calls = {.n = 0};
	int r = list_addresses(sites, nsites, &calls);

	if (r == 0)
		r = name_calls(target, &calls);
	if (r < 0)
		sites_calls_fini(&calls);
	else
		*ret = calls;
	return r;
}

void sites_calls_fini(struct calls *calls)
{
	free(calls->addrs);
	free(calls->symbols);
	*calls = (struct calls){.n = 0};
}
