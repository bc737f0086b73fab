/*
 * Whoever looks at a block that is live must know that nobody closes its pages meanwhile. So he
 * says at which one he looks, and then that it is live; who frees it says that it is not, and then
 * asks whether somebody looks. There is one who looks at a time: who finds another passes by.
 */
#include "alloc/guard_rest.h"

#include "alloc/atomic.h"
#include "alloc/large.h"
#include "alloc/options.h"
#include "alloc/system.h"

#include <string.h>

/* Blocks that are looked at: so many were made last. */
#define LAST 4
/* In front of a block so many bytes are looked at while it is live. */
#define NEAR 64
#define PATIENCE 1000

static struct slab *last[LAST];
static uint32_t nremembered;
/* That somebody looks at just now. */
static struct slab *looked_at;

/* No zeros, which many write. */
static char rest_byte(void)
{
	return (char)plat__key;
}

static size_t rest_before(uintptr_t p)
{
	return p & (plat__page_bytes - 1);
}

/* A block of no bytes has no page. */
static size_t rest_behind(uintptr_t p, size_t bytes)
{
	return bytes ? -(p + bytes) & (plat__page_bytes - 1) : 0;
}

static void fill(const struct slab *slab, size_t bytes, size_t before)
{
	char *p = (char *)slab->base;

	memset(p - before, rest_byte(), before);
	memset(p + bytes, rest_byte(), rest_behind(slab->base, bytes));
}

void plat__guard_fill(const struct slab *slab, size_t bytes)
{
	fill(slab, bytes, bytes ? rest_before(slab->base) : 0);
}

/* So many bytes in front of the block, a multiple of 8, and all behind it. */
static enum fault damage(const struct slab *slab, size_t bytes, size_t before)
{
	const char *p = (const char *)slab->base;
	const uint64_t *word = (const uint64_t *)(slab->base - before);
	const uint64_t untouched = UINT64_MAX / UINT8_MAX * (uint8_t)rest_byte();
	size_t behind = rest_behind(slab->base, bytes), i;
	uint64_t sum = 0;

	for (i = 0; i < behind; i++)
		if (p[bytes + i] != rest_byte())
			return FAULT_OVERFLOW;
	for (i = 0; i < before / sizeof(*word); i++)
		sum |= word[i] ^ untouched;
	return sum ? FAULT_UNDERFLOW : NFAULTS;
}

enum fault plat__guard_damage(const struct slab *slab, size_t bytes)
{
	return damage(slab, bytes, bytes ? rest_before(slab->base) : 0);
}

/* --- of those that are live --- */

/*
 * Not one that begins a page: the program may have closed that. Large ones have slabs that serve
 * others later.
 */
void plat__guard_remember(struct slab *slab)
{
	if (slab->front == 0 && rest_before(slab->base) >= NEAR && large_size(slab) > 0)
		store_release(&last[fetch_add(&nremembered, 1) % LAST], slab);
}

static void look_at(struct slab *slab)
{
	uint64_t size = load_acquire(&slab->size);
	enum fault fault;

	/* Another block may be there by now, which is as good. */
	if (size < 2 || rest_before(slab->base) < NEAR)
		return;
	fault = damage(slab, size - 1, NEAR);
	if (fault == NFAULTS)
		return;
	plat__fault(fault, (const void *)slab->base, size - 1, (const void *)slab->base);
	fill(slab, size - 1, NEAR); /* it is told once */
}

void plat__guard_look(void)
{
	uint32_t i;

	for (i = 0; i < LAST; i++) {
		struct slab *slab = load_acquire(&last[i]), *none = NULL;

		if (!slab || !compare_exchange(&looked_at, &none, slab))
			continue;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		look_at(slab);
		store_release(&looked_at, NULL);
	}
}

/* He may have been interrupted by a signal, in whose handler this is; or was lost in a fork. */
bool plat__guard_is_let_alone(const struct slab *slab)
{
	unsigned patience = PATIENCE;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	while (load_acquire(&looked_at) == slab) {
		if (patience-- == 0)
			return false;
		plat__system_yield();
	}
	return true;
}
