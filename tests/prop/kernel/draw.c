#include "draw.h"

#define PAGE MODEL_PAGE

uint32_t draw_below(struct generator *g, uint32_t n)
{
	return random_below(&g->random, n);
}

bool draw_percent(struct generator *g, unsigned p)
{
	return random_percent(&g->random, p);
}

bool draw_is_32bit(const struct generator *g)
{
	return g->model->bits == 32;
}

/*
 * Addresses.
 */

const struct seen_vma *draw_vma(struct generator *g)
{
	unsigned i;

	for (i = 0; i < 8 && g->seen->nvmas; i++) {
		const struct seen_vma *vma =
			&g->seen->vmas[draw_below(g, (uint32_t)g->seen->nvmas)];

		if (vma->end <= g->keep_start || vma->start >= g->keep_end)
			return vma;
	}
	return NULL;
}

static uint64_t arena_address(struct generator *g)
{
	return ARENA + draw_below(g, ARENA_PAGES) * PAGE;
}

uint64_t draw_border(struct generator *g)
{
	const struct seen_vma *vma = draw_vma(g);
	uint64_t pages;

	if (!vma)
		return arena_address(g);
	pages = (vma->end - vma->start) / PAGE;
	switch (draw_below(g, 6)) {
	case 0:
	case 1:
		return vma->start;
	case 2:
		return vma->end;
	case 3:
		return vma->start - PAGE;
	case 4:
		return vma->end - PAGE;
	default:
		return vma->start + random_next(&g->random) % pages * PAGE;
	}
}

uint64_t draw_below_stack(struct generator *g)
{
	static const unsigned far[] = {0,   1,	 2,   3,   8,	31,  60,  200,	254, 255,
				       256, 257, 258, 300, 511, 512, 513, 1000, 2047};
	const struct seen_vma *vma = NULL;
	const struct vma *real;
	unsigned i;

	for (i = 0; i < 12; i++) {
		vma = draw_vma(g);
		real = vma ? vmas_above(&g->model->vmas, vma->start) : NULL;
		if (real && (real->flags & VMA_GROWSDOWN))
			return real->start - (1 + random_of(&g->random, far)) * PAGE;
	}
	return g->model->start_stack - random_of(&g->random, far) * PAGE;
}

static uint64_t extreme_address(struct generator *g)
{
	static const uint64_t wide[] = {
		0,
		1,
		0xfff,
		0x1000,
		0xf000,
		0xffff,
		0x10000,
		0x7fffffffe000,
		0x7ffffffff000,
		0x800000000000,
		0xffffffffffe00000,
		0xfffffffffffff000,
		UINT64_MAX,
		0x40000000,
		0x7ffff000,
		0x100000000,
		0x20000000,
		0x2aaaaaaab000,
	};
	static const uint64_t narrow[] = {
		0,	    1,		0xfff,	    0x1000,	0xf000,
		0xffff,	    0x10000,	0xffffd000, 0xffffe000, 0xfffff000,
		0xffffffff, 0xc0000000, 0x80000000, 0x55555000, 0x20000000,
	};

	return draw_is_32bit(g) ? random_of(&g->random, narrow) : random_of(&g->random, wide);
}

static uint64_t low_address(struct generator *g)
{
	return draw_below(g, 40) * PAGE;
}

uint64_t draw_heap(struct generator *g)
{
	return g->model->brk + (uint64_t)(random_between(&g->random, -6, 10) * (int64_t)PAGE);
}

uint64_t draw_crowd(struct generator *g)
{
	return CROWD + draw_below(g, (uint32_t)g->model->machine.max_map_count) * PAGE;
}

static uint64_t any_address(struct generator *g)
{
	unsigned x = draw_below(g, 100);
	uint64_t addr;

	if (g->profile->crowd && x < 50)
		return draw_crowd(g);
	if (g->profile->low && x < 15)
		return low_address(g);
	if (x < 55)
		return arena_address(g);
	if (x < 75)
		return draw_border(g);
	if (x < 82)
		return draw_heap(g);
	if (x < 88)
		addr = g->model->mmap_base - draw_below(g, 600) * PAGE;
	else if (x < 94)
		addr = draw_below_stack(g);
	else if (x < 97)
		addr = low_address(g);
	else
		addr = extreme_address(g);
	return addr;
}

uint64_t draw_address(struct generator *g)
{
	uint64_t addr = any_address(g);

	if (draw_percent(g, 3))
		addr += draw_below(g, 4096);
	return draw_is_32bit(g) ? (uint32_t)addr : addr;
}

/*
 * Lengths.
 */

static uint64_t extreme_length(struct generator *g)
{
	static const uint64_t wide[] = {0,
					UINT64_MAX,
					UINT64_MAX - 4095,
					1,
					UINT64_C(1) << 47,
					0x7ffffffff000,
					UINT64_C(1) << 63,
					UINT64_MAX - 8191,
					0xfff};
	static const uint64_t narrow[] = {0,	      1,	  0xffffffff, 0xfffff000,
					  0xfffff001, 0xffffe000, 0x80000000, 0xc0000000};

	/* The first of these cannot be had; the others can, and locking them would fill memory. */
	if (draw_is_32bit(g))
		return g->profile->weights[CALL_MLOCK] ? narrow[draw_below(g, 6)]
						       : random_of(&g->random, narrow);
	return random_of(&g->random, wide);
}

uint64_t draw_huge_length(struct generator *g)
{
	static const uint64_t lengths[] = {
		0x1fffff,      HUGE_PAGE,     HUGE_PAGE,	HUGE_PAGE + PAGE,
		2 * HUGE_PAGE, 2 * HUGE_PAGE, HUGE_PAGE - PAGE, 2 * HUGE_PAGE - PAGE,
		3 * HUGE_PAGE, 4 * HUGE_PAGE};

	return random_of(&g->random, lengths);
}

/* Up to a good part of user space, and around what overcommit allows. */
static uint64_t big_length(struct generator *g)
{
	const struct model_machine *machine = &g->model->machine;
	uint64_t most = machine->ram + machine->swap;

	if (draw_percent(g, 25))
		return most + (uint64_t)(random_between(&g->random, -2, 2) * (int64_t)PAGE);
	if (draw_percent(g, 20))
		return (UINT64_C(1) << 47) - (UINT64_C(1) << (20 + draw_below(g, 27)));
	return UINT64_C(1) << (22 + draw_below(g, 25));
}

uint64_t draw_length(struct generator *g)
{
	unsigned x = draw_below(g, 100);

	if (g->profile->big && x < 40)
		return big_length(g);
	if (x < 3)
		return draw_huge_length(g);
	if (x < 6)
		return extreme_length(g);
	if (x < 10)
		return 1 + draw_below(g, 12 * 4096);
	if (x < 16)
		return (13 + draw_below(g, 60)) * PAGE;
	if (g->profile->crowd)
		return (1 + draw_below(g, 3)) * PAGE;
	return (1 + draw_below(g, 12)) * PAGE;
}

void draw_range(struct generator *g, uint64_t *addr, uint64_t *size)
{
	const struct seen_vma *vma;

	*addr = draw_address(g);
	*size = draw_length(g);
	if (!draw_percent(g, 15))
		return;
	vma = draw_vma(g);
	if (vma) {
		*addr = vma->start;
		*size = vma->end - vma->start;
	}
}
