/* ELF headers as a process holds them in memory: good ones, broken ones, of both classes. */
#include "space/modules.h"

#include "fixture.h"
#include "hand.h"
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x10000)
#define PAGES 8

static struct array array;
static unsigned char memory[PAGES * 4096];

static int set_up(void **state)
{
	memset(memory, 0, sizeof(memory));
	array = array_at(BASE, memory, sizeof(memory));
	return begin_space(state);
}

/* The program headers of a small library, in the form that both classes have in common. */
struct plan {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz;
};

static const struct plan library[] = {
	{PT_LOAD, PF_R, 0, 0, 0x800, 0x800},
	{PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0x900, 0x900},
	{PT_LOAD, PF_R, 0x2000, 0x2000, 0x100, 0x100},
	{PT_LOAD, PF_R | PF_W, 0x2e00, 0x3e00, 0x300, 0x1800},
	{PT_DYNAMIC, PF_R | PF_W, 0x2e00, 0x3e00, 0x100, 0x100},
	{PT_TLS, PF_R, 0x2e00, 0x3e00, 0x10, 0x90},
	{PT_GNU_RELRO, PF_R, 0x2e00, 0x3e00, 0x200, 0x200},
};

static Elf64_Ehdr *write_64(const struct plan *plan, unsigned n, uint64_t bias)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)memory;
	Elf64_Phdr *headers = (Elf64_Phdr *)(header + 1);
	unsigned i;

	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_type = ET_DYN;
	header->e_phoff = sizeof(*header);
	header->e_phentsize = sizeof(*headers);
	header->e_phnum = (Elf64_Half)n;
	for (i = 0; i < n; i++)
		headers[i] = (Elf64_Phdr){
			.p_type = plan[i].type,
			.p_flags = plan[i].flags,
			.p_offset = plan[i].offset,
			.p_vaddr = plan[i].vaddr + bias,
			.p_filesz = plan[i].filesz,
			.p_memsz = plan[i].memsz,
			.p_align = 0x1000,
		};
	return header;
}

static Elf32_Ehdr *write_32(const struct plan *plan, unsigned n)
{
	Elf32_Ehdr *header = (Elf32_Ehdr *)memory;
	Elf32_Phdr *headers = (Elf32_Phdr *)(header + 1);
	unsigned i;

	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS32;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_type = ET_DYN;
	header->e_phoff = sizeof(*header);
	header->e_phentsize = sizeof(*headers);
	header->e_phnum = (Elf32_Half)n;
	for (i = 0; i < n; i++)
		headers[i] = (Elf32_Phdr){
			.p_type = plan[i].type,
			.p_flags = plan[i].flags,
			.p_offset = (Elf32_Off)plan[i].offset,
			.p_vaddr = (Elf32_Addr)plan[i].vaddr,
			.p_filesz = (Elf32_Word)plan[i].filesz,
			.p_memsz = (Elf32_Word)plan[i].memsz,
			.p_align = 0x1000,
		};
	return header;
}

static Elf64_Ehdr *write_library(void)
{
	return write_64(library, ARRAY_SIZE(library), 0);
}

static int read_module(struct module *ret)
{
	*ret = (struct module){.file = 7};
	return modules_read(&array.reader, BASE, PAGE, ret);
}

static void assert_library(const struct module *module)
{
	assert_int_equal(module->bias, BASE);
	assert_int_equal(module->header, BASE);
	assert_int_equal(module->nsegments, 4);
	assert_int_equal(module->segments[1].start, BASE + 0x1000);
	assert_int_equal(module->segments[1].end, BASE + 0x1900);
	assert_int_equal(module->segments[1].rights, RX);
	assert_int_equal(module->segments[3].start, BASE + 0x3e00);
	assert_int_equal(module->segments[3].file_end, BASE + 0x4100);
	assert_int_equal(module->segments[3].end, BASE + 0x5600);
	assert_int_equal(module->relro_start, BASE + 0x3000);
	assert_int_equal(module->relro_end, BASE + 0x4000);
	assert_int_equal(module->tls_size, 0x90);
	assert_int_equal(module->file, 7);
}

static void a_library_of_64_bits_is_read(void **state)
{
	struct module module;

	(void)state;
	write_library();
	assert_int_equal(read_module(&module), 0);
	assert_library(&module);
}

static void a_library_of_32_bits_is_read(void **state)
{
	struct module module;

	(void)state;
	write_32(library, ARRAY_SIZE(library));
	assert_int_equal(read_module(&module), 0);
	assert_library(&module);
}

static void a_program_with_fixed_addresses_has_no_bias(void **state)
{
	struct module module;

	(void)state;
	write_64(library, ARRAY_SIZE(library), BASE)->e_type = ET_EXEC;
	assert_int_equal(read_module(&module), 0);
	assert_int_equal(module.bias, 0);
	assert_int_equal(module.segments[1].start, BASE + 0x1000);
}

/* A prelinked library can be mapped below the addresses in its file. */
static void a_bias_may_be_negative(void **state)
{
	struct module module;

	(void)state;
	write_64(library, ARRAY_SIZE(library), 0x7000000000);
	assert_int_equal(read_module(&module), 0);
	assert_int_equal(module.segments[1].start, BASE + 0x1000);
}

static void relro_ends_at_the_last_whole_page(void **state)
{
	static const struct plan plan[] = {
		{PT_LOAD, PF_R | PF_X, 0, 0, 0x4000, 0x4000},
		{PT_GNU_RELRO, PF_R, 0x1800, 0x1800, 0x1700, 0x1700},
	};
	struct module module;

	(void)state;
	write_64(plan, ARRAY_SIZE(plan), 0);
	assert_int_equal(read_module(&module), 0);
	assert_int_equal(module.relro_start, BASE + 0x1000);
	assert_int_equal(module.relro_end, BASE + 0x2000);
}

/* Broken headers. */

static void assert_broken(void)
{
	struct module module = {.header = 77};

	assert_int_equal(modules_read(&array.reader, BASE, PAGE, &module), -ENOEXEC);
	assert_int_equal(module.header, 77);
}

static void what_is_no_elf_file_is_no_module(void **state)
{
	(void)state;
	assert_broken();
	memcpy(memory, "#!/bin/sh\n", 10);
	assert_broken();
}

static void a_header_of_another_kind_is_no_module(void **state)
{
	(void)state;
	write_library()->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_broken();
	write_library()->e_ident[EI_CLASS] = 3;
	assert_broken();
	write_library()->e_type = ET_CORE;
	assert_broken();
	write_library()->e_type = ET_REL;
	assert_broken();
}

static void a_number_of_headers_that_cannot_be_is_no_module(void **state)
{
	(void)state;
	write_library()->e_phnum = 0;
	assert_broken();
	write_library()->e_phnum = 129;
	assert_broken();
	write_library()->e_phnum = 0xffff;
	assert_broken();
	write_library()->e_phentsize = 32;
	assert_broken();
}

static void headers_that_lie_nowhere_are_no_module(void **state)
{
	struct module module;

	(void)state;
	write_library()->e_phoff = UINT64_MAX - 8;
	assert_broken();
	write_library()->e_phoff = sizeof(memory) - 8;
	assert_int_equal(read_module(&module), -EFAULT);
}

static void an_image_without_its_first_byte_in_a_segment_has_no_bias(void **state)
{
	static const struct plan plan[] = {{PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0x900, 0x900}};

	(void)state;
	write_64(plan, ARRAY_SIZE(plan), 0);
	assert_broken();
}

static void segments_that_cannot_be_are_no_module(void **state)
{
	struct plan plan[] = {{PT_LOAD, PF_R | PF_X, 0, 0, 0x900, 0x900},
			      {PT_LOAD, PF_R, 0x1000, 0x1000, 0x900, 0x900}};

	(void)state;
	plan[1].filesz = 0x901; /* more in the file than in memory */
	write_64(plan, ARRAY_SIZE(plan), 0);
	assert_broken();
	plan[1].filesz = 0;
	plan[1].memsz = UINT64_MAX; /* wraps */
	write_64(plan, ARRAY_SIZE(plan), 0);
	assert_broken();
}

static void empty_segments_are_left_out(void **state)
{
	static const struct plan plan[] = {{PT_LOAD, PF_R | PF_X, 0, 0, 0x900, 0x900},
					   {PT_LOAD, PF_R, 0x1000, 0x1000, 0, 0}};
	struct module module;

	(void)state;
	write_64(plan, ARRAY_SIZE(plan), 0);
	assert_int_equal(read_module(&module), 0);
	assert_int_equal(module.nsegments, 1);
}

static void too_many_segments_are_no_module(void **state)
{
	struct plan plan[MODULE_SEGMENTS + 1];
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(plan); i++)
		plan[i] = (struct plan){PT_LOAD, PF_R, i * PAGE, i * PAGE, PAGE, PAGE};
	write_64(plan, ARRAY_SIZE(plan), 0);
	assert_broken();
}

static void a_relro_that_wraps_is_empty(void **state)
{
	static const struct plan plan[] = {
		{PT_LOAD, PF_R | PF_X, 0, 0, 0x900, 0x900},
		{PT_GNU_RELRO, PF_R, 0, 0x1000, UINT64_MAX, UINT64_MAX - 0xfff},
	};
	struct module module;

	(void)state;
	write_64(plan, ARRAY_SIZE(plan), 0);
	assert_int_equal(read_module(&module), 0);
	assert_true(module.relro_start <= module.relro_end);
}

static void a_header_at_the_very_top_does_not_wrap(void **state)
{
	struct module module;

	(void)state;
	write_library();
	array.base = UINT64_MAX - sizeof(memory) + 1;
	assert_int_equal(modules_read(&array.reader, array.base + 7 * PAGE, PAGE, &module),
			 -ENOEXEC);
}

/* All modules of a space. */

static void add(plat_addr start, uint64_t size, unsigned rights, uint64_t offset, const char *name)
{
	add_mapping(&space, start, start + size, rights, name)->offset = offset;
}

static void add_library(plat_addr at, const char *name)
{
	add(at, PAGE, READ, 0, name);
	add(at + 0x1000, PAGE, RX, 0x1000, name);
	add(at + 0x2000, PAGE, READ, 0x2000, name);
	add(at + 0x3000, 2 * PAGE, RW, 0x2000, name);
}

static void find(struct file_reader *files)
{
	assert_int_equal(modules_find(&space, &array.reader, files), 0);
}

static void a_library_is_found_where_its_header_is_mapped(void **state)
{
	(void)state;
	write_library();
	add_library(BASE, "/lib/a");
	find(NULL);
	assert_int_equal(space.nmodules, 1);
	assert_int_equal(space.modules[0].role, MODULE_LIBRARY);
	assert_int_equal(space.modules[0].file, 0);
	assert_null(space.why.memory);
}

static void a_deleted_library_is_found_too(void **state)
{
	(void)state;
	write_library();
	add_library(BASE, "/lib/a (deleted)");
	find(NULL);
	assert_int_equal(space.nmodules, 1);
}

static void a_library_that_is_only_read_is_no_module(void **state)
{
	(void)state;
	write_library();
	add(BASE, 6 * PAGE, READ, 0, "/lib/a");
	find(NULL);
	assert_int_equal(space.nmodules, 0);
}

static void code_that_is_not_where_the_headers_say_makes_no_module(void **state)
{
	(void)state;
	write_library();
	add(BASE, 2 * PAGE, READ, 0, "/lib/a");
	add(BASE + 0x4000, PAGE, RX, 0, "/lib/a");
	find(NULL);
	assert_int_equal(space.nmodules, 0);
}

static void the_program_and_its_interpreter_are_told_by_the_auxiliary_vector(void **state)
{
	(void)state;
	write_library();
	add_library(BASE, "/bin/a");
	space.process.phdr = BASE + 64;
	find(NULL);
	assert_int_equal(space.modules[0].role, MODULE_PROGRAM);
	space.nmodules = 0;
	space.process.base = BASE;
	find(NULL);
	assert_int_equal(space.modules[0].role, MODULE_INTERPRETER);
}

static void the_vdso_is_a_module(void **state)
{
	static const struct plan plan[] = {{PT_LOAD, PF_R | PF_X, 0, 0, 0x900, 0x900}};

	(void)state;
	write_64(plan, ARRAY_SIZE(plan), 0);
	add(BASE, PAGE, RX, 0, "[vdso]");
	find(NULL);
	assert_int_equal(space.modules[0].role, MODULE_VDSO);
}

static void a_module_that_reaches_into_the_next_is_cut(void **state)
{
	static const struct plan plan[] = {
		{PT_LOAD, PF_R | PF_X, 0, 0, 0x900, 0x900},
		{PT_LOAD, PF_R | PF_W, 0x1000, 0x1000, 0x900, UINT64_C(1) << 40},
	};

	(void)state;
	write_64(plan, ARRAY_SIZE(plan), 0);
	memcpy(memory + 0x4000, memory, 0x1000);
	add(BASE, PAGE, RX, 0, "/lib/a");
	add(BASE + PAGE, PAGE, RW, PAGE, "/lib/a");
	add(BASE + 0x4000, PAGE, RX, 0, "/lib/b");
	add(BASE + 0x5000, PAGE, RW, PAGE, "/lib/b");
	find(NULL);
	assert_int_equal(space.nmodules, 2);
	assert_int_equal(space.modules[0].segments[1].end, BASE + 0x4000);
}

static void a_module_that_reaches_below_its_header_is_cut(void **state)
{
	static const struct plan plan[] = {
		{PT_LOAD, PF_R | PF_X, 0, 0x10000, 0x900, 0x900},
		{PT_LOAD, PF_R, 0x1000, 0x8000, 0x900, 0x8800},
		{PT_GNU_RELRO, PF_R, 0x1000, 0x8000, 0x1000, 0x1000},
	};

	(void)state;
	write_64(plan, ARRAY_SIZE(plan), 0);
	add(BASE, PAGE, RX, 0, "/lib/a");
	find(NULL);
	assert_int_equal(space.nmodules, 1);
	assert_int_equal(space.modules[0].segments[1].start, BASE);
	assert_int_equal(space.modules[0].segments[1].file_end, BASE);
	assert_int_equal(space.modules[0].segments[1].end, BASE + 0x800);
	assert_int_equal(space.modules[0].relro_start, space.modules[0].relro_end);
}

struct backing {
	struct file_reader reader;
	unsigned calls;
};

static int read_file(struct file_reader *files, const struct space *of, const struct region *region,
		     uint64_t offset, void *to, size_t size)
{
	(void)of;
	(void)region;
	((struct backing *)files)->calls++;
	if (offset + size > sizeof(memory))
		return -ENOEXEC;
	memcpy(to, memory + offset, size);
	return 0;
}

/* Its header was never touched, or is in swap. */
static void a_header_that_is_not_in_memory_is_read_from_the_file(void **state)
{
	struct backing backing = {{.read = read_file}, 0};

	(void)state;
	write_library();
	add_library(BASE, "/lib/a");
	array.size = 0;
	find(&backing.reader);
	assert_int_equal(space.nmodules, 1);
	assert_int_equal(space.modules[0].bias, BASE);
	assert_true(backing.calls > 0);
}

static void without_memory_only_files_tell(void **state)
{
	struct backing backing = {{.read = read_file}, 0};

	(void)state;
	write_library();
	add_library(BASE, "/lib/a");
	assert_int_equal(modules_find(&space, NULL, &backing.reader), 0);
	assert_int_equal(space.nmodules, 1);
}

static void a_header_that_is_nowhere_leaves_its_reason(void **state)
{
	(void)state;
	add_library(BASE, "/lib/a");
	array.size = 0;
	find(NULL);
	assert_int_equal(space.nmodules, 0);
	assert_non_null(space.why.memory);
}

/* Tens of thousands of files may be mapped as data. */
static void files_without_code_are_not_looked_at(void **state)
{
	struct backing backing = {{.read = read_file}, 0};

	(void)state;
	add(BASE, PAGE, READ, 0, "/data/a");
	add(BASE + PAGE, PAGE, READ, 0, "/data/b");
	array.size = 0;
	find(&backing.reader);
	assert_int_equal(backing.calls, 0);
	assert_null(space.why.memory);
}

/* The auxiliary vector in the stack. */

static void put(size_t at, uint64_t value, unsigned word)
{
	memcpy(memory + at, &value, word);
}

/* argc, argv, NULL, envp, NULL, pairs. Returns where the vector ends. */
static size_t write_stack(size_t at, unsigned word, uint64_t argc)
{
	uint64_t i;

	put(at, argc, word);
	at += word;
	for (i = 0; i < argc; i++, at += word)
		put(at, 0x1234, word);
	at += word;
	put(at, 0x5678, word); /* one variable of the environment */
	at += 2 * word;
	put(at, AT_PAGESZ, word);
	put(at + word, 4096, word);
	put(at + 2 * word, AT_ENTRY, word);
	return at + 6 * word;
}

static void the_auxiliary_vector_lies_behind_the_environment(void **state)
{
	size_t end = write_stack(0x100, 8, 3);

	(void)state;
	space.process.start_stack = BASE + 0x100;
	modules_find_auxv(&space, &array.reader);
	assert_int_equal(space.process.auxv_start, BASE + 0x100 + 8 * 7);
	assert_int_equal(space.process.auxv_end, BASE + end);
}

static void words_of_a_32_bit_process_are_short(void **state)
{
	size_t end = write_stack(0x100, 4, 3);

	(void)state;
	space.process.bits = 32;
	space.process.start_stack = BASE + 0x100;
	modules_find_auxv(&space, &array.reader);
	assert_int_equal(space.process.auxv_start, BASE + 0x100 + 4 * 7);
	assert_int_equal(space.process.auxv_end, BASE + end);
}

static void assert_no_auxv(plat_addr start_stack)
{
	space.process.start_stack = start_stack;
	modules_find_auxv(&space, &array.reader);
	assert_int_equal(space.process.auxv_start, UNKNOWN);
	assert_int_equal(space.process.auxv_end, UNKNOWN);
}

static void a_stack_that_makes_no_sense_has_no_vector(void **state)
{
	(void)state;
	assert_no_auxv(UNKNOWN);
	assert_no_auxv(0);
	assert_no_auxv(BASE - 8);
	put(0x100, UINT64_MAX, 8); /* argc */
	assert_no_auxv(BASE + 0x100);
	memset(memory, 1, sizeof(memory)); /* the environment never ends */
	put(0x100, 1, 8);
	assert_no_auxv(BASE + 0x100);
}

static void a_vector_without_end_is_none(void **state)
{
	(void)state;
	memset(memory, 1, sizeof(memory));
	put(0x100, 0, 8);
	put(0x108, 0, 8);
	put(0x110, 0, 8);
	assert_no_auxv(BASE + 0x100);
}

static void each_allocation_may_fail(void **state)
{
	size_t n;

	(void)state;
	write_library();
	FOR_EACH_ALLOCATION(n)
	{
		uint32_t index;
		int r = space_add_file(&space, "/lib/a", 8, 1, 5, &index);

		if (r == 0)
			r = space_add_mapping(&space, BASE, BASE + PAGE, READ, 0, index);
		if (r == 0)
			r = space_add_mapping(&space, BASE + PAGE, BASE + 2 * PAGE, RX, PAGE,
					      index);
		if (r == 0)
			r = modules_find(&space, &array.reader, NULL);
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		space_fini(&space);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_library_of_64_bits_is_read),
		TEST(a_library_of_32_bits_is_read),
		TEST(a_program_with_fixed_addresses_has_no_bias),
		TEST(a_bias_may_be_negative),
		TEST(relro_ends_at_the_last_whole_page),
		TEST(what_is_no_elf_file_is_no_module),
		TEST(a_header_of_another_kind_is_no_module),
		TEST(a_number_of_headers_that_cannot_be_is_no_module),
		TEST(headers_that_lie_nowhere_are_no_module),
		TEST(an_image_without_its_first_byte_in_a_segment_has_no_bias),
		TEST(segments_that_cannot_be_are_no_module),
		TEST(empty_segments_are_left_out),
		TEST(too_many_segments_are_no_module),
		TEST(a_relro_that_wraps_is_empty),
		TEST(a_header_at_the_very_top_does_not_wrap),
		TEST(a_library_is_found_where_its_header_is_mapped),
		TEST(a_deleted_library_is_found_too),
		TEST(a_library_that_is_only_read_is_no_module),
		TEST(code_that_is_not_where_the_headers_say_makes_no_module),
		TEST(the_program_and_its_interpreter_are_told_by_the_auxiliary_vector),
		TEST(the_vdso_is_a_module),
		TEST(a_module_that_reaches_into_the_next_is_cut),
		TEST(a_module_that_reaches_below_its_header_is_cut),
		TEST(a_header_that_is_not_in_memory_is_read_from_the_file),
		TEST(without_memory_only_files_tell),
		TEST(a_header_that_is_nowhere_leaves_its_reason),
		TEST(files_without_code_are_not_looked_at),
		TEST(the_auxiliary_vector_lies_behind_the_environment),
		TEST(words_of_a_32_bit_process_are_short),
		TEST(a_stack_that_makes_no_sense_has_no_vector),
		TEST(a_vector_without_end_is_none),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
