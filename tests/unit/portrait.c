/* What differs between two portraits, made by hand. */
#include "heap/portrait.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

static struct file files[] = {{.name = (char *)"/lib/a"}, {.name = (char *)"/lib/b"}};

static struct region region(unsigned kind, plat_addr start, uint64_t size, uint32_t file,
			    uint64_t rss)
{
	return (struct region){.start = start,
			       .end = start + size,
			       .kind = (uint8_t)kind,
			       .file = file,
			       .module = NO_MODULE,
			       .thread = NO_THREAD,
			       .pages = {.rss = rss}};
}

static int portray(struct region *regions, size_t n, struct survey *survey, struct portrait *ret)
{
	struct heap_reading heap = {.sums = {.live_blocks = 1, .live_bytes = 2, .held = 3}};
	const struct heaps heaps = {.readings = {&heap}, .n = survey ? 1 : 0, .has_used = survey};
	struct space space;
	int r;

	space_init(&space);
	space.regions = regions;
	space.nregions = n;
	space.files = files;
	space.nfiles = ARRAY_SIZE(files);
	r = portrait_make(&space, true, &heaps, survey, ret);
	space.regions = NULL;
	space.files = NULL;
	space.nregions = space.nfiles = 0;
	space_fini(&space);
	return r;
}

static void regions_of_one_object_are_one(void **state)
{
	struct region regions[] = {
		region(KIND_FILE, 0x1000, 0x1000, 1, 0x1000),
		region(KIND_THREAD_STACK, 0x3000, 0x2000, NO_FILE, 0x1000),
		region(KIND_FILE, 0x5000, 0x1000, 0, 0),
		region(KIND_THREAD_STACK, 0x7000, 0x2000, NO_FILE, 0x2000),
		region(KIND_FILE, 0x9000, 0x2000, 1, 0x1000),
	};
	struct portrait portrait;

	(void)state;
	assert_int_equal(portray(regions, ARRAY_SIZE(regions), NULL, &portrait), 0);
	assert_int_equal(portrait.nobjects, 3);
	assert_string_equal(portrait.objects[0].name, "/lib/a");
	assert_string_equal(portrait.objects[1].name, "/lib/b");
	assert_int_equal(portrait.objects[1].regions, 2);
	assert_int_equal(portrait.objects[1].size, 0x3000);
	assert_int_equal(portrait.objects[1].rss, 0x2000);
	assert_int_equal(portrait.objects[2].kind, KIND_THREAD_STACK);
	assert_int_equal(portrait.objects[2].rss, 0x3000);
	portrait_fini(&portrait);
}

static void what_grew_most_comes_first(void **state)
{
	struct region before[] = {
		region(KIND_FILE, 0x1000, 0x1000, 0, 0x1000),
		region(KIND_ANON, 0x3000, 0x9000, NO_FILE, 0x1000),
		region(KIND_HEAP, 0x20000, 0x1000, NO_FILE, 0x1000),
	};
	struct region after[] = {
		region(KIND_FILE, 0x1000, 0x1000, 1, 0x1000),
		region(KIND_ANON, 0x3000, 0x1000, NO_FILE, 0x1000),
		region(KIND_HEAP, 0x20000, 0x9000, NO_FILE, 0x1000),
	};
	struct comparison comparison;
	struct portrait a, b;

	(void)state;
	assert_int_equal(portray(before, 3, NULL, &a), 0);
	assert_int_equal(portray(after, 3, NULL, &b), 0);
	assert_int_equal(portrait_compare(&a, &b, &comparison), 0);
	assert_true(comparison.differs);
	assert_int_equal(comparison.nobjects, 4);
	assert_int_equal(comparison.objects[0].kind, KIND_HEAP); /* as much as anon, but more */
	assert_int_equal(comparison.objects[1].kind, KIND_ANON);
	assert_string_equal(comparison.objects[2].name, "/lib/b");
	assert_int_equal(comparison.objects[2].regions.a, 0);
	assert_string_equal(comparison.objects[3].name, "/lib/a");
	assert_int_equal(comparison.objects[3].regions.b, 0);
	comparison_fini(&comparison);
	portrait_fini(&a);
	portrait_fini(&b);
}

static void what_is_not_known_of_one_does_not_differ(void **state)
{
	struct region seen[] = {region(KIND_ANON, 0x1000, 0x1000, NO_FILE, 0x1000)};
	struct region unseen[] = {region(KIND_ANON, 0x1000, 0x1000, NO_FILE, UNKNOWN)};
	struct survey_size size = {.size = 10, .blocks = 1};
	struct survey survey = {.sizes = &size, .nsizes = 1};
	struct comparison comparison;
	struct portrait a, b;

	(void)state;
	assert_int_equal(portray(seen, 1, &survey, &a), 0);
	assert_int_equal(portray(unseen, 1, NULL, &b), 0);
	assert_int_equal(portrait_compare(&a, &b, &comparison), 0);
	assert_false(comparison.differs);
	comparison_fini(&comparison);
	portrait_fini(&a);
	portrait_fini(&b);
}

static void sizes_are_compared(void **state)
{
	struct survey_size before[] = {{100, 3}, {10, 5}, {7, 2}};
	struct survey_size after[] = {{3000, 1}, {100, 4}, {10, 5}};
	struct survey first = {.sizes = before, .nsizes = 3},
		      second = {.sizes = after, .nsizes = 3};
	struct comparison comparison;
	struct portrait a, b;

	(void)state;
	assert_int_equal(portray(NULL, 0, &first, &a), 0);
	assert_int_equal(portray(NULL, 0, &second, &b), 0);
	assert_int_equal(portrait_compare(&a, &b, &comparison), 0);
	assert_int_equal(comparison.nsizes, 3);
	assert_int_equal(comparison.sizes[0].size, 3000);
	assert_int_equal(comparison.sizes[0].blocks.a, 0);
	assert_int_equal(comparison.sizes[1].size, 100);
	assert_int_equal(comparison.sizes[2].size, 7);
	assert_int_equal(comparison.sizes[2].blocks.b, 0);
	comparison_fini(&comparison);
	portrait_fini(&a);
	portrait_fini(&b);
}

static void lists_are_compared_by_name(void **state)
{
	struct comparison comparison;
	struct portrait a, b;
	const struct holding_change *changes;

	(void)state;
	assert_int_equal(portray(NULL, 0, NULL, &a), 0);
	assert_int_equal(portray(NULL, 0, NULL, &b), 0);
	assert_int_equal(portrait_add(&a, PORTRAIT_TYPES, "Same", 3, 300), 0);
	assert_int_equal(portrait_add(&a, PORTRAIT_TYPES, "Gone", 1, 50), 0);
	assert_int_equal(portrait_add(&a, PORTRAIT_TYPES, "More", 1, 10), 0);
	assert_int_equal(portrait_add(&b, PORTRAIT_TYPES, "New", 2, 50), 0);
	assert_int_equal(portrait_add(&b, PORTRAIT_TYPES, "More", 5, 400), 0);
	assert_int_equal(portrait_add(&b, PORTRAIT_TYPES, "More", 5, 400), 0);
	assert_int_equal(portrait_add(&b, PORTRAIT_TYPES, "Same", 3, 300), 0);
	/* Known of one: nobody knows whether it differs. */
	assert_int_equal(portrait_add(&b, PORTRAIT_SITES, "main\nf", 5, 400), 0);
	assert_int_equal(portrait_compare(&a, &b, &comparison), 0);
	assert_true(comparison.differs);
	assert_int_equal(comparison.nlists[PORTRAIT_SITES], 0);
	assert_int_equal(comparison.nlists[PORTRAIT_TYPES], 3);
	changes = comparison.lists[PORTRAIT_TYPES];
	assert_string_equal(changes[0].name, "More");
	assert_int_equal(changes[0].bytes.a, 10);
	assert_int_equal(changes[0].bytes.b, 800);
	assert_int_equal(changes[0].blocks.b, 10);
	assert_string_equal(changes[1].name, "New");
	assert_int_equal(changes[1].blocks.a, 0);
	assert_string_equal(changes[2].name, "Gone");
	assert_int_equal(changes[2].bytes.b, 0);
	comparison_fini(&comparison);
	/* Known of both, and empty in one. */
	a.lists[PORTRAIT_SITES].is_known = true;
	assert_int_equal(portrait_compare(&a, &b, &comparison), 0);
	assert_int_equal(comparison.nlists[PORTRAIT_SITES], 1);
	comparison_fini(&comparison);
	portrait_fini(&a);
	portrait_fini(&b);
}

static void every_allocation_can_fail(void **state)
{
	struct region regions[] = {
		region(KIND_FILE, 0x1000, 0x1000, 0, 0x1000),
		region(KIND_FILE, 0x3000, 0x1000, 1, 0x1000),
	};
	struct survey_size size = {.size = 10, .blocks = 1};
	struct survey survey = {.sizes = &size, .nsizes = 1};
	struct comparison comparison;
	struct portrait portrait;
	size_t n;
	int r;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		r = portray(regions, 2, &survey, &portrait);
		if (r == 0) {
			r = portrait_add(&portrait, PORTRAIT_TYPES, "Type", 1, 2);
			if (r == 0)
				r = portrait_compare(&portrait, &portrait, &comparison);
			if (r == 0)
				comparison_fini(&comparison);
			portrait_fini(&portrait);
		}
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_int_equal(failing_alive(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_of_one_object_are_one),
		cmocka_unit_test(what_grew_most_comes_first),
		cmocka_unit_test(what_is_not_known_of_one_does_not_differ),
		cmocka_unit_test(sizes_are_compared),
		cmocka_unit_test(lists_are_compared_by_name),
		cmocka_unit_test(every_allocation_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
