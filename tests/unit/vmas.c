/* The list of VMAs: in order, found again, and the gaps between them. */
#include "model/vmas.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct vmas vmas;

static int set_up(void **state)
{
	(void)state;
	vmas = VMAS_EMPTY;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vmas_fini(&vmas);
	return 0;
}

static void add(plat_addr start, plat_addr end)
{
	const struct vma vma = {.start = start, .end = end, .pgoff = start / PAGE};

	assert_int_equal(vmas_insert(&vmas, &vma), 0);
}

/* `n` VMAs of a page, each with a free page below. */
static void add_many(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		add((2 * i + 1) * PAGE, (2 * i + 2) * PAGE);
	assert_true(vmas_valid(&vmas));
}

static plat_addr start_at(struct vma_place place)
{
	const struct vma *vma = vmas_at(&vmas, place);

	assert_non_null(vma);
	return vma->start;
}

static bool is_end(struct vma_place place)
{
	return !vmas_at(&vmas, place);
}

static struct vma_place place_of(plat_addr start)
{
	struct vma_place place = vmas_find(&vmas, start);

	assert_int_equal(start_at(place), start);
	return place;
}

static void an_empty_list_has_nothing(void **state)
{
	struct vma_place place = vmas_find(&vmas, 0);

	(void)state;
	assert_true(vmas_valid(&vmas));
	assert_true(is_end(place));
	assert_true(is_end(vmas_first(&vmas)));
	assert_true(is_end(vmas_next(&vmas, place)));
	assert_false(vmas_previous(&vmas, &place));
	vmas_fini(&vmas);
}

static void finding_looks_at_the_first_and_last_byte(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	assert_int_equal(start_at(vmas_find(&vmas, 0)), 0x1000);
	assert_int_equal(start_at(vmas_find(&vmas, 0x1000)), 0x1000);
	assert_int_equal(start_at(vmas_find(&vmas, 0x1fff)), 0x1000);
	assert_int_equal(start_at(vmas_find(&vmas, 0x2000)), 0x3000);
	assert_int_equal(start_at(vmas_find(&vmas, 0x3fff)), 0x3000);
	assert_true(is_end(vmas_find(&vmas, 0x4000)));
	assert_true(is_end(vmas_find(&vmas, UINT64_MAX)));
}

static void any_address_finds_its_vma_among_a_thousand(void **state)
{
	size_t i;

	(void)state;
	add_many(1000);
	for (i = 0; i < 1000; i++) {
		plat_addr start = (2 * i + 1) * PAGE;

		assert_int_equal(start_at(vmas_find(&vmas, start - PAGE)), start);
		assert_int_equal(start_at(vmas_find(&vmas, start - 1)), start);
		assert_int_equal(start_at(vmas_find(&vmas, start)), start);
		assert_int_equal(start_at(vmas_find(&vmas, start + PAGE - 1)), start);
	}
	assert_true(is_end(vmas_find(&vmas, 2000 * PAGE)));
}

static void a_walk_up_and_down_passes_each(void **state)
{
	struct vma_place place;
	size_t i = 0;

	(void)state;
	add_many(1000);
	for (place = vmas_first(&vmas); !is_end(place); place = vmas_next(&vmas, place))
		assert_int_equal(start_at(place), (2 * i++ + 1) * PAGE);
	assert_int_equal(i, 1000);
	while (vmas_previous(&vmas, &place))
		assert_int_equal(start_at(place), (2 * --i + 1) * PAGE);
	assert_int_equal(i, 0);
}

static void a_vma_keeps_what_is_known_of_it(void **state)
{
	const struct vma vma = {0x5000, 0x7000, 5, 3, 2, 1};
	const struct vma *found;

	(void)state;
	add_many(2);
	add(0x9000, 0xa000);
	assert_int_equal(vmas_insert(&vmas, &vma), 0);
	found = vmas_at(&vmas, vmas_find(&vmas, 0x5000));
	assert_memory_equal(found, &vma, offsetof(struct vma, anon) + sizeof(vma.anon));
	assert_int_equal(vmas.count, 4);
}

/* Puts pages in by their place alone: `step` apart, around in a circle of `n`. */
static void check_insert_at(size_t n, size_t step)
{
	size_t i, page = 0;

	for (i = 0; i < n; i++, page = (page + step) % n) {
		const struct vma vma = {.start = page * PAGE, .end = (page + 1) * PAGE};
		struct vma_place place = vmas_find(&vmas, vma.start), before;

		assert_int_equal(vmas_insert_at(&vmas, &place, &vma), 0);
		assert_int_equal(start_at(place), vma.start);
		before = place;
		if (vmas_previous(&vmas, &before))
			assert_int_equal(start_at(vmas_next(&vmas, before)), vma.start);
	}
	assert_int_equal(vmas.count, n);
	assert_true(vmas_valid(&vmas));
	vmas_fini(&vmas);
}

static void inserting_at_a_place_tells_where_it_stands(void **state)
{
	(void)state;
	check_insert_at(1000, 1);
	check_insert_at(1000, 999);
	check_insert_at(1000, 7);
	check_insert_at(1000, 387);
}

static void removing_tells_what_came_after(void **state)
{
	size_t i;

	(void)state;
	add_many(1000);
	/* Every third, until nothing is left. */
	for (i = 0; vmas.count > 0; i = (i + 2) % vmas.count) {
		struct vma_place place = vmas_first(&vmas), after;
		plat_addr next;
		size_t k;

		for (k = 0; k < i; k++)
			place = vmas_next(&vmas, place);
		after = vmas_next(&vmas, place);
		next = is_end(after) ? 0 : start_at(after);
		place = vmas_remove(&vmas, place);
		assert_int_equal(is_end(place) ? 0 : start_at(place), next);
		if (vmas.count == 0)
			break;
	}
	assert_true(vmas_valid(&vmas));
	assert_int_equal(vmas.nchunks, 0);
}

static void resizing_moves_both_borders(void **state)
{
	struct vma_place place;

	(void)state;
	add(0x1000, 0x2000);
	add(0x5000, 0x6000);
	add(0x9000, 0xa000);
	place = place_of(0x5000);
	vmas_resize(&vmas, place, 0x2000, 0x9000);
	assert_int_equal(start_at(place), 0x2000);
	assert_int_equal(vmas_at(&vmas, place)->end, 0x9000);
	vmas_resize(&vmas, place, 0x7000, 0x8000);
	assert_int_equal(start_at(vmas_find(&vmas, 0x2000)), 0x7000);
	assert_int_equal(start_at(vmas_find(&vmas, 0x8000)), 0x9000);
	assert_true(vmas_valid(&vmas));
}

/* Chunks. */

static void rows_up_and_down_leave_full_chunks(void **state)
{
	size_t i;

	(void)state;
	add_many(6400);
	assert_true(vmas.nchunks <= 6400 / 64);
	vmas_fini(&vmas);
	for (i = 6400; i-- > 0;)
		add((2 * i + 1) * PAGE, (2 * i + 2) * PAGE);
	assert_true(vmas.nchunks <= 6400 / 64);
}

static void few_vmas_have_few_chunks(void **state)
{
	struct vma_place place;
	size_t i;

	(void)state;
	add_many(8192);
	for (place = vmas_first(&vmas); !is_end(place); place = vmas_next(&vmas, place))
		for (i = 0; i < 31; i++)
			place = vmas_remove(&vmas, place);
	assert_true(vmas_valid(&vmas));
	assert_int_equal(vmas.count, 256);
	assert_true(vmas.nchunks <= 16);
}

/* vm.max_map_count where nobody has set it. */
static void as_many_as_a_process_may_have(void **state)
{
	struct vma_place place;
	plat_addr bottom, top;
	size_t n = 65530;

	(void)state;
	add_many(n);
	assert_int_equal(vmas.count, n);
	assert_true(vmas_highest_gap(&vmas, 0, 2 * n * PAGE, PAGE, &bottom, &top, &place));
	assert_int_equal(bottom, 2 * (n - 1) * PAGE);
	assert_true(vmas_lowest_gap(&vmas, PAGE, 2 * n * PAGE, PAGE, &bottom, &top, &place));
	assert_int_equal(bottom, 2 * PAGE);
	assert_false(vmas_highest_gap(&vmas, 0, 2 * n * PAGE, PAGE + 1, &bottom, &top, &place));
	place = vmas_first(&vmas);
	while (!is_end(place))
		place = vmas_remove(&vmas, place);
	assert_int_equal(vmas.count, 0);
	assert_int_equal(vmas.nchunks, 0);
}

static void a_copy_shares_nothing(void **state)
{
	struct vmas copy;
	size_t i;

	(void)state;
	add_many(300);
	assert_int_equal(vmas_copy(&vmas, &copy), 0);
	vmas_resize(&vmas, place_of(PAGE), 0, PAGE);
	for (i = 1; i < 300; i++)
		vmas_remove(&vmas, vmas_find(&vmas, 2 * PAGE));
	assert_int_equal(copy.count, 300);
	assert_int_equal(vmas_at(&copy, vmas_first(&copy))->start, PAGE);
	assert_true(vmas_valid(&copy));
	vmas_fini(&copy);
	assert_int_equal(vmas.count, 1);
}

static void an_empty_list_can_be_copied(void **state)
{
	struct vmas copy;

	(void)state;
	assert_int_equal(vmas_copy(&vmas, &copy), 0);
	assert_int_equal(copy.count, 0);
	vmas_fini(&copy);
	vmas_fini(&copy);
}

/* Gaps. */

/* The search finds [bottom, top), and what stands above it. */
static void check_highest(plat_addr low, plat_addr high, uint64_t length, plat_addr bottom,
			  plat_addr top)
{
	plat_addr found_bottom, found_top;
	struct vma_place above, expected = vmas_find(&vmas, bottom);

	assert_true(vmas_highest_gap(&vmas, low, high, length, &found_bottom, &found_top, &above));
	assert_int_equal(found_bottom, bottom);
	assert_int_equal(found_top, top);
	assert_int_equal(above.chunk, expected.chunk);
	assert_int_equal(above.index, expected.index);
}

static void check_lowest(plat_addr low, plat_addr high, uint64_t length, plat_addr bottom,
			 plat_addr top)
{
	plat_addr found_bottom, found_top;
	struct vma_place above, expected = vmas_find(&vmas, bottom);

	assert_true(vmas_lowest_gap(&vmas, low, high, length, &found_bottom, &found_top, &above));
	assert_int_equal(found_bottom, bottom);
	assert_int_equal(found_top, top);
	assert_int_equal(above.chunk, expected.chunk);
	assert_int_equal(above.index, expected.index);
}

static void check_only(plat_addr low, plat_addr high, uint64_t length, plat_addr bottom,
		       plat_addr top)
{
	check_highest(low, high, length, bottom, top);
	check_lowest(low, high, length, bottom, top);
}

static void check_none(plat_addr low, plat_addr high, uint64_t length)
{
	struct vma_place above = {7, 7};
	plat_addr bottom = 7, top = 7;

	assert_false(vmas_highest_gap(&vmas, low, high, length, &bottom, &top, &above));
	assert_false(vmas_lowest_gap(&vmas, low, high, length, &bottom, &top, &above));
	assert_true(bottom == 7 && top == 7 && above.chunk == 7 && above.index == 7);
}

static void an_empty_list_is_one_gap(void **state)
{
	(void)state;
	check_only(0, UINT64_MAX, 1, 0, UINT64_MAX);
	check_only(0, UINT64_MAX, UINT64_MAX, 0, UINT64_MAX);
	check_only(0x1000, 0x2000, 0x1000, 0x1000, 0x2000);
	check_none(0x1000, 0x2000, 0x1001);
}

static void gaps_lie_below_between_and_above(void **state)
{
	(void)state;
	add(0x4000, 0x5000);
	add(0x7000, 0x8000);
	check_lowest(0, 0xa000, 0x1000, 0, 0x4000);
	check_highest(0, 0xa000, 0x1000, 0x8000, 0xa000);
	check_highest(0, 0xa000, 0x3000, 0, 0x4000);
	check_only(0x4000, 0x8000, 0x1000, 0x5000, 0x7000);
	check_only(0, UINT64_MAX, 0x5000, 0x8000, UINT64_MAX);
}

static void gaps_are_cut_to_what_is_searched(void **state)
{
	(void)state;
	add(0x4000, 0x5000);
	add(0x9000, 0xa000);
	check_only(0x6000, 0x8000, 0x2000, 0x6000, 0x8000);
	check_only(0x6000, 0x9800, 0x1000, 0x6000, 0x9000);
	check_only(0x4800, 0x8000, 0x1000, 0x5000, 0x8000);
	check_none(0x6000, 0x8000, 0x2001);
	check_lowest(0x1000, 0xc000, 0x3000, 0x1000, 0x4000);
	check_highest(0x1000, 0xc000, 0x2000, 0xa000, 0xc000);
	check_none(0x4000, 0x5000, 1);
	check_none(0x4400, 0x4800, 1);
	check_only(0x3fff, 0x5000, 1, 0x3fff, 0x4000);
	check_only(0x4000, 0x5001, 1, 0x5000, 0x5001);
}

static void a_range_that_is_empty_or_backwards_has_no_gap(void **state)
{
	(void)state;
	check_none(0, 0, 1);
	check_none(0x5000, 0x1000, 1);
	add(0x2000, 0x3000);
	check_none(0, 0, 1);
	check_none(0x4000, 0x4000, 1);
	check_none(0x5000, 0x1000, 1);
	check_none(UINT64_MAX, UINT64_MAX, 1);
}

static void vmas_that_touch_leave_no_gap(void **state)
{
	(void)state;
	add(0, 0x1000);
	add(0x1000, 0x2000);
	add(0x2000, 0x3000);
	check_none(0, 0x3000, 1);
	check_only(0, 0x3001, 1, 0x3000, 0x3001);
}

static void a_gap_up_to_the_largest_number_is_found(void **state)
{
	(void)state;
	add(0xffffffffff600000, 0xffffffffff601000);
	check_highest(0, UINT64_MAX, 0x1000, 0xffffffffff601000, UINT64_MAX);
	check_lowest(0, UINT64_MAX, 0x1000, 0, 0xffffffffff600000);
	add(0xffffffffff601000, UINT64_MAX);
	check_only(0, UINT64_MAX, 1, 0, 0xffffffffff600000);
}

static void gaps_are_seen_to_grow_and_shrink(void **state)
{
	plat_addr end = 2000 * PAGE;
	size_t i;

	(void)state;
	add_many(1000);
	for (i = 0; i < 1000; i++) {
		plat_addr start = (2 * i + 1) * PAGE;

		check_none(0, end, PAGE + 1);
		vmas_resize(&vmas, place_of(start), start + 1, start + PAGE);
		check_only(0, end, PAGE + 1, start - PAGE, start + 1);
		vmas_resize(&vmas, place_of(start + 1), start - 1, start + PAGE - 1);
		if (i < 999)
			check_only(0, end, PAGE + 1, start + PAGE - 1, start + 2 * PAGE);
		vmas_resize(&vmas, place_of(start - 1), start, start + PAGE);
		assert_true(vmas_valid(&vmas));
	}
}

static void what_is_removed_leaves_a_gap(void **state)
{
	plat_addr end = 2000 * PAGE;
	size_t i;

	(void)state;
	add_many(1000);
	for (i = 0; i < 999; i++) {
		plat_addr start = (2 * i + 1) * PAGE;

		vmas_remove(&vmas, place_of(start));
		check_only(0, end, 2 * PAGE, start - PAGE, start + 2 * PAGE);
		add(start, start + PAGE);
		check_none(0, end, 2 * PAGE);
	}
	vmas_remove(&vmas, place_of(end - PAGE));
	check_only(0, end, 2 * PAGE, end - 2 * PAGE, end);
}

static void broken_lists_are_not_valid(void **state)
{
	struct vma *first, *last;

	(void)state;
	add(0x8000, 0x9000);
	add(0xa000, 0xb000);
	first = vmas_at(&vmas, vmas_first(&vmas));
	last = first + 1;
	assert_true(vmas_valid(&vmas));
	first->end = 0xa001;
	assert_false(vmas_valid(&vmas));
	first->end = 0x8000;
	assert_false(vmas_valid(&vmas));
	first->end = 0x9000;
	first->start = 0x8001; /* a larger gap than is remembered */
	assert_false(vmas_valid(&vmas));
	first->start = 0x8000;
	last->end = 0xc000;
	assert_false(vmas_valid(&vmas));
	last->end = 0xb000;
	vmas.count = 3;
	assert_false(vmas_valid(&vmas));
	vmas.count = 2;
	assert_true(vmas_valid(&vmas));
}

static void must_insert(size_t page)
{
	const struct vma vma = {.start = page * PAGE, .end = (page + 1) * PAGE};
	size_t count = vmas.count;
	int r = vmas_insert(&vmas, &vma);

	assert_true(vmas_valid(&vmas));
	if (r == 0)
		return;
	assert_int_equal(r, -ENOMEM);
	assert_true(failing_failed());
	assert_int_equal(vmas.count, count);
	if (!is_end(vmas_find(&vmas, vma.start)))
		assert_true(start_at(vmas_find(&vmas, vma.start)) >= vma.end);
	assert_int_equal(vmas_insert(&vmas, &vma), 0);
}

static void each_allocation_may_fail(void **state)
{
	struct vmas copy;
	size_t n, i;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		for (i = 1000; i < 1300; i++) /* up, down, and in between */
			must_insert(2 * i);
		for (i = 1000; i-- > 700;)
			must_insert(2 * i);
		for (i = 0; i < 600; i++)
			must_insert(1401 + 2 * (i * 7 % 600));
		if (vmas_copy(&vmas, &copy) < 0)
			assert_int_equal(vmas_copy(&vmas, &copy), 0);
		assert_int_equal(copy.count, 1200);
		vmas_fini(&copy);
		vmas_fini(&vmas);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 40);
}

/* Against a flat list, in which everything is looked for one by one. */

#define MOST 4000
#define NPAGES (4 * MOST)

static struct vma flat[MOST];
static size_t nflat;
static plat_addr base; /* of the pages that are drawn */
static uint64_t chance;

static uint64_t draw(uint64_t below)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance % below;
}

static plat_addr flat_end_before(size_t i)
{
	return i > 0 ? flat[i - 1].end : 0;
}

static size_t flat_find(plat_addr addr)
{
	size_t i = 0;

	while (i < nflat && flat[i].end <= addr)
		i++;
	return i;
}

static bool is_at(struct vma_place place, size_t i)
{
	const struct vma *vma = vmas_at(&vmas, place);

	if (i == nflat)
		return !vma;
	return vma && vma->start == flat[i].start && vma->end == flat[i].end &&
	       vma->pgoff == flat[i].pgoff;
}

static bool all_agree(void)
{
	struct vma_place place = vmas_first(&vmas);
	size_t i;

	for (i = 0; i < nflat; i++, place = vmas_next(&vmas, place))
		if (!is_at(place, i))
			return false;
	for (; i-- > 0;)
		if (!vmas_previous(&vmas, &place) || !is_at(place, i))
			return false;
	return !vmas_previous(&vmas, &place) && vmas.count == nflat && vmas_valid(&vmas);
}

/* Somewhere in or around the pages, at a border of a page or within. */
static plat_addr draw_addr(void)
{
	return base + draw(NPAGES) * PAGE + (draw(4) ? 0 : draw(PAGE));
}

static bool random_insert(void)
{
	plat_addr start = base + draw(NPAGES) * PAGE;
	size_t i = flat_find(start);
	plat_addr top = i < nflat ? flat[i].start : base + NPAGES * PAGE;
	struct vma vma = {.start = start, .pgoff = chance};
	struct vma_place place;

	if (nflat == MOST || start >= top)
		return true;
	vma.end = min_u64(top, add_capped(start, (1 + draw(6)) * PAGE));
	memmove(&flat[i + 1], &flat[i], (nflat - i) * sizeof(*flat));
	flat[i] = vma;
	nflat++;
	if (draw(2))
		return vmas_insert(&vmas, &vma) == 0 && is_at(vmas_find(&vmas, start), i);
	place = vmas_find(&vmas, start);
	return vmas_insert_at(&vmas, &place, &vma) == 0 && is_at(place, i);
}

static bool random_remove(void)
{
	size_t i = flat_find(draw_addr());

	if (i == nflat)
		return true;
	nflat--;
	memmove(&flat[i], &flat[i + 1], (nflat - i) * sizeof(*flat));
	return is_at(vmas_remove(&vmas, vmas_find(&vmas, flat_end_before(i))), i);
}

static bool random_resize(void)
{
	size_t i = flat_find(draw_addr());
	plat_addr low, high, start, end;

	if (i == nflat)
		return true;
	low = max_u64(flat_end_before(i), flat[i].start - min_u64(flat[i].start, 3 * PAGE));
	high = min_u64(i + 1 < nflat ? flat[i + 1].start : base + NPAGES * PAGE,
		       add_capped(flat[i].end, 3 * PAGE));
	start = draw(3) ? low + draw((high - low) / PAGE) * PAGE : flat[i].start;
	end = draw(3) || start >= flat[i].end ? start + (1 + draw((high - start) / PAGE)) * PAGE
					      : flat[i].end;
	vmas_resize(&vmas, vmas_find(&vmas, flat[i].start), start, end);
	flat[i].start = start;
	flat[i].end = end;
	return is_at(vmas_find(&vmas, start), i);
}

static bool flat_gap(size_t i, plat_addr low, plat_addr high, uint64_t length, plat_addr *bottom,
		     plat_addr *top)
{
	*bottom = max_u64(flat_end_before(i), low);
	*top = min_u64(i < nflat ? flat[i].start : UINT64_MAX, high);
	return *bottom < *top && *top - *bottom >= length;
}

static bool gaps_agree(plat_addr low, plat_addr high, uint64_t length)
{
	plat_addr bottom, top, found_bottom = 0, found_top = 0;
	struct vma_place above;
	size_t i;
	bool found;

	for (i = 0; i <= nflat && !flat_gap(i, low, high, length, &bottom, &top); i++)
		;
	found = vmas_lowest_gap(&vmas, low, high, length, &found_bottom, &found_top, &above);
	if (i > nflat)
		return !found && !vmas_highest_gap(&vmas, low, high, length, &found_bottom,
						   &found_top, &above);
	if (!found || found_bottom != bottom || found_top != top || !is_at(above, i))
		return false;

	for (i = nflat; !flat_gap(i, low, high, length, &bottom, &top); i--)
		;
	found = vmas_highest_gap(&vmas, low, high, length, &found_bottom, &found_top, &above);
	return found && found_bottom == bottom && found_top == top && is_at(above, i);
}

static bool random_question(void)
{
	plat_addr at = draw_addr(), low, high;

	switch (draw(4)) {
	case 0:
		return is_at(vmas_find(&vmas, at), flat_find(at));
	case 1:
		low = 0;
		high = UINT64_MAX;
		break;
	case 2:
		low = base;
		high = base + NPAGES * PAGE;
		break;
	default:
		low = min_u64(at, draw_addr());
		high = at;
	}
	return gaps_agree(low, high, 1 + draw((1 + draw(40)) * PAGE));
}

static bool random_step(size_t target)
{
	bool grow = draw(4) < (nflat < target ? 3 : 1);

	switch (draw(6)) {
	case 0:
	case 1:
	case 2:
		return grow ? random_insert() : random_remove();
	case 3:
		return random_resize();
	default:
		return random_question();
	}
}

static bool goes_on_in_a_copy(void)
{
	struct vmas copy;

	if (vmas_copy(&vmas, &copy) < 0)
		return false;
	vmas_fini(&vmas);
	vmas = copy;
	return all_agree();
}

static void any_list_agrees_with_a_flat_one(void **state)
{
	static const struct {
		size_t target;
		unsigned steps;
	} phases[] = {{0, 100},	   {3, 1000}, {64, 2000}, {0, 500},	 {150, 4000},
		      {700, 4000}, {0, 4000}, {30, 2000}, {3500, 12000}, {200, 16000}};
	unsigned seed, step;
	size_t phase;

	(void)state;
	for (seed = 0; seed < 4; seed++) {
		chance = seed + 1;
		nflat = 0;
		/* From the first address, in the middle, or up to the very top. */
		base = seed == 0 ? 0 : seed == 1 ? -(NPAGES + 1) * PAGE : 0x7f0000000000;
		for (phase = 0; phase < ARRAY_SIZE(phases); phase++) {
			for (step = 0; step < phases[phase].steps; step++)
				if (!random_step(phases[phase].target) ||
				    (step % 128 == 0 && !all_agree()))
					fail_msg("seed %u, phase %zu, step %u", seed, phase, step);
			if (!goes_on_in_a_copy())
				fail_msg("seed %u, phase %zu, copied", seed, phase);
		}
		vmas_fini(&vmas);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_list_has_nothing),
		TEST(finding_looks_at_the_first_and_last_byte),
		TEST(any_address_finds_its_vma_among_a_thousand),
		TEST(a_walk_up_and_down_passes_each),
		TEST(a_vma_keeps_what_is_known_of_it),
		TEST(inserting_at_a_place_tells_where_it_stands),
		TEST(removing_tells_what_came_after),
		TEST(resizing_moves_both_borders),
		TEST(rows_up_and_down_leave_full_chunks),
		TEST(few_vmas_have_few_chunks),
		TEST(as_many_as_a_process_may_have),
		TEST(a_copy_shares_nothing),
		TEST(an_empty_list_can_be_copied),
		TEST(an_empty_list_is_one_gap),
		TEST(gaps_lie_below_between_and_above),
		TEST(gaps_are_cut_to_what_is_searched),
		TEST(a_range_that_is_empty_or_backwards_has_no_gap),
		TEST(vmas_that_touch_leave_no_gap),
		TEST(a_gap_up_to_the_largest_number_is_found),
		TEST(gaps_are_seen_to_grow_and_shrink),
		TEST(what_is_removed_leaves_a_gap),
		TEST(broken_lists_are_not_valid),
		TEST(each_allocation_may_fail),
		TEST(any_list_agrees_with_a_flat_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
