/*
 * Which bytes lie within one live block, by the map's guess and by the map: slabs at addresses that
 * are nobody's memory, so that any two can meet in one entry of the guess, beside what is plain to
 * see from their own strides and tags. No byte of a block is touched.
 */
#include "check.h"

#include "alloc/fault.h"
#include "alloc/map.h"
#include "alloc/options.h"
#include "alloc/ranges.h"
#include "alloc/slab.h"
#include "prop/kernel/random.h"

#include <string.h>

#define FOUR_GIB ((uintptr_t)1 << 32)
#define BASE ((uintptr_t)0x123456780000)
#define SLOTS_MOST (GRANULE / SLOT_GRAIN)

/* One that the allocator would have made, without memory. */
struct made {
	_Alignas(64) struct slab slab;
	uint8_t tags[SLOTS_MOST];
};

static struct made slots, others, alone;

static void make_slots(struct made *made, uint32_t class, uintptr_t base, struct random *random)
{
	uint32_t stride = plat__class_stride(class), i;
	struct slab *slab = &made->slab;
	bool is_wide = class_is_wide(class);

	memset(made, 0, sizeof(*made));
	slab->kind = is_wide ? SLAB_WIDE : SLAB_SMALL;
	slab->class = (uint8_t) class;
	slab->base = base;
	slab->stride = stride;
	slab->ngranules = stride <= 8192 ? 1 : stride <= 16384 ? 2 : 4;
	slab->nslots = (uint32_t)(slab->ngranules * GRANULE / stride);
	slab->nshort = is_wide ? 0 : slab->nslots;
	slab->nwide = is_wide ? slab->nslots : 0;
	slab->reciprocal = ((UINT64_C(1) << SLOT_SHIFT) - 1) / stride + 1;
	for (i = 0; i < slab->nslots; i++) {
		uint32_t most = stride - CANARY < UINT8_MAX ? stride - CANARY : UINT8_MAX - CANARY;

		if (random_percent(random, 60))
			slab_set_tag(slab, i, CANARY + TAG_BIAS + random_below(random, most + 1));
	}
	check(plat__map_add(slab) == 0);
}

static void make_alone(uintptr_t base, size_t bytes)
{
	struct slab *slab = &alone.slab;

	memset(&alone, 0, sizeof(alone));
	slab->kind = SLAB_RUN;
	slab->base = base;
	slab->nslots = 1;
	slab->ngranules = (uint32_t)((bytes + CANARY + GRANULE - 1) / GRANULE);
	slab->size = bytes + 1;
	check(plat__map_add(slab) == 0);
}

static bool has_fault(uintptr_t at, size_t bytes)
{
	size_t before = plat__fault_count();

	plat_check_access((const void *)at, bytes, "a test", true);
	return plat__fault_count() != before;
}

/* What lies at this offset of the slab: the block's bytes from there on; 0: it is in none. */
static size_t room_at(const struct slab *slab, size_t offset)
{
	size_t slot = offset / slab->stride, inside = offset % slab->stride, size;
	uint32_t tag = slot < slab->nslots ? slab_tag(slab, (uint32_t)slot) : 0;

	if (tag == 0)
		return 0;
	size = slab_size_of(slab, tag);
	return inside < size ? size - inside : 0;
}

/* Anywhere in the slab, and so many bytes that it is nearly right, or not at all. */
static void look_at_slots(const struct slab *slab, struct random *random)
{
	size_t whole = (size_t)slab->nslots * slab->stride;
	size_t offset = random_below(random, (uint32_t)whole);
	size_t room = room_at(slab, offset), bytes;

	switch (random_below(random, 4)) {
	case 0:
		bytes = random_below(random, 2 * slab->stride);
		break;
	case 1:
		bytes = (size_t)random_next(random) >> random_below(random, 60);
		break;
	default:
		bytes = room + random_below(random, 3) - (room > 0);
		break;
	}
	check_with(has_fault(slab->base + offset, bytes) == (bytes > room),
		   "stride %u, offset %zu, %zu bytes, room %zu", slab->stride, offset, bytes, room);
}

static void look_at_alone(struct random *random)
{
	const struct slab *slab = &alone.slab;
	size_t size = (size_t)slab->size - 1, offset = random_below(random, (uint32_t)size);
	size_t bytes = size - offset + random_below(random, 3) - 1;

	check_with(has_fault(slab->base + offset, bytes) == (offset + bytes > size),
		   "offset %zu of %zu, %zu bytes", offset, size, bytes);
}

/* Addresses that are alike, and nobody's. */
static void look_elsewhere(const struct slab *slab, struct random *random)
{
	uintptr_t at = slab->base + random_below(random, (uint32_t)(slab->ngranules * GRANULE));
	size_t bytes = random_below(random, 2 * slab->stride + 64);
	uint32_t far = random_below(random, 1000) + 2;

	check(!has_fault(at - far * FOUR_GIB, bytes));
	check(!has_fault(at + far * FOUR_GIB, bytes));
	if (!others.slab.base) {
		check(!has_fault(at - FOUR_GIB, bytes));
		check(!has_fault(at + FOUR_GIB, bytes));
	}
}

static void look_at_both(struct random *random)
{
	unsigned i;

	for (i = 0; i < 1500; i++) {
		look_at_slots(&slots.slab, random);
		look_elsewhere(&slots.slab, random);
		if (others.slab.base)
			look_at_slots(&others.slab, random);
	}
}

static void each_byte_of_a_class_is_judged_by_its_tag(void)
{
	struct random random = {1};
	uint32_t class;

	memset(&others, 0, sizeof(others));
	for (class = 1; class < NCLASSES; class ++) {
		make_slots(&slots, class, BASE, &random);
		look_at_both(&random);
		plat__map_remove(&slots.slab);
		check(!has_fault(BASE, 100));
	}
}

/* Both in one entry of the guess: each of them as if it were alone, whoever came first. */
static void slabs_that_are_alike_are_told_apart(void)
{
	struct random random = {2};
	uint32_t i;

	for (i = 0; i < 60; i++) {
		make_slots(&slots, 1 + random_below(&random, NCLASSES - 1), BASE, &random);
		make_slots(&others, 1 + random_below(&random, NCLASSES - 1),
			   BASE + (i % 2 ? FOUR_GIB : -FOUR_GIB), &random);
		look_at_both(&random);
		plat__map_remove(&others.slab);
		memset(&others, 0, sizeof(others));
		look_at_both(&random);
		plat__map_remove(&slots.slab);
	}
}

/* It gives way, and is judged as ever; what it has left is not taken for nobody's. */
static void a_block_alone_gives_way_to_slots(void)
{
	struct random random = {3};
	uint32_t i, k;

	memset(&others, 0, sizeof(others));
	for (i = 0; i < 60; i++) {
		uintptr_t base = BASE + (i % 2 ? FOUR_GIB : -FOUR_GIB);
		size_t bytes = 2 * GRANULE + random_below(&random, 100000);

		if (i % 4 < 2)
			make_alone(base, bytes);
		make_slots(&slots, 1 + random_below(&random, NCLASSES - 1), BASE, &random);
		if (i % 4 >= 2)
			make_alone(base, bytes);
		check(near_slab((const void *)BASE) == &slots.slab);
		for (k = 0; k < 500; k++) {
			look_at_slots(&slots.slab, &random);
			look_at_alone(&random);
		}
		plat__map_remove(&slots.slab);
		check(near_distance((const void *)BASE) != 0);
		for (k = 0; k < 500; k++)
			look_at_alone(&random);
		alone.slab.size = 0;
		check(has_fault(base, 1) && has_fault(base + 3 * GRANULE / 2, 1));
		plat__map_remove(&alone.slab);
	}
}

/* What begins on nobody's granule and runs into a block on the next one. */
static void bytes_ahead_of_a_block_may_not_run_into_it(void)
{
	uintptr_t base = BASE + 16 * GRANULE;

	make_alone(base, 1000);
	check(!has_fault(base - 8, 0) && !has_fault(base - 8, 8));
	check(has_fault(base - 8, 9));
	check(!has_fault(base, 1000) && has_fault(base, 1001));
	check(!has_fault(base - GRANULE, GRANULE) && has_fault(base - GRANULE, GRANULE + 1));
	plat__map_remove(&alone.slab);
	check(!has_fault(base - 8, 9) && !has_fault(base, 1001));
}

/* As guarded ones do, it begins anywhere. */
static void bytes_in_front_of_a_block_in_its_granule_are_not_its_own(void)
{
	uintptr_t base = BASE + 16 * GRANULE + 48;

	make_alone(base, 1000);
	check(!has_fault(base, 1000) && has_fault(base, 1001));
	check(has_fault(base - 8, 8) && has_fault(base - 8, 9) && has_fault(base - 48, 1048));
	plat__map_remove(&alone.slab);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{TEST(each_byte_of_a_class_is_judged_by_its_tag)},
		{TEST(slabs_that_are_alike_are_told_apart)},
		{TEST(a_block_alone_gives_way_to_slots)},
		{TEST(bytes_ahead_of_a_block_may_not_run_into_it)},
		{TEST(bytes_in_front_of_a_block_in_its_granule_are_not_its_own)},
	};

	plat__options.on_error = ON_ERROR_IGNORE;
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
