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

/* Each address once, in order. */
static void sort_addresses(struct calls *calls, size_t n)
{
	size_t i;

	qsort(calls->addrs, n, sizeof(*calls->addrs), by_address);
	for (i = 0; i < n && calls->n < CALLS_MOST; i++)
		if (calls->n == 0 || calls->addrs[calls->n - 1] != calls->addrs[i])
			calls->addrs[calls->n++] = calls->addrs[i];
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

/* `addrs`: so many in any order, which are the calls' from now on. */
static int look_up(const struct target *target, plat_addr *addrs, size_t n, struct calls *ret)
{
	struct calls calls = {.addrs = addrs};
	int r;

	sort_addresses(&calls, n);
	r = name_calls(target, &calls);
	if (r < 0)
		calls_fini(&calls);
	else
		*ret = calls;
	return r;
}

int sites_calls(const struct target *target, const struct own_site *sites, size_t nsites,
		struct calls *ret)
{
	size_t i, k, n = 0, room = 1;
	plat_addr *addrs;

	for (i = 0; i < nsites && room < FRAMES_MOST; i++)
		room += sites[i].nframes;
	nsites = i;
	addrs = calloc(room, sizeof(*addrs));
	if (!addrs)
		return -ENOMEM;
	for (i = 0; i < nsites; i++)
		for (k = 0; k < sites[i].nframes; k++)
			addrs[n++] = sites[i].frames[k];
	return look_up(target, addrs, n, ret);
}

int folds_calls(const struct target *target, const struct folds *folds, struct calls *ret)
{
	plat_addr *addrs = calloc(folds->nframes + 1, sizeof(*addrs));
	size_t i, n = 0;

	if (!addrs)
		return -ENOMEM;
	for (i = 0; i < folds->nframes; i++)
		if (folds->frames[i].kind == FOLD_CALL)
			addrs[n++] = folds->frames[i].what;
	return look_up(target, addrs, n, ret);
}

void calls_fini(struct calls *calls)
{
	free(calls->addrs);
	free(calls->symbols);
	*calls = (struct calls){.n = 0};
}
