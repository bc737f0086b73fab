/* Which kind each byte is: spaces made by hand. */
#include "space/kinds.h"

#include "fixture.h"
#include "hand.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM UINT64_C(0x400000)

static void add(plat_addr start, uint64_t size, unsigned rights, const char *name)
{
	add_mapping(&space, start, start + size, rights, name);
}

static void assign(void)
{
	assert_int_equal(kinds_assign(&space), 0);
	check_space(&space);
}

static void assert_region(size_t i, plat_addr start, plat_addr end, enum kind kind)
{
	assert_true(i < space.nregions);
	assert_int_equal(space.regions[i].start, start);
	assert_int_equal(space.regions[i].end, end);
	assert_string_equal(kind_name(space.regions[i].kind), kind_name(kind));
}

static enum kind kind_at(plat_addr at)
{
	const struct region *region = space_find(&space, at);

	return region ? region->kind : KIND_NONE;
}

/* The kind of a mapping of a page with this name and these rights. */
static enum kind kind_alone(unsigned rights, const char *name)
{
	space_fini(&space);
	add(0x10000, PAGE, rights, name);
	assign();
	assert_int_equal(space.nregions, 1);
	return space.regions[0].kind;
}

static void add_segment(struct module *module, plat_addr start, uint64_t file_size, uint64_t size,
			unsigned rights)
{
	module->segments[module->nsegments++] = (struct segment){
		.start = start,
		.file_end = start + file_size,
		.end = start + size,
		.rights = (uint8_t)rights,
	};
}

/*
 * A program as the linker makes it, with .data and .bss in one page:
 *
 *     400 r--p | 401 r-xp 402 | 403 r--p | 404 r--p relro | 405 rw-p | 406 rw-p anonymous 407 |
 */
static struct module *add_program(void)
{
	struct module *module;

	add(PROGRAM, PAGE, READ, "/bin/a");
	add(PROGRAM + 0x1000, 2 * PAGE, RX, "/bin/a");
	add(PROGRAM + 0x3000, PAGE, READ, "/bin/a");
	add(PROGRAM + 0x4000, PAGE, READ, "/bin/a");
	add(PROGRAM + 0x5000, PAGE, RW, "/bin/a");
	add(PROGRAM + 0x6000, 2 * PAGE, RW, NULL);
	module = add_module(&space, PROGRAM, MODULE_PROGRAM, add_file(&space, "/bin/a", INODE));
	add_segment(module, PROGRAM, 0x800, 0x800, READ);
	add_segment(module, PROGRAM + 0x1000, 0x1234, 0x1234, RX);
	add_segment(module, PROGRAM + 0x3000, 0x100, 0x100, READ);
	add_segment(module, PROGRAM + 0x4e00, 0x433, 0x3100, RW);
	module->relro_start = PROGRAM + 0x4000;
	module->relro_end = PROGRAM + 0x5000;
	return module;
}

/* Names. */

static void every_kind_has_a_name_and_is_found_by_it(void **state)
{
	unsigned kind;

	(void)state;
	for (kind = KIND_NONE + 1; kind < NKINDS; kind++) {
		assert_non_null(kind_name(kind));
		assert_non_null(kind_help(kind));
		assert_int_equal(kind_by_name(kind_name(kind)), kind);
	}
	assert_int_equal(kind_by_name("unknown"), KIND_NONE);
	assert_int_equal(kind_by_name(""), KIND_NONE);
}

static void every_gap_has_a_name(void **state)
{
	unsigned kind;

	(void)state;
	for (kind = 0; kind < NGAP_KINDS; kind++)
		assert_non_null(gap_kind_name(kind));
}

static void shared_memory_is_known_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "/dev/shm/a"), KIND_SHM);
	assert_int_equal(space.files[0].type, FILE_POSIX_SHM);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "/SYSV0001e240 (deleted)"), KIND_SHM);
	assert_int_equal(space.files[0].type, FILE_SYSV_SHM);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "/memfd:a (deleted)"), KIND_SHM);
	assert_int_equal(space.files[0].type, FILE_MEMFD);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "/dev/zero (deleted)"), KIND_SHM);
	assert_int_equal(space.files[0].type, FILE_SHARED_ANON);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "[anon_shmem:a]"), KIND_SHM);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, NULL), KIND_SHM);
}

static void a_file_that_only_begins_like_shared_memory_is_a_file(void **state)
{
	(void)state;
	assert_int_equal(kind_alone(RW, "/SYSV0001e240"), KIND_FILE); /* not deleted */
	assert_int_equal(kind_alone(RW, "/SYSV1 (deleted)"), KIND_FILE);
	assert_int_equal(kind_alone(RW, "/SYSV0001e2401 (deleted)"), KIND_FILE);
	assert_int_equal(kind_alone(RW, "/SYSV\x1b[31mx (deleted)"), KIND_FILE);
	assert_int_equal(kind_alone(READ, "/dev/zero"), KIND_DEVICE);
	assert_int_equal(kind_alone(READ, "/devices"), KIND_FILE);
}

static void special_names_have_kinds_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(kind_alone(RW, "[heap]"), KIND_HEAP);
	assert_int_equal(kind_alone(RW, "[stack]"), KIND_STACK);
	assert_int_equal(kind_alone(RW, "[stack:123]"), KIND_THREAD_STACK);
	assert_int_equal(kind_alone(RX, "[vdso]"), KIND_VDSO);
	assert_int_equal(kind_alone(RX, "[vdso32]"), KIND_VDSO);
	assert_int_equal(kind_alone(READ, "[vvar]"), KIND_VVAR);
	assert_int_equal(kind_alone(READ, "[vvar_vclock]"), KIND_VVAR);
	assert_int_equal(kind_alone(RIGHT_EXEC, "[vsyscall]"), KIND_VSYSCALL);
	assert_int_equal(kind_alone(RIGHT_EXEC, "[uprobes]"), KIND_VDSO);
	assert_int_equal(kind_alone(RW, "[anon:glibc: malloc]"), KIND_ANON);
	assert_int_equal(kind_alone(RW, "[something new]"), KIND_ANON);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "[something new]"), KIND_SHM);
}

static void secret_memory_huge_pages_and_devices_are_known_by_name(void **state)
{
	(void)state;
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "/secretmem (deleted)"), KIND_SECRET);
	assert_int_equal(kind_alone(RW, "/anon_hugepage (deleted)"), KIND_HUGETLB);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "/dev/dri/card0"), KIND_DEVICE);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "anon_inode:[perf_event]"), KIND_DEVICE);
	assert_int_equal(kind_alone(RW | RIGHT_SHARED, "/[aio] (deleted)"), KIND_DEVICE);
}

static void private_memory_without_rights_is_reserved(void **state)
{
	(void)state;
	assert_int_equal(kind_alone(0, NULL), KIND_RESERVED);
	assert_int_equal(kind_alone(0, "/lib/a"), KIND_RESERVED);
	assert_int_equal(kind_alone(RIGHT_SHARED, NULL), KIND_SHM);
	assert_int_equal(kind_alone(0, "[anon:pool]"), KIND_RESERVED);
}

/* Modules. */

static void bss_begins_at_the_byte_where_the_file_ends(void **state)
{
	(void)state;
	add_program();
	assign();
	assert_region(4, PROGRAM + 0x5000, PROGRAM + 0x5233, KIND_DATA);
	assert_region(5, PROGRAM + 0x5233, PROGRAM + 0x6000, KIND_BSS);
	assert_region(6, PROGRAM + 0x6000, PROGRAM + 0x8000, KIND_BSS);
	assert_int_equal(space.nregions, 7);
}

static void both_parts_of_a_cut_page_stay_one_mapping(void **state)
{
	(void)state;
	add_program();
	assign();
	assert_int_equal(space.regions[4].mapping, space.regions[5].mapping);
	assert_int_equal(space.regions[5].offset, space.regions[4].offset + 0x233);
	assert_int_not_equal(space.regions[5].mapping, space.regions[6].mapping);
}

static void segments_have_kinds_by_their_program_headers(void **state)
{
	(void)state;
	add_program();
	assign();
	assert_region(0, PROGRAM, PROGRAM + 0x1000, KIND_RODATA);
	assert_region(1, PROGRAM + 0x1000, PROGRAM + 0x3000, KIND_TEXT);
	assert_region(2, PROGRAM + 0x3000, PROGRAM + 0x4000, KIND_RODATA);
	assert_region(3, PROGRAM + 0x4000, PROGRAM + 0x5000, KIND_RELRO);
}

static void the_anonymous_tail_of_bss_belongs_to_the_module(void **state)
{
	char name[64];

	(void)state;
	add_program();
	assign();
	assert_int_equal(space.regions[6].module, 0);
	assert_string_equal(region_name(&space, &space.regions[6], name, sizeof(name)), "/bin/a");
}

static void anonymous_memory_behind_bss_is_not_bss(void **state)
{
	(void)state;
	add_program();
	space.regions[5].end += 4 * PAGE; /* the kernel merged a mapping of somebody else's */
	assign();
	assert_region(6, PROGRAM + 0x6000, PROGRAM + 0x8000, KIND_BSS);
	assert_region(7, PROGRAM + 0x8000, PROGRAM + 0xc000, KIND_ANON);
	assert_int_equal(space.regions[7].module, NO_MODULE);
}

static void a_segment_that_is_all_bss_begins_at_its_page(void **state)
{
	struct module *module;

	(void)state;
	add(PROGRAM, PAGE, RX, "/bin/a");
	add(PROGRAM + 0x1000, PAGE, RW, NULL);
	module = add_module(&space, PROGRAM, MODULE_PROGRAM, add_file(&space, "/bin/a", INODE));
	add_segment(module, PROGRAM, PAGE, PAGE, RX);
	add_segment(module, PROGRAM + 0x1040, 0, 0x100, RW);
	assign();
	assert_region(1, PROGRAM + 0x1000, PROGRAM + 0x2000, KIND_BSS);
}

static void a_hole_between_segments_is_reserved_and_the_librarys(void **state)
{
	struct module *module;

	(void)state;
	add(PROGRAM, PAGE, RX, "/lib/a");
	add(PROGRAM + 0x1000, 0x1ff000, 0, "/lib/a");
	add(PROGRAM + 0x200000, PAGE, RW, "/lib/a");
	module = add_module(&space, PROGRAM, MODULE_LIBRARY, add_file(&space, "/lib/a", INODE));
	add_segment(module, PROGRAM, PAGE, PAGE, RX);
	add_segment(module, PROGRAM + 0x200000, PAGE, PAGE, RW);
	assign();
	assert_region(1, PROGRAM + 0x1000, PROGRAM + 0x200000, KIND_RESERVED);
	assert_int_equal(space.regions[1].module, 0);
}

static void somebody_elses_file_inside_a_module_keeps_its_kind(void **state)
{
	struct module *module;

	(void)state;
	add(PROGRAM, PAGE, RX, "/bin/a");
	add(PROGRAM + 0x1000, PAGE, RW, "/var/data");
	module = add_module(&space, PROGRAM, MODULE_PROGRAM, add_file(&space, "/bin/a", INODE));
	add_segment(module, PROGRAM, PAGE, 2 * PAGE, RW);
	assign();
	assert_int_equal(kind_at(PROGRAM + 0x1000), KIND_FILE);
	assert_int_equal(space_find(&space, PROGRAM + 0x1000)->module, NO_MODULE);
}

static void the_same_file_mapped_as_data_is_a_file(void **state)
{
	(void)state;
	add_program();
	add(PROGRAM + 0x100000, PAGE, READ, "/bin/a");
	assign();
	assert_int_equal(kind_at(PROGRAM + 0x100000), KIND_FILE);
}

static void the_vdso_keeps_its_kind(void **state)
{
	struct module *module;

	(void)state;
	add(PROGRAM, 2 * PAGE, RX, "[vdso]");
	module = add_module(&space, PROGRAM, MODULE_VDSO, add_file(&space, "[vdso]", INODE));
	add_segment(module, PROGRAM, 0x1800, 0x1800, RX);
	assign();
	assert_region(0, PROGRAM, PROGRAM + 0x2000, KIND_VDSO);
	assert_int_equal(space.regions[0].module, 0);
}

static void modules_that_overlap_leave_a_valid_space(void **state)
{
	unsigned i;

	(void)state;
	add_program();
	for (i = 0; i < 20; i++) {
		struct module *module = add_module(&space, PROGRAM + i * 0x300, i % 4, 0);

		add_segment(module, PROGRAM + i * 0x123, 0x1111, UINT64_MAX / 2, i % 8);
		add_segment(module, 0, UINT64_MAX, UINT64_MAX, 7 - i % 8);
		module->relro_end = UINT64_MAX;
	}
	assign();
	assert_int_equal(space.nmappings, 6);
}

/* Threads. */

/* A guard, a stack of 16 pages, and static TLS in the last 0x740 bytes of it. */
static void add_stack_of(int tid, plat_addr start)
{
	struct thread *thread = add_thread(&space, tid, "baker");

	thread->guard_start = start;
	thread->stack_start = start + PAGE;
	thread->stack_end = start + 17 * PAGE;
	thread->tls_start = thread->stack_end - 0x740;
	thread->tls_end = thread->stack_end;
}

static void a_threads_stack_has_a_guard_and_tls(void **state)
{
	(void)state;
	add(0x10000, PAGE, 0, NULL);
	add(0x11000, 16 * PAGE, RW, NULL);
	add_stack_of(7, 0x10000);
	assign();
	assert_region(0, 0x10000, 0x11000, KIND_GUARD);
	assert_region(1, 0x11000, 0x208c0, KIND_THREAD_STACK);
	assert_region(2, 0x208c0, 0x21000, KIND_TLS);
	assert_int_equal(space.regions[0].thread, 0);
	assert_int_equal(space.regions[2].thread, 0);
	assert_int_equal(region_sharing(&space, &space.regions[1]), SHARED_BY_THREAD);
}

static void stacks_merged_into_one_mapping_are_told_apart(void **state)
{
	(void)state;
	add(0x10000, 34 * PAGE, RW, NULL); /* no guards: nothing keeps the kernel from merging */
	add_stack_of(7, 0x10000);
	add_stack_of(8, 0x10000 + 17 * PAGE);
	assign();
	assert_int_equal(space_find(&space, 0x12000)->thread, 0);
	assert_int_equal(space_find(&space, 0x24000)->thread, 1);
	assert_int_equal(kind_at(0x24000), KIND_THREAD_STACK);
}

static void pages_closed_inside_a_stack_are_guards(void **state)
{
	(void)state;
	add(0x11000, PAGE, RW, NULL);
	add(0x12000, 4 * PAGE, 0, NULL);
	add(0x16000, 11 * PAGE, RW, NULL);
	add_stack_of(7, 0x10000);
	assign();
	assert_region(1, 0x12000, 0x16000, KIND_GUARD);
}

static void a_file_inside_a_stack_keeps_its_kind(void **state)
{
	(void)state;
	add(0x11000, PAGE, RW, NULL);
	add(0x12000, PAGE, RW, "/a");
	add_stack_of(7, 0x10000);
	assign();
	assert_int_equal(kind_at(0x12000), KIND_FILE);
}

static void tls_in_the_heap_keeps_the_kind_and_says_whose_it_is(void **state)
{
	struct thread *thread = add_thread(&space, 1, "main");

	(void)state;
	add(0x10000, 2 * PAGE, RW, "[heap]");
	thread->is_main = true;
	thread->tls_start = 0x10740;
	thread->tls_end = 0x11100;
	assign();
	assert_region(1, 0x10740, 0x11100, KIND_HEAP);
	assert_int_equal(space.regions[1].thread, 0);
	assert_int_equal(space.regions[0].thread, NO_THREAD);
}

static void tls_of_the_main_thread_lies_anywhere(void **state)
{
	struct thread *thread = add_thread(&space, 1, "main");

	(void)state;
	add(0x10000, 2 * PAGE, RW, NULL);
	thread->is_main = true;
	thread->tls_start = 0x10740;
	thread->tls_end = 0x11100;
	assign();
	assert_region(1, 0x10740, 0x11100, KIND_TLS);
	assert_region(0, 0x10000, 0x10740, KIND_ANON);
	assert_int_equal(space.regions[0].thread, NO_THREAD);
}

static void arguments_environment_and_auxv_are_parts_of_the_stack(void **state)
{
	(void)state;
	add_thread(&space, 1, "main")->is_main = true;
	add(0x10000, 16 * PAGE, RW, "[stack]");
	space.process.auxv_start = 0x1e100;
	space.process.auxv_end = 0x1e250;
	space.process.arg_start = 0x1e300;
	space.process.arg_end = space.process.env_start = 0x1e310;
	space.process.env_end = 0x1fff0;
	assign();
	assert_region(0, 0x10000, 0x1e100, KIND_STACK);
	assert_region(1, 0x1e100, 0x1e250, KIND_AUXV);
	assert_region(2, 0x1e250, 0x1e300, KIND_STACK);
	assert_region(3, 0x1e300, 0x1e310, KIND_ARGS);
	assert_region(4, 0x1e310, 0x1fff0, KIND_ENV);
	assert_region(5, 0x1fff0, 0x20000, KIND_STACK);
	assert_int_equal(space.nmappings, 1);
	assert_int_equal(space.regions[3].thread, 0);
}

/* prctl(PR_SET_MM) lets a program say that its arguments lie anywhere. */
static void arguments_outside_the_stack_are_not_believed(void **state)
{
	(void)state;
	add(0x10000, PAGE, RW, NULL);
	add(0x20000, PAGE, RW, "[stack]");
	space.process.arg_start = 0x10100;
	space.process.arg_end = 0x10200;
	space.process.env_start = 0x20f00;
	space.process.env_end = 0x20100;
	assign();
	assert_region(0, 0x10000, 0x11000, KIND_ANON);
	assert_region(1, 0x20000, 0x21000, KIND_STACK);
}

/* Guards. */

static void a_small_closed_page_beside_open_memory_is_a_guard(void **state)
{
	(void)state;
	add(0x10000, PAGE, 0, NULL);
	add(0x11000, PAGE, RW, NULL);
	add(0x12000, PAGE, 0, NULL);
	assign();
	assert_region(0, 0x10000, 0x11000, KIND_GUARD);
	assert_region(2, 0x12000, 0x13000, KIND_GUARD);
}

static void a_small_closed_page_beside_a_closed_secret_is_a_guard(void **state)
{
	(void)state;
	add(0x10000, PAGE, 0, NULL);
	add(0x11000, PAGE, RIGHT_SHARED, "/secretmem (deleted)");
	add(0x12000, PAGE, 0, NULL);
	assign();
	assert_region(0, 0x10000, 0x11000, KIND_GUARD);
	assert_region(1, 0x11000, 0x12000, KIND_SECRET);
	assert_region(2, 0x12000, 0x13000, KIND_GUARD);
}

static void a_small_closed_page_alone_is_reserved(void **state)
{
	(void)state;
	add(0x10000, PAGE, 0, NULL);
	add(0x20000, PAGE, RW, NULL);
	assign();
	assert_region(0, 0x10000, 0x11000, KIND_RESERVED);
}

static void a_large_closed_range_is_reserved(void **state)
{
	(void)state;
	add(0x10000, 0x10000, 0, NULL);
	add(0x20000, PAGE, RW, NULL);
	add(0x21000, 0x11000, 0, NULL);
	assign();
	assert_region(0, 0x10000, 0x20000, KIND_GUARD);
	assert_region(2, 0x21000, 0x32000, KIND_RESERVED);
}

/* Owners and names. */

static void what_several_processes_see_is_theirs(void **state)
{
	(void)state;
	add(0x10000, PAGE, RW | RIGHT_SHARED, "/dev/shm/a");
	add(0x20000, PAGE, RW, NULL);
	assign();
	assert_int_equal(region_sharing(&space, &space.regions[0]), SHARED_BY_PROCESSES);
	assert_int_equal(region_sharing(&space, &space.regions[1]), SHARED_BY_THREADS);
	assert_string_equal(sharing_name(SHARED_BY_PROCESSES), "processes");
}

static const char *name_of(unsigned rights, const char *file_name)
{
	static char name[256];

	kind_alone(rights, file_name);
	return region_name(&space, &space.regions[0], name, sizeof(name));
}

static void names_are_what_a_reader_would_call_it(void **state)
{
	(void)state;
	assert_string_equal(name_of(READ, "/usr/lib/a b"), "/usr/lib/a b");
	assert_string_equal(name_of(READ, "/usr/lib/a (deleted)"), "/usr/lib/a (deleted)");
	assert_string_equal(name_of(RW | RIGHT_SHARED, "/dev/shm/a"), "POSIX /a");
	assert_string_equal(name_of(RW | RIGHT_SHARED, "/dev/shm/a (deleted)"),
			    "POSIX /a (deleted)");
	assert_string_equal(name_of(RW | RIGHT_SHARED, "/SYSV0001e240 (deleted)"),
			    "SysV id 77 key 0x0001e240");
	assert_string_equal(name_of(RW | RIGHT_SHARED, "/memfd:town (deleted)"), "memfd town");
	assert_string_equal(name_of(RW | RIGHT_SHARED, "/dev/zero (deleted)"), "shared anonymous");
	assert_string_equal(name_of(RW | RIGHT_SHARED, "/secretmem (deleted)"), "memfd_secret");
	assert_string_equal(name_of(RW, NULL), "[anon]");
	assert_string_equal(name_of(RW, "[heap]"), "[heap]");
	assert_string_equal(name_of(RW, "[anon:glibc: malloc]"), "[anon:glibc: malloc]");
}

static void names_cannot_move_the_cursor(void **state)
{
	(void)state;
	assert_string_equal(name_of(READ, "/a\x1b[2J\x9b"), "/a\\x1b[2J\\x9b");
	assert_string_equal(name_of(RW, "/SYSV\x1b[2Jxxxx (deleted)"),
			    "/SYSV\\x1b[2Jxxxx (deleted)");
	assert_string_equal(name_of(RW | RIGHT_SHARED, "/memfd:\x1b (deleted)"), "memfd \\x1b");
}

static void a_threads_regions_bear_its_name(void **state)
{
	char name[64];

	(void)state;
	add(0x11000, 16 * PAGE, RW, NULL);
	add_stack_of(7, 0x10000);
	strcpy(space.threads[0].name, "a\x1b");
	assign();
	assert_string_equal(region_name(&space, &space.regions[0], name, sizeof(name)), "a\\x1b");
	space.threads[0].tid = 0;
	assert_string_equal(region_name(&space, &space.regions[0], name, sizeof(name)),
			    "kept for a new thread");
}

static void a_name_is_cut_to_its_buffer(void **state)
{
	char name[8] = "xxxxxxx";
	size_t size;

	(void)state;
	kind_alone(RW | RIGHT_SHARED, "/dev/shm/a-long-name (deleted)");
	for (size = 1; size <= sizeof(name); size++) {
		region_name(&space, &space.regions[0], name, size);
		assert_true(strlen(name) < size);
	}
}

static void an_empty_space_needs_no_kinds(void **state)
{
	(void)state;
	assign();
	assert_int_equal(space.nregions, 0);
}

static void no_byte_stays_without_a_kind(void **state)
{
	size_t i;

	(void)state;
	add_program();
	add(0x10000000, 16 * PAGE, RW, "[heap]");
	add(0x20000000, PAGE, 0, NULL);
	assign();
	for (i = 0; i < space.nregions; i++)
		assert_int_not_equal(space.regions[i].kind, KIND_NONE);
}

static void each_allocation_may_fail(void **state)
{
	struct region *regions;
	size_t n, nregions;

	(void)state;
	add_program();
	add(0x10000000, 17 * PAGE, RW, NULL);
	add_stack_of(7, 0x10000000);
	add(0x20000000, 16 * PAGE, RW, "[stack]");
	space.process.arg_start = 0x20001000;
	space.process.arg_end = 0x20001010;
	nregions = space.nregions;
	regions = calloc(nregions, sizeof(*regions));
	assert_non_null(regions);
	memcpy(regions, space.regions, nregions * sizeof(*regions));
	FOR_EACH_ALLOCATION(n)
	{
		int r = kinds_assign(&space);

		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_int_equal(failing_alive(), 0); /* the regions have replaced others */
		check_space(&space);
		memcpy(space.regions, regions, nregions * sizeof(*regions));
		space.nregions = nregions;
	}
	assert_true(n > 3);
	free(regions);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_space, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_has_a_name_and_is_found_by_it),
		TEST(every_gap_has_a_name),
		TEST(shared_memory_is_known_by_its_name),
		TEST(a_file_that_only_begins_like_shared_memory_is_a_file),
		TEST(special_names_have_kinds_of_their_own),
		TEST(secret_memory_huge_pages_and_devices_are_known_by_name),
		TEST(private_memory_without_rights_is_reserved),
		TEST(bss_begins_at_the_byte_where_the_file_ends),
		TEST(both_parts_of_a_cut_page_stay_one_mapping),
		TEST(segments_have_kinds_by_their_program_headers),
		TEST(the_anonymous_tail_of_bss_belongs_to_the_module),
		TEST(anonymous_memory_behind_bss_is_not_bss),
		TEST(a_segment_that_is_all_bss_begins_at_its_page),
		TEST(a_hole_between_segments_is_reserved_and_the_librarys),
		TEST(somebody_elses_file_inside_a_module_keeps_its_kind),
		TEST(the_same_file_mapped_as_data_is_a_file),
		TEST(the_vdso_keeps_its_kind),
		TEST(modules_that_overlap_leave_a_valid_space),
		TEST(a_threads_stack_has_a_guard_and_tls),
		TEST(stacks_merged_into_one_mapping_are_told_apart),
		TEST(pages_closed_inside_a_stack_are_guards),
		TEST(a_file_inside_a_stack_keeps_its_kind),
		TEST(tls_in_the_heap_keeps_the_kind_and_says_whose_it_is),
		TEST(tls_of_the_main_thread_lies_anywhere),
		TEST(arguments_environment_and_auxv_are_parts_of_the_stack),
		TEST(arguments_outside_the_stack_are_not_believed),
		TEST(a_small_closed_page_beside_open_memory_is_a_guard),
		TEST(a_small_closed_page_beside_a_closed_secret_is_a_guard),
		TEST(a_small_closed_page_alone_is_reserved),
		TEST(a_large_closed_range_is_reserved),
		TEST(what_several_processes_see_is_theirs),
		TEST(names_are_what_a_reader_would_call_it),
		TEST(names_cannot_move_the_cursor),
		TEST(a_threads_regions_bear_its_name),
		TEST(a_name_is_cut_to_its_buffer),
		TEST(an_empty_space_needs_no_kinds),
		TEST(no_byte_stays_without_a_kind),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
