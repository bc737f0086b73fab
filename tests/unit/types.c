/*
 * Types by a block's first word, from images made by hand:
 *
 *     MODULE          | vtables, typeinfos | names                |
 *     MODULE + PAGE   | the same of __cxxabiv1                    |
 *     HEAP            | blocks                                    |
 */
#include "heap/types.h"

#include "hand.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MODULE UINT64_C(0x400000)
#define MODULE_SIZE (4 * PAGE)
#define HEAP UINT64_C(0x800000)
#define HEAP_SIZE PAGE

static struct space space;
static unsigned char module[MODULE_SIZE], heap[HEAP_SIZE];
static plat_addr gone; /* the page that cannot be read; or 0 */
static unsigned width;

static int read_image(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader;
	if (gone && from < gone + PAGE && from + size > gone)
		return -ENODATA;
	if (from >= MODULE && from + size <= MODULE + MODULE_SIZE)
		memcpy(to, module + (from - MODULE), size);
	else if (from >= HEAP && from + size <= HEAP + HEAP_SIZE)
		memcpy(to, heap + (from - HEAP), size);
	else
		return -EFAULT;
	return 0;
}

static struct reader reader = {.read = read_image};

static void begin(unsigned bits)
{
	begin_town(&space);
	space.process.bits = bits;
	space.machine.page_size = PAGE;
	width = bits / 8;
	gone = 0;
	memset(module, 0, sizeof(module));
	memset(heap, 0, sizeof(heap));
	add_region(&space, MODULE, MODULE + MODULE_SIZE, KIND_RELRO, READ)->module = 0;
	add_region(&space, HEAP, HEAP + HEAP_SIZE, KIND_HEAP, RW);
}

static int begin_64(void **state)
{
	(void)state;
	begin(64);
	return 0;
}

static int begin_32(void **state)
{
	(void)state;
	begin(32);
	return 0;
}

static int end(void **state)
{
	(void)state;
	space_fini(&space);
	return 0;
}

static void put(unsigned char *image, size_t word, uint64_t value)
{
	memcpy(image + word * width, &value, width);
}

/*
 * In a page of the module: the vtable's address point is its third word, its typeinfo the fifth,
 * and its name stands in the middle.
 */
static plat_addr put_class(plat_addr page, const char *name, plat_addr meta)
{
	unsigned char *image = module + (page - MODULE);

	put(image, 0, 0);
	put(image, 1, page + 4 * width);
	put(image, 4, meta);
	put(image, 5, page + PAGE / 2);
	memcpy(image + PAGE / 2, name, strlen(name) + 1);
	return page + 2 * width;
}

/* With __cxxabiv1's class behind it, which is of its own class. */
static plat_addr put_good(const char *name)
{
	plat_addr meta = MODULE + PAGE + 2 * width;

	assert_int_equal(put_class(MODULE + PAGE, "N10__cxxabiv120__si_class_type_infoE", meta),
			 meta);
	return put_class(MODULE, name, meta);
}

/* "" where there is none. */
static const char *type_of(plat_addr word)
{
	static char name[64];
	struct types *types = types_new(&space, &reader);
	const struct type *list;
	uint16_t type;
	size_t n;

	assert_non_null(types);
	assert_int_equal(types_of_word(types, word, &type), 0);
	list = types_list(types, &n);
	assert_int_equal(n, type == NO_TYPE ? 0 : 1);
	snprintf(name, sizeof(name), "%s", type == NO_TYPE ? "" : list[type].name);
	types_free(types);
	return name;
}

static void a_vtable_leads_to_a_name(void **state)
{
	(void)state;
	assert_string_equal(type_of(put_good("N3foo3barE")), "N3foo3barE");
}

static void a_star_before_a_name_is_none_of_it(void **state)
{
	(void)state;
	assert_string_equal(type_of(put_good("*N12_GLOBAL__N_13fooE")), "N12_GLOBAL__N_13fooE");
}

static void what_points_elsewhere_has_no_type(void **state)
{
	(void)state;
	put_good("3foo");
	assert_string_equal(type_of(0), "");
	assert_string_equal(type_of(1), "");
	assert_string_equal(type_of(HEAP), "");
	assert_string_equal(type_of(MODULE), "");
	assert_string_equal(type_of(MODULE + 2 * width + 1), "");
	assert_string_equal(type_of(MODULE + MODULE_SIZE), "");
	assert_string_equal(type_of(MODULE + MODULE_SIZE - 1), "");
	assert_string_equal(type_of(UINT64_MAX), "");
}

static void a_vtable_of_a_base_within_an_object_is_no_start_of_a_block(void **state)
{
	plat_addr point = put_good("3foo");

	(void)state;
	put(module, 0, (uint64_t)-16);
	assert_string_equal(type_of(point), "");
}

static void a_class_built_without_types_has_none(void **state)
{
	plat_addr point = put_good("3foo");

	(void)state;
	put(module, 1, 0);
	assert_string_equal(type_of(point), "");
}

static void what_has_no_class_of_cxxabi_is_no_typeinfo(void **state)
{
	plat_addr point = put_good("3foo");

	(void)state;
	memcpy(module + PAGE + PAGE / 2, "N10__cxxabivX", 13);
	assert_string_equal(type_of(point), "");
	put(module, 4, 0);
	assert_string_equal(type_of(point), "");
	put(module, 4, UINT64_MAX);
	assert_string_equal(type_of(point), "");
}

static void names_that_no_class_can_have_are_none(void **state)
{
	static const char *const names[] = {"", "*", "i", "PKc", "0foo", "3f o", "3f\x1b[", "3f\n"};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		assert_string_equal(type_of(put_good(names[i])), "");
}

static void a_name_without_an_end_is_none(void **state)
{
	plat_addr point = put_good("3foo");

	(void)state;
	memset(module + PAGE + PAGE / 2 + 64, 'x', MODULE_SIZE - PAGE - PAGE / 2 - 64);
	put(module, 5, MODULE + 2 * PAGE);
	assert_string_equal(type_of(point), "");
}

static void what_cannot_be_read_has_no_type(void **state)
{
	plat_addr point = put_good("3foo");

	(void)state;
	gone = MODULE + PAGE;
	assert_string_equal(type_of(point), "");
	gone = MODULE;
	assert_string_equal(type_of(point), "");
}

static void make_index(struct block_index *ret, unsigned n)
{
	struct blocks blocks;
	unsigned i;

	assert_int_equal(blocks_init(&blocks, width), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(
			blocks_add(&blocks, HEAP + i * 32, 24, i == 3 ? BLOCK_FREE : BLOCK_LIVE),
			0);
	assert_int_equal(blocks_finish(&blocks, ret), 0);
	blocks_fini(&blocks);
}

static void live_blocks_are_counted_by_type(void **state)
{
	struct types *types = types_new(&space, &reader);
	plat_addr point = put_good("3foo");
	const struct type *list;
	struct block_index index;
	uint16_t of[6];
	unsigned i;
	size_t n;

	(void)state;
	assert_non_null(types);
	for (i = 1; i < 6; i++)
		put(heap, i * 32 / width, i == 4 ? HEAP : point);
	make_index(&index, 6);
	assert_int_equal(types_count(types, &index, of), 0);
	list = types_list(types, &n);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].blocks, 3);
	assert_int_equal(list[0].bytes, 72);
	for (i = 0; i < 6; i++) {
		uint16_t alone;

		assert_int_equal(of[i], i == 1 || i == 2 || i == 5 ? 0 : NO_TYPE);
		assert_int_equal(types_of_block(types, &index, i, &alone), 0);
		assert_int_equal(alone, of[i]);
	}
	block_index_fini(&index);
	types_free(types);
}

static void two_vtables_of_one_name_are_one_type(void **state)
{
	struct types *types = types_new(&space, &reader);
	plat_addr first = put_good("3foo"),
		  second = put_class(MODULE + 2 * PAGE, "3foo", MODULE + PAGE + 2 * width),
		  third = put_class(MODULE + 3 * PAGE, "3bar", MODULE + PAGE + 2 * width);
	uint16_t a, b, c;

	(void)state;
	assert_non_null(types);
	assert_int_equal(types_of_word(types, first, &a), 0);
	assert_int_equal(types_of_word(types, second, &b), 0);
	assert_int_equal(types_of_word(types, third, &c), 0);
	assert_int_equal(a, 0);
	assert_int_equal(b, 0);
	assert_int_equal(c, 1);
	types_free(types);
}

/* Every word of a module that leads nowhere is remembered, too: the table grows. */
static void many_words_lead_nowhere(void **state)
{
	struct types *types = types_new(&space, &reader);
	plat_addr point = put_good("3foo"), at;
	unsigned again;
	uint16_t type;

	(void)state;
	assert_non_null(types);
	for (again = 0; again < 2; again++)
		for (at = MODULE; at < MODULE + MODULE_SIZE; at++) {
			bool is_type = at == point || at == MODULE + PAGE + 2 * width;

			assert_int_equal(types_of_word(types, at, &type), 0);
			assert_int_equal(type != NO_TYPE, is_type);
		}
	assert_false(types_are_cut(types));
	types_free(types);
}

static void memory_may_end_anywhere(void **state)
{
	plat_addr point = put_good("3foo");
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		struct types *types = types_new(&space, &reader);
		uint16_t type = NO_TYPE;

		if (types && types_of_word(types, point, &type) == 0)
			assert_int_equal(type, 0);
		else
			assert_true(failing_failed());
		types_free(types);
		assert_int_equal(failing_alive(), 0);
	}
}

#define BOTH(test)                                                                                 \
	cmocka_unit_test_setup_teardown(test, begin_64, end),                                      \
		cmocka_unit_test_setup_teardown(test, begin_32, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_vtable_leads_to_a_name),
		BOTH(a_star_before_a_name_is_none_of_it),
		BOTH(what_points_elsewhere_has_no_type),
		BOTH(a_vtable_of_a_base_within_an_object_is_no_start_of_a_block),
		BOTH(a_class_built_without_types_has_none),
		BOTH(what_has_no_class_of_cxxabi_is_no_typeinfo),
		BOTH(names_that_no_class_can_have_are_none),
		BOTH(a_name_without_an_end_is_none),
		BOTH(what_cannot_be_read_has_no_type),
		BOTH(live_blocks_are_counted_by_type),
		BOTH(two_vtables_of_one_name_are_one_type),
		BOTH(many_words_lead_nowhere),
		BOTH(memory_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
