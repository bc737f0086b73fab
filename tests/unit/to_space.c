/* The space of a model, as the views see it. */
#include "base/error.h"
#include "model/to_space.h"

#include "unit.h"

#include "space/kinds.h"

#include <errno.h>
#include <string.h>

#define STACK_TOP UINT64_C(0x7ffffffff000)
#define DATA (VMA_READ | VMA_WRITE | VMA_MAY | VMA_ACCOUNT)

static struct model model;
static struct space space;

static int set_up(void **state)
{
	(void)state;
	model_init(&model);
	space_init(&space);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	model_fini(&model);
	space_fini(&space);
	return 0;
}

static void add(plat_addr start, plat_addr end, uint32_t flags, uint32_t file)
{
	const struct vma vma = {.start = start,
				.end = end,
				.pgoff = file == VMA_NO_FILE ? start / PAGE : 0,
				.flags = flags,
				.file = file};

	assert_int_equal(vmas_insert(&model.vmas, &vma), 0);
}

/* A file that a descriptor names. */
static uint32_t open_file(const struct model_file *file)
{
	int descriptor = model_open(&model, file);

	assert_true(descriptor >= 0);
	return (uint32_t)model.descriptors[descriptor];
}

static void convert(const struct space *from)
{
	struct error err = {""};

	space_fini(&space);
	if (model_to_space_of(&model, from, &space, &err) < 0)
		fail_msg("%s", err.text);
	check_space(&space);
}

static const struct region *at(plat_addr addr)
{
	const struct region *region = space_find(&space, addr);

	assert_non_null(region);
	return region;
}

static void assert_named(plat_addr addr, enum kind kind, const char *name)
{
	char buffer[256];

	assert_int_equal(at(addr)->kind, kind);
	assert_string_equal(region_name(&space, at(addr), buffer, sizeof(buffer)), name);
}

static void an_empty_model_is_an_empty_space(void **state)
{
	(void)state;
	convert(NULL);
	assert_int_equal(space.nregions, 0);
	assert_int_equal(space.user_end, STACK_TOP);
	assert_int_equal(space.mmap_base, 0x7ffff7fff000);
	assert_int_equal(space.direction, DIRECTION_TOP_DOWN);
	assert_int_equal(space.process.pid, 0);
	assert_int_equal(space.process.bits, 64);
	assert_string_equal(space.process.command, "model");
	assert_true(space.brk == UNKNOWN);
}

static void ranges_rights_and_offsets_are_the_models(void **state)
{
	const struct model_file readable = {.readable = true, .name = NO_FILE};
	uint32_t file = open_file(&readable);

	(void)state;
	add(0x10000, 0x12000, VMA_READ | VMA_EXEC | VMA_MAY, file);
	vmas_at(&model.vmas, vmas_first(&model.vmas))->pgoff = 3;
	add(0x12000, 0x13000, DATA, VMA_NO_FILE);
	/* Shared, of a file that was opened for reading: the kernel shows s. */
	add(0x13000, 0x14000, VMA_READ | VMA_MAYSHARE, file);
	convert(NULL);
	assert_int_equal(space.nmappings, 3);
	assert_int_equal(at(0x10000)->end, 0x12000);
	assert_int_equal(at(0x10000)->rights, RIGHT_READ | RIGHT_EXEC);
	assert_int_equal(at(0x10000)->offset, 0x3000);
	assert_int_equal(at(0x12000)->rights, RIGHT_READ | RIGHT_WRITE);
	assert_int_equal(at(0x12000)->offset, 0);
	assert_int_equal(at(0x13000)->rights, RIGHT_READ | RIGHT_SHARED);
}

static void heap_and_stack_get_their_names(void **state)
{
	(void)state;
	model.start_brk = 0x20800;
	model.brk = 0x40000;
	add(0x1f000, 0x21000, DATA, VMA_NO_FILE);
	add(0x30000, 0x40000, DATA, VMA_NO_FILE);
	add(0x50000, 0x51000, DATA, VMA_NO_FILE);
	add(0x60000, 0x61000, DATA | VMA_GROWSDOWN, VMA_NO_FILE);
	add(STACK_TOP - 0x21000, STACK_TOP, DATA | VMA_GROWSDOWN, VMA_NO_FILE);
	convert(NULL);
	assert_named(0x20000, KIND_HEAP, "[heap]");
	assert_named(0x30000, KIND_HEAP, "[heap]");
	assert_named(0x50000, KIND_ANON, "[anon]");
	assert_named(0x60000, KIND_ANON, "[anon]");
	assert_named(STACK_TOP - 1, KIND_STACK, "[stack]");
	assert_int_equal(space.start_brk, 0x20800);
	assert_int_equal(space.brk, 0x40000);
	/* The stack pointer that exec left decides, if there is one. */
	model.start_stack = 0x60800;
	convert(NULL);
	assert_named(0x60000, KIND_STACK, "[stack]");
	assert_named(STACK_TOP - 1, KIND_ANON, "[anon]");
}

static void files_without_a_name_are_told_apart(void **state)
{
	const struct model_file kinds[] = {
		{.readable = true, .name = NO_FILE},
		{.shmem = true, .name = NO_FILE},
		{.shmem = true, .anonymous = true, .name = NO_FILE},
		{.whole = true, .name = NO_FILE},
	};
	uint32_t files[ARRAY_SIZE(kinds)];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		files[i] = open_file(&kinds[i]);
	add(0x10000, 0x11000, VMA_READ, files[0]);
	add(0x20000, 0x21000, VMA_READ | VMA_SHARED | VMA_MAYSHARE, files[1]);
	add(0x30000, 0x31000, VMA_READ | VMA_SHARED | VMA_MAYSHARE, files[2]);
	add(0x40000, 0x41000, VMA_READ, files[3]);
	add(0x50000, 0x51000, VMA_READ | VMA_EXEC, files[3]);
	convert(NULL);
	assert_named(0x10000, KIND_FILE, "file 0");
	assert_named(0x20000, KIND_SHM, "memfd 1");
	assert_named(0x30000, KIND_SHM, "shared anonymous");
	assert_named(0x40000, KIND_VVAR, "[vvar]");
	assert_named(0x50000, KIND_VDSO, "[vdso]");
}

static void files_have_the_names_they_came_with(void **state)
{
	struct space from;
	struct model_file file = {.readable = true};

	(void)state;
	space_init(&from);
	assert_int_equal(space_add_file(&from, "/other", 8, 1, 1, &file.name), 0);
	assert_int_equal(space_add_file(&from, "/bin/ls (deleted)", 8, 1, 2, &file.name), 0);
	from.process.pid = 4711;
	strcpy(from.process.command, "ls");
	add(0x10000, 0x11000, VMA_READ, open_file(&file));
	convert(&from);
	assert_named(0x10000, KIND_FILE, "/bin/ls (deleted)");
	assert_int_equal(space.process.pid, 4711);
	assert_string_equal(space.process.command, "ls");
	space_fini(&from);
}

static void modules_and_threads_stay(void **state)
{
	struct space from;
	struct model_file file = {.readable = true};
	struct module module = {.role = MODULE_PROGRAM, .header = 0x10000, .nsegments = 1};

	(void)state;
	space_init(&from);
	assert_int_equal(space_add_file(&from, "/bin/ls", 8, 1, 2, &file.name), 0);
	module.file = file.name;
	module.segments[0] = (struct segment){.start = 0x10000,
					      .file_end = 0x11000,
					      .end = 0x11000,
					      .rights = RIGHT_READ | RIGHT_EXEC};
	from.modules = &module;
	from.nmodules = 1;
	add(0x10000, 0x11000, VMA_READ | VMA_EXEC, open_file(&file));
	convert(&from);
	assert_int_equal(at(0x10000)->kind, KIND_TEXT);
	from.modules = NULL;
	from.nmodules = 0;
	space_fini(&from);
}

static void figures_and_limits_are_the_models(void **state)
{
	(void)state;
	model.counters = (struct model_counters){.total = 10, .data = 4, .stack = 3, .locked = 2};
	model.limits[MODEL_DATA] = (struct model_limits){MIB, 2 * MIB};
	convert(NULL);
	assert_int_equal(space.figures[VM_SIZE], 10 * PAGE);
	assert_int_equal(space.figures[VM_DATA], 4 * PAGE);
	assert_int_equal(space.figures[VM_STK], 3 * PAGE);
	assert_int_equal(space.figures[VM_LCK], 2 * PAGE);
	assert_true(space.figures[VM_RSS] == UNKNOWN);
	assert_non_null(space.why.pages);
	assert_int_equal(space.limits[LIMIT_DATA].soft, MIB);
	assert_int_equal(space.limits[LIMIT_DATA].hard, 2 * MIB);
	assert_true(space.limits[LIMIT_AS].soft == LIMIT_INFINITE);
}

static void the_gap_below_the_stack_is_seen(void **state)
{
	size_t i;

	(void)state;
	add(STACK_TOP - 0x21000, STACK_TOP, DATA | VMA_GROWSDOWN, VMA_NO_FILE);
	convert(NULL);
	for (i = 0; i < space.ngaps; i++)
		if (space.gaps[i].kind == GAP_STACK_GUARD)
			break;
	assert_true(i < space.ngaps);
	assert_int_equal(space.gaps[i].end, STACK_TOP - 0x21000);
	assert_int_equal(gap_size(&space.gaps[i]), MIB);
}

static void each_allocation_may_fail(void **state)
{
	const struct model_file memfd = {.shmem = true, .name = NO_FILE};
	struct error err;
	size_t n;
	int r;

	(void)state;
	add(0x10000, 0x11000, DATA, VMA_NO_FILE);
	add(0x20000, 0x21000, VMA_READ | VMA_SHARED | VMA_MAYSHARE, open_file(&memfd));
	add(STACK_TOP - 0x21000, STACK_TOP, DATA | VMA_GROWSDOWN, VMA_NO_FILE);
	FOR_EACH_ALLOCATION(n)
	{
		struct space made;

		r = model_to_space(&model, &made, &err);
		/* A reason that finds no memory is forgotten quietly. */
		if (r == 0)
			space_fini(&made);
		else
			assert_int_equal(r, -ENOMEM);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_model_is_an_empty_space),
		TEST(ranges_rights_and_offsets_are_the_models),
		TEST(heap_and_stack_get_their_names),
		TEST(files_without_a_name_are_told_apart),
		TEST(files_have_the_names_they_came_with),
		TEST(modules_and_threads_stay),
		TEST(figures_and_limits_are_the_models),
		TEST(the_gap_below_the_stack_is_seen),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
